//! Requests that carry an Idempotency-Key are carried out once. What came of the first is remembered with its change, in one
//! transaction; whoever sends it again gets the same outcome, and the content as it is then. No answer is kept, so no
//! credential is ever replayed.

use chrono::TimeDelta;
use weir_core::principal::Caller;
use weir_core::{Error, ErrorKind, Result};
use weir_db::idempotency::{self, Outcome};

pub use weir_core::idempotency::Idempotency;

use crate::Weir;

/// How long a key is remembered.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(30);

/// Carries `act` out, unless the same was done before: then `replay` answers, or the refusal is repeated.
///
/// Errors: as `act`; `Invalid` for a key that was used for something else or by somebody else.
pub(crate) async fn once<T>(
    weir: &Weir,
    caller: &Caller,
    key: Option<&Idempotency>,
    act: impl Future<Output = Result<T>>,
    replay: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(key) = key else {
        return act.await;
    };
    if let Some(before) = idempotency::find(&weir.db, key.key).await? {
        check(caller, key, &before)?;
        return match refusal(&before) {
            Some(refused) => Err(refused),
            None => replay.await,
        };
    }
    let outcome = act.await;
    // The same request may have been under way beside this one, and this one failed because that one did it.
    if outcome.is_err()
        && let Some(done) = idempotency::find(&weir.db, key.key).await?
        && refusal(&done).is_none()
    {
        check(caller, key, &done)?;
        return replay.await;
    }
    if let Err(error) = &outcome
        && let Some(name) = repeatable(error.kind())
    {
        let (principal, message) = (caller.principal, error.public_message());
        idempotency::keep_refusal(&weir.db, key, principal, name, message, weir.now()).await?;
    }
    outcome
}

fn check(caller: &Caller, key: &Idempotency, before: &Outcome) -> Result<()> {
    let same = before.principal_id == caller.principal.as_uuid()
        && before.operation == key.operation
        && before.body_hash == key.body;
    if same {
        Ok(())
    } else {
        Err(Error::invalid(
            "Idempotency-Key",
            "This key was used for another request. Make a new one for each.",
        ))
    }
}

const REPEATABLE: [(ErrorKind, &str); 6] = [
    (ErrorKind::NotFound, "not_found"),
    (ErrorKind::AlreadyExists, "already_exists"),
    (ErrorKind::Conflict, "conflict"),
    (ErrorKind::Invalid, "invalid"),
    (ErrorKind::Denied, "denied"),
    (ErrorKind::Unsupported, "unsupported"),
];

/// Outcomes that the same request meets again; a failure of ours is not one of them.
fn repeatable(kind: ErrorKind) -> Option<&'static str> {
    REPEATABLE
        .iter()
        .find(|(known, _)| *known == kind)
        .map(|(_, name)| *name)
}

fn refusal(before: &Outcome) -> Option<Error> {
    let message = before.message.clone();
    let (kind, _) = REPEATABLE
        .iter()
        .find(|(_, name)| *name == before.outcome)?;
    Some(match kind {
        ErrorKind::NotFound => Error::not_found(message),
        ErrorKind::AlreadyExists => Error::already_exists(message),
        ErrorKind::Conflict => Error::conflict(message),
        ErrorKind::Denied => Error::denied(message),
        ErrorKind::Unsupported => Error::unsupported(message),
        _ => Error::invalid("request", message),
    })
}

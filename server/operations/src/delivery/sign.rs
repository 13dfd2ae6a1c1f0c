//! Requests that are signed for engines one by one (Iceberg REST, `signRequest`).
//!
//! They are signed with the credential that the caller would be given, which the store or the gateway keeps to the table
//! (decision 0018). Access is decided on with every request, so nothing is signed any more after a revocation.

use weir_core::delivery::scope::Scope;
use weir_core::name::TableIdent;
use weir_core::principal::Caller;
use weir_core::{Error, ErrorKind, Result};
use weir_db::resolve::Target;
use weir_storage::sign::{self, Signed, Unsigned};

use super::{Credential, staged};
use crate::Weir;
use crate::table;

const OPERATION: &str = "table.sign";

/// Signs a request that reads or writes the files of a table, or of one that the caller staged.
///
/// Errors: `Denied` for a request that reaches anything else, with an audit row; `Invalid` for one that is none of the
/// table's store; `Unsupported` where the files are not reached by requests of S3.
pub async fn sign(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    request: &Unsigned<'_>,
) -> Result<Signed> {
    match table::credential(weir, caller, ident).await {
        Ok(Some(credential)) if credential.signs() => {
            let signed = signed_by(weir, &credential, request);
            refusing(weir, caller, ident, signed).await
        }
        Ok(_) => Err(Error::unsupported(
            "The files of this table are not reached by requests that Weir signs.",
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let signed = for_staged(weir, caller, ident, request, error).await;
            refusing(weir, caller, ident, signed).await
        }
        Err(error) => Err(error),
    }
}

/// Whoever staged the table again has files in several places: the request's own first, as far as its address tells.
async fn for_staged(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    request: &Unsigned<'_>,
    mut why: Error,
) -> Result<Signed> {
    let mut places = staged::places(weir, caller, ident).await?;
    places.sort_by_key(|place| !sign::names(request, &place.location));
    for place in &places {
        let signed = match staged::again(weir, caller, ident, place).await {
            Ok(Some(credential)) if credential.signs() => signed_by(weir, &credential, request),
            Ok(_) => continue,
            Err(error) => Err(error),
        };
        match signed {
            Ok(signed) => return Ok(signed),
            Err(error) => why = error,
        }
    }
    Err(why)
}

fn signed_by(weir: &Weir, credential: &Credential, request: &Unsigned<'_>) -> Result<Signed> {
    let scope = Scope {
        prefix: &credential.prefix,
        access: credential.access,
    };
    sign::sign(request, scope, &credential.config, weir.now())
}

/// Leaves an audit row where the request was refused.
async fn refusing(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    signed: Result<Signed>,
) -> Result<Signed> {
    match signed {
        Err(error) if error.kind() == ErrorKind::Denied => {
            let message = error.public_message();
            weir.gate
                .refuse(caller, Target::Table(ident), OPERATION, message)
                .await
        }
        done => done,
    }
}

//! Files of a table that its maker writes before it is made: as with CREATE TABLE AS SELECT, where the table comes last.
//!
//! Who staged which table where is kept (decision 0021); so any replica can give the next credential, or sign a request, as long
//! as the maker may still make tables in the namespace and no other table came to lie there.

use chrono::{DateTime, Utc};
use std::sync::Arc;
use weir_core::delivery::{Access, Asked, Claim, Delivery, Subject, delivery};
use weir_core::location::Location;
use weir_core::name::TableIdent;
use weir_core::principal::Caller;
use weir_core::storage::Place;
use weir_core::{ErrorKind, Result};
use weir_db::staged::{self, StagedPlace};

use super::{Credential, Wish, gateway, kept};
use crate::Weir;
use crate::table;

/// A table that is staged.
pub(crate) struct Staged<'a> {
    pub(crate) ident: &'a TableIdent,
    pub(crate) location: &'a Location,
    pub(crate) place: &'a Place,
    /// Was the location made up for it, so that nobody else can know of it?
    pub(crate) is_made_up: bool,
    /// When the first of the maker's grants on the namespace ends.
    pub(crate) until: Option<DateTime<Utc>>,
}

/// A credential for a table that is being staged.
pub(crate) async fn staged(
    weir: &Weir,
    caller: &Caller,
    staged: &Staged<'_>,
) -> Result<Option<Arc<Credential>>> {
    let by = match delivery(&asked(weir, staged)) {
        // What a store made cannot be taken back, should another table come to lie there instead.
        Delivery::Store if !staged.is_made_up => return Ok(None),
        Delivery::Unaided | Delivery::Refused => return Ok(None),
        by => by,
    };
    let wish = Wish {
        on: subject(staged.ident),
        ident: staged.ident,
        prefix: staged.location,
        place: staged.place,
        access: Access::Change,
        by,
        until: staged.until,
    };
    kept(weir, caller, &wish).await.map(Some)
}

/// The next credential for a table, or for one that the caller staged under this name.
///
/// Errors: as [`table::credential`].
pub async fn next_credential(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
) -> Result<Option<Arc<Credential>>> {
    match table::credential(weir, caller, ident).await {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut why = error;
            for before in places(weir, caller, ident).await? {
                match again(weir, caller, ident, &before).await {
                    Ok(Some(credential)) => return Ok(Some(credential)),
                    Ok(None) => {}
                    Err(error) => why = error,
                }
            }
            Err(why)
        }
        found => found,
    }
}

/// Where the caller staged a table of this name that is not there yet, the newest first.
pub(super) async fn places(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
) -> Result<Vec<StagedPlace>> {
    staged::places(&weir.db, caller, ident).await
}

/// A credential for such a place, where the caller may still write there.
pub(super) async fn again(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    before: &StagedPlace,
) -> Result<Option<Arc<Credential>>> {
    let claim = Claim {
        principal: caller.principal,
        on: subject(ident),
        location: before.place.id,
        prefix: before.location.clone(),
        access: Access::Change,
        expires_at: weir.now(),
    };
    let decision = gateway::on_staged(weir, caller, &ident.namespace, &claim).await?;
    if decision.access != Some(Access::Change) {
        return Ok(None);
    }
    let again = Staged {
        ident,
        location: &before.location,
        place: &before.place,
        is_made_up: before.is_made_up,
        until: decision.until,
    };
    staged(weir, caller, &again).await
}

fn subject(ident: &TableIdent) -> Subject {
    let path = ident.namespace.path.to_strings();
    Subject::Staged(ident.namespace.catalog.to_string(), path)
}

fn asked<'a>(weir: &Weir, staged: &Staged<'a>) -> Asked<'a> {
    Asked {
        place: staged.place,
        prefix: staged.location,
        reads_all: true,
        access: Access::Change,
        left: staged.until.map(|until| until - weir.now()),
        has_gateway: weir.settings.gateway.is_some(),
    }
}

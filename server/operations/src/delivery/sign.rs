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

use crate::Weir;
use crate::table;

const OPERATION: &str = "table.sign";

/// Signs a request that reads or writes the files of a table.
///
/// Errors: `Denied` for a request that reaches anything else, with an audit row; `Invalid` for one that is none of the
/// table's store; `Unsupported` where the files are not reached by requests of S3.
pub async fn sign(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    request: &Unsigned<'_>,
) -> Result<Signed> {
    let credential = table::credential(weir, caller, ident).await?;
    let credential = credential.filter(|credential| credential.signs());
    let credential = credential.ok_or_else(|| {
        Error::unsupported("The files of this table are not reached by requests that Weir signs.")
    })?;
    let scope = Scope {
        prefix: &credential.prefix,
        access: credential.access,
    };
    match sign::sign(request, scope, &credential.config, weir.now()) {
        Err(error) if error.kind() == ErrorKind::Denied => {
            let message = error.public_message();
            weir.gate
                .refuse(caller, Target::Table(ident), OPERATION, message)
                .await
        }
        done => done,
    }
}

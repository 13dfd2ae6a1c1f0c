//! The pages, a file or folder each: the view struct, the markup as a pure function of it, and the handlers.

pub(crate) mod audit;
pub(crate) mod catalog;
pub(crate) mod crawler;
pub(crate) mod crawlers;
pub(crate) mod credentials;
pub(crate) mod error;
pub(crate) mod login;
pub(crate) mod namespace;
pub(crate) mod run;
pub(crate) mod start;
pub(crate) mod storage;
pub(crate) mod table;

use weir_core::name::{Name, NamespaceIdent, TableIdent};
use weir_core::{Error, Result};

/// A name in a URL. One that no object can have is as unknown as one that no object has.
pub(crate) fn name(text: &str) -> Result<Name> {
    Name::parse("name", text).map_err(unknown)
}

pub(crate) fn namespace_ident(catalog: &str, path: &str) -> Result<NamespaceIdent> {
    NamespaceIdent::parse(catalog, path).map_err(unknown)
}

pub(crate) fn table_ident(catalog: &str, namespace: &str, table: &str) -> Result<TableIdent> {
    TableIdent::parse(catalog, namespace, table).map_err(unknown)
}

pub(crate) fn unknown(_: Error) -> Error {
    Error::not_found("There is no such page.")
}

/// What somebody may not read is left out of a page that has more to show. Errors of any other kind stay errors.
pub(crate) fn if_permitted<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == weir_core::ErrorKind::Denied => Ok(None),
        Err(error) => Err(error),
    }
}

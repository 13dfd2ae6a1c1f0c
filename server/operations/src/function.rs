//! Functions that engines share. The protocol reads them and has no call that makes one yet, so every namespace has none.

use bytes::Bytes;
use weir_core::authz::verbs::Browse;
use weir_core::name::NamespaceIdent;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::{Error, Result};
use weir_db::resolve::Target;

use crate::Weir;

/// Errors: `NotFound` for the namespace.
pub async fn names(
    weir: &Weir,
    caller: &Caller,
    namespace: &NamespaceIdent,
    _: &PageRequest,
) -> Result<Page<String>> {
    see(weir, caller, namespace, "function.list").await?;
    Ok(Page {
        items: Vec::new(),
        next: None,
    })
}

/// Errors: `NotFound`, for the namespace or the function.
pub async fn load(
    weir: &Weir,
    caller: &Caller,
    namespace: &NamespaceIdent,
    name: &str,
) -> Result<Bytes> {
    see(weir, caller, namespace, "function.load").await?;
    let shown: String = name.chars().filter(|c| !c.is_control()).take(255).collect();
    Err(Error::not_found(format!(
        "There is no function `{namespace}.{shown}`."
    )))
}

async fn see(
    weir: &Weir,
    caller: &Caller,
    namespace: &NamespaceIdent,
    operation: &str,
) -> Result<()> {
    let target = Target::Namespace(namespace);
    weir.gate
        .read::<Browse>(caller, target, operation)
        .await
        .map(std::mem::drop)
}

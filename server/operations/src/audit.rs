//! Reading the audit trail.

use weir_core::Result;
use weir_core::audit::{AuditEvent, AuditFilter};
use weir_core::authz::verbs::ReadAudit;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_db::audit;
use weir_db::resolve::Target;

use crate::Weir;

/// The newest events first.
pub async fn list(
    weir: &Weir,
    caller: &Caller,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Page<AuditEvent>> {
    let permit = weir
        .gate
        .read::<ReadAudit>(caller, Target::Server, "audit.list")
        .await?;
    audit::list(&weir.db, &permit, filter, page).await
}

/// May the caller read the trail at all?
pub async fn may_list(weir: &Weir, caller: &Caller) -> Result<bool> {
    weir.gate.may::<ReadAudit>(caller, Target::Server).await
}

//! A request that may be sent twice and carried out once (Iceberg REST, header Idempotency-Key).

use uuid::Uuid;

/// The key of one request, bound to what is asked. Whoever sends the key again must ask the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    pub key: Uuid,
    /// SHA-256 of the method, the path and the body.
    pub body: [u8; 32],
    /// What is asked, as the audit trail names it.
    pub operation: String,
}

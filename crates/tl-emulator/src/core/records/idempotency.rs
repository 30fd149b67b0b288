//! The record of an idempotency key.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The response to the first request with a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IdempotencyRecord {
    /// A hash of the request body.
    pub(crate) request: u64,
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) at: Timestamp,
}

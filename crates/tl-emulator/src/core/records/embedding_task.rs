//! The record of an embedding task.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An embedding task. Its embeddings follow from the request and are made when they are retrieved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EmbeddingTaskRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) ready_at: Timestamp,
    /// The body of the request.
    pub(crate) request: serde_json::Value,
}

//! The record of a conversation with a knowledge store.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::ChatSelection;

/// A conversation with a knowledge store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ChatSessionRecord {
    pub(crate) id: String,
    pub(crate) store_id: String,
    /// The number of answers so far.
    pub(crate) turns: u64,
    /// The selections of all turns, each once.
    pub(crate) selections: Vec<ChatSelection>,
    pub(crate) created_at: Timestamp,
}

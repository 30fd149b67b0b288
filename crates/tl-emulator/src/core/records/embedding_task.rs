//! The records of embedding tasks, of both versions.

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

/// A task of `/embed/tasks`. Its file is not kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LegacyEmbeddingTaskRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) ready_at: Timestamp,
    pub(crate) model: String,
    pub(crate) filename: String,
    /// The SHA-256 of the file, if it is known.
    pub(crate) content: Option<String>,
    /// Of the whole video, in seconds.
    pub(crate) duration: f64,
    /// What is embedded, in seconds.
    pub(crate) window: (f64, f64),
    /// In seconds.
    pub(crate) clip_length: f64,
    /// `clip` or `video`.
    pub(crate) scopes: Vec<String>,
}

//! The record of a search whose results have more than one page.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The results of a search, for its further pages.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SearchRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) index_id: String,
    /// Tokens are valid until this time.
    pub(crate) expires_at: Timestamp,
    pub(crate) page_limit: usize,
    pub(crate) is_grouped: bool,
    /// The videos that were searched, and their duration in seconds.
    pub(crate) pool: (u64, f64),
    /// In the order of their rank.
    pub(crate) clips: Vec<ClipRecord>,
}

/// A matching part of a video. Times are in seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ClipRecord {
    pub(crate) video_id: String,
    pub(crate) start: f64,
    pub(crate) end: f64,
    pub(crate) transcription: String,
}

//! The record of an index.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{Addon, IndexModel};

/// An index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IndexRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) models: Vec<IndexModel>,
    pub(crate) addons: Vec<Addon>,
    pub(crate) created_at: Timestamp,
    /// The last change, except for new videos: their times are taken from the videos.
    pub(crate) updated_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
}

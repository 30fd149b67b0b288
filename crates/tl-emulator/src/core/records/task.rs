//! The record of a task, which is also the record of an indexed asset.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::UserMetadata;

use super::Measured;
use crate::core::{faults::TaskFault, lifecycle::Timeline};

/// A task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TaskRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) index_id: String,
    pub(crate) video_id: String,
    pub(crate) created_at: Timestamp,
    #[serde(rename = "course")]
    pub(crate) timeline: Timeline,
    pub(crate) filename: String,
    /// Known once the video was probed.
    pub(crate) measured: Option<Measured>,
    pub(crate) enable_video_stream: bool,
    /// The metadata of the future video, kept here while its file is fetched.
    pub(crate) user_metadata: UserMetadata,
    pub(crate) error_reason: Option<String>,
    /// The fault to apply to this task.
    #[serde(rename = "fate")]
    pub(crate) fault: Option<TaskFault>,
    /// The source URL while the video is being fetched.
    pub(crate) fetching: Option<String>,
    /// Whether the end of the task was announced to webhooks.
    pub(crate) is_announced: bool,
    /// The asset that the task indexes. The task is then an indexed asset and not listed by
    /// `/tasks`.
    #[serde(default)]
    pub(crate) asset_id: Option<String>,
}

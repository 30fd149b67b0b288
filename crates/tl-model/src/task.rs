//! Video indexing tasks: upload and indexing in one operation (`/tasks`).

use serde_json::Value;

use crate::{Hls, IndexId, SystemMetadata, TaskId, Timestamp, VideoId};

open_enum! {
    /// Status of a video indexing task.
    ///
    /// Documented order: validating → pending → queued → indexing → ready or failed. A status may
    /// be skipped, and `uploading` was observed as the first one.
    pub enum TaskStatus {
        /// The platform is checking the video against its requirements.
        Validating = "validating",
        /// Waiting to be assigned.
        Pending = "pending",
        /// Waiting in the queue.
        Queued = "queued",
        /// The video is being indexed.
        Indexing = "indexing",
        /// Indexed: the video can be searched.
        Ready = "ready",
        /// Failed; [`Task::error_reason`] may have the reason.
        Failed = "failed",
        /// The video is being uploaded.
        Uploading = "uploading",
    }
}

impl TaskStatus {
    /// Whether the status is final: `ready` or `failed`. An unknown status is not terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed)
    }
}

object! {
    /// A video indexing task, as listed or retrieved.
    pub struct Task {
        required {
            /// Identifies the task.
            id: TaskId = "_id",
        }
        /// The video that the task creates. v1.2 returned it only once `ready`; v1.3 returns it
        /// from the start.
        optional video_id: Option<VideoId>,
        /// When the task was created.
        lenient created_at: Option<Timestamp>,
        /// When the task last changed its status.
        lenient updated_at: Option<Timestamp>,
        /// Status of the task.
        optional status: Option<TaskStatus>,
        /// The index that the video is added to.
        optional index_id: Option<IndexId>,
        /// Metadata that the platform measured. [`system_metadata()`](Task::system_metadata) also
        /// supports older responses.
        lenient system_metadata: Option<SystemMetadata>,
        /// The HLS stream of the video, if one was requested. Only in a retrieved task, not in a
        /// list.
        lenient hls: Option<Hls>,
        /// Why the task failed. Undocumented, seen in raw responses; anything but a string stays in
        /// `extra`. Use [`failure_reason()`](Task::failure_reason).
        lenient error_reason: Option<String>,
        /// When indexing was expected to finish. Of API v1.2.
        lenient estimated_time: Option<Timestamp>,
        /// The v1.2 name of `system_metadata` (`metadata`), still used in some examples of v1.3.
        lenient legacy_metadata: Option<SystemMetadata> = "metadata",
    }
}

impl Task {
    /// Why the task failed, if the platform gives a reason in any form: a string, an object with a
    /// `message`, or other JSON, which is returned as text.
    pub fn failure_reason(&self) -> Option<String> {
        if self.error_reason.is_some() {
            return self.error_reason.clone();
        }
        match self.extra.get("error_reason")? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(
                other
                    .get("message")
                    .and_then(Value::as_str)
                    .map_or_else(|| other.to_string(), str::to_owned),
            ),
        }
    }

    /// Metadata that the platform measured, from the current member or from that of API v1.2.
    pub fn system_metadata(&self) -> Option<&SystemMetadata> {
        self.system_metadata
            .as_ref()
            .or(self.legacy_metadata.as_ref())
    }
}

object! {
    /// The response to creating a video indexing task.
    pub struct CreatedTask {
        required {
            /// Identifies the task.
            id: TaskId = "_id",
        }
        /// The video that the task creates. Absent in API v1.2.
        optional video_id: Option<VideoId>,
    }
}

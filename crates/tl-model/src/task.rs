//! Video indexing tasks: upload and indexing in one operation (`/tasks`).

use serde_json::Value;

use crate::{Hls, IndexId, SystemMetadata, TaskId, Timestamp, VideoId};

open_enum! {
    /// How far a video indexing task is.
    ///
    /// Documented order: validating → pending → queued → indexing → ready or failed. A state may be skipped, and
    /// `uploading` was observed as the first one.
    pub enum TaskStatus {
        /// The video is being checked against the platform's requirements.
        Validating = "validating",
        /// The task waits to be assigned.
        Pending = "pending",
        /// The task waits for its turn.
        Queued = "queued",
        /// The video is being indexed.
        Indexing = "indexing",
        /// Indexed: the video can be searched.
        Ready = "ready",
        /// Given up; [`Task::error_reason`] may say why.
        Failed = "failed",
        /// The video is being uploaded.
        Uploading = "uploading",
    }
}

impl TaskStatus {
    /// Whether the task will not change any more: `ready` or `failed`. An unknown word is not terminal.
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
        /// The video that the task makes. v1.2 had it only once `ready`; v1.3 has it from the start.
        optional video_id: Option<VideoId>,
        /// When the task was created.
        lenient created_at: Option<Timestamp>,
        /// When the task last changed its status.
        lenient updated_at: Option<Timestamp>,
        /// How far the task is.
        optional status: Option<TaskStatus>,
        /// The index that the video goes to.
        optional index_id: Option<IndexId>,
        /// What the platform measured of the video. See [`system_metadata()`](Task::system_metadata) for a
        /// reading that also understands older responses.
        lenient system_metadata: Option<SystemMetadata>,
        /// The stream of the video, where one was asked for. Only in a retrieved task, not in a list.
        lenient hls: Option<Hls>,
        /// Why the task failed. Undocumented, seen in raw responses; anything but
        /// a string stays in `extra`. Ask [`failure_reason()`](Task::failure_reason).
        lenient error_reason: Option<String>,
        /// When indexing was expected to end. Of API v1.2.
        lenient estimated_time: Option<Timestamp>,
        /// The v1.2 name of `system_metadata` (`metadata`), which some examples of v1.3 still print.
        lenient legacy_metadata: Option<SystemMetadata> = "metadata",
    }
}

impl Task {
    /// Why the task failed, if the platform says so in any form: a text, an object with a `message`, or else the
    /// JSON as it is.
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

    /// What the platform measured of the video, under its present name or under the one of API v1.2.
    pub fn system_metadata(&self) -> Option<&SystemMetadata> {
        self.system_metadata
            .as_ref()
            .or(self.legacy_metadata.as_ref())
    }
}

object! {
    /// The answer to the creation of a video indexing task.
    pub struct CreatedTask {
        required {
            /// Identifies the task.
            id: TaskId = "_id",
        }
        /// The video that the task makes. Absent in API v1.2.
        optional video_id: Option<VideoId>,
    }
}

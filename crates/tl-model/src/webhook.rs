//! Webhook events. `tl_protocol::webhook` verifies their signatures.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::object::in_member;
use crate::{
    AnalyzeTaskId, AssetId, EventId, Extra, IndexId, ModelName, ModelOption, SystemMetadata,
    TaskId, TaskStatus, Timestamp, VideoId,
};

open_enum! {
    /// The type of a webhook event.
    pub enum WebhookEventType {
        /// A video indexing task is ready.
        IndexTaskReady = "index.task.ready",
        /// A video indexing task failed.
        IndexTaskFailed = "index.task.failed",
        /// An analysis task is ready.
        AnalyzeTaskReady = "analyze.task.ready",
        /// An analysis task failed.
        AnalyzeTaskFailed = "analyze.task.failed",
        /// An analysis task was canceled. Newer than the other types.
        AnalyzeTaskCanceled = "analyze.task.canceled",
    }
}

/// A webhook event: the body of the request to the registered URL.
///
/// The platform repeats deliveries with the same [`id`](Self::id).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WebhookEvent {
    /// Identifies the event.
    pub id: EventId,
    /// The type of the event; determines the type of `data`.
    pub event_type: WebhookEventType,
    /// When the event was created.
    pub created_at: Option<Timestamp>,
    /// The task that the event reports.
    pub data: Option<WebhookData>,
    /// Members without a field in this type, and known members that were `null`.
    pub extra: Extra,
}

impl WebhookEvent {
    /// Creates an event with its required members; every other field is empty.
    pub fn new(id: impl Into<EventId>, event_type: impl Into<WebhookEventType>) -> Self {
        Self {
            id: id.into(),
            event_type: event_type.into(),
            created_at: None,
            data: None,
            extra: Extra::new(),
        }
    }
}

/// The task that an event reports.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum WebhookData {
    /// Data of `index.task.…`.
    Index(IndexTaskData),
    /// Data of `analyze.task.…`.
    Analyze(AnalyzeTaskData),
    /// Data of an event type that this version of the crate does not know.
    Other(Value),
}

impl WebhookData {
    fn read(event_type: &WebhookEventType, data: Value) -> Result<Self, serde_json::Error> {
        match event_type {
            WebhookEventType::IndexTaskReady | WebhookEventType::IndexTaskFailed => {
                IndexTaskData::deserialize(data).map(Self::Index)
            }
            WebhookEventType::AnalyzeTaskReady
            | WebhookEventType::AnalyzeTaskFailed
            | WebhookEventType::AnalyzeTaskCanceled => {
                AnalyzeTaskData::deserialize(data).map(Self::Analyze)
            }
            WebhookEventType::_Unknown(_) => Ok(Self::Other(data)),
        }
    }
}

impl Serialize for WebhookData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Index(data) => data.serialize(serializer),
            Self::Analyze(data) => data.serialize(serializer),
            Self::Other(data) => data.serialize(serializer),
        }
    }
}

object! {
    /// The video indexing task of an event. It does not include the video id: retrieve the task.
    pub struct IndexTaskData {
        required {
            /// Identifies the task.
            id: TaskId,
        }
        /// Metadata that the platform measured: the duration.
        lenient metadata: Option<SystemMetadata>,
        /// The status of the task.
        optional status: Option<TaskStatus>,
        /// The models of the index (API v1.2 has `engines`, kept in `extra`).
        lenient models: Option<Vec<WebhookModel>>,
        /// The tags.
        lenient tags: Option<Vec<String>>,
    }
}

object! {
    /// A model of the index, as named in an event.
    pub struct WebhookModel {
        /// The model.
        lenient name: Option<ModelName>,
        /// The modalities that it processes.
        lenient options: Option<Vec<ModelOption>>,
    }
}

open_enum! {
    /// Status of an analysis task.
    pub enum AnalyzeStatus {
        /// Waiting in the queue.
        Queued = "queued",
        /// Waiting to be assigned.
        Pending = "pending",
        /// In progress.
        Processing = "processing",
        /// Finished.
        Ready = "ready",
        /// Failed.
        Failed = "failed",
        /// Canceled.
        Canceled = "canceled",
    }
}

open_enum! {
    /// The source type of an analyzed video.
    pub enum AnalyzeSourceType {
        /// A public URL.
        Url = "url",
        /// Base64 data in the request.
        Base64String = "base64_string",
        /// An uploaded asset.
        AssetId = "asset_id",
        /// A video of an index. Deprecated.
        VideoId = "video_id",
    }
}

object! {
    /// The analysis task of an event.
    pub struct AnalyzeTaskData {
        required {
            /// Identifies the task.
            id: AnalyzeTaskId,
        }
        /// The caller's own identifier. The platform always sends the member, as `null` (kept in
        /// `extra`) if none was given.
        optional custom_id: Option<String>,
        /// The status of the task.
        optional status: Option<AnalyzeStatus>,
        /// When the task was created.
        lenient created_at: Option<Timestamp>,
        /// The video that was analyzed.
        lenient video_source: Option<AnalyzeVideoSource>,
        /// Why the task failed, or why a ready result is incomplete. Absent if the task was
        /// canceled.
        lenient error: Option<AnalyzeError>,
    }
}

object! {
    /// The video of an analysis.
    pub struct AnalyzeVideoSource {
        /// The member that identifies the video.
        lenient source_type: Option<AnalyzeSourceType> = "type",
        /// A public URL.
        lenient url: Option<String>,
        /// An uploaded asset.
        optional asset_id: Option<AssetId>,
        /// A video of an index. Deprecated.
        optional video_id: Option<VideoId>,
        /// The index of that video. Deprecated.
        optional index_id: Option<IndexId>,
        /// Metadata that the platform measured.
        lenient system_metadata: Option<SystemMetadata>,
    }
}

object! {
    /// Why an analysis failed or is incomplete.
    pub struct AnalyzeError {
        /// A text for humans; do not parse it.
        lenient message: Option<String>,
    }
}

object! {
    /// An event whose `data` is not decoded yet, because `type` may follow it.
    struct RawEvent {
        required {
            id: EventId,
            event_type: WebhookEventType = "type",
        }
        lenient created_at: Option<Timestamp>,
        optional data: Option<Value>,
    }
}

impl<'de> Deserialize<'de> for WebhookEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let RawEvent {
            id,
            event_type,
            created_at,
            data,
            extra,
        } = RawEvent::deserialize(deserializer)?;
        let data = data
            .map(|data| WebhookData::read(&event_type, data))
            .transpose();
        let data = data.map_err(|error| in_member("data", &D::Error::custom(error)))?;
        Ok(Self {
            id,
            event_type,
            created_at,
            data,
            extra,
        })
    }
}

impl Serialize for WebhookEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = RawEvent::new(self.id.clone(), self.event_type.clone());
        event.created_at = self.created_at.clone();
        event.data = self
            .data
            .as_ref()
            .map(serde_json::to_value)
            .transpose()
            .map_err(serde::ser::Error::custom)?;
        event.extra = self.extra.clone();
        event.serialize(serializer)
    }
}

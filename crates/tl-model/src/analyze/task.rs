//! Analysis tasks.

use serde_json::Value;

use super::{AnalyzeMode, AnalyzeNotice, FinishReason, TokenUsage};
use crate::{AnalyzeBatchId, AnalyzeStatus, AnalyzeTaskId, AssetId, Timestamp, VideoId};

impl AnalyzeStatus {
    /// Whether the status never changes again.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed | Self::Canceled)
    }
}

object! {
    /// The response to the creation or the cancellation of a task.
    pub struct CreatedAnalyzeTask {
        required {
            /// Identifies the task.
            task_id: AnalyzeTaskId,
        }
        /// Its status.
        optional status: Option<AnalyzeStatus>,
    }
}

object! {
    /// An analysis task.
    pub struct AnalyzeTask {
        required {
            /// Identifies the task.
            task_id: AnalyzeTaskId,
        }
        /// Your identifier.
        optional custom_id: Option<String>,
        /// The batch that it belongs to.
        optional batch_id: Option<AnalyzeBatchId>,
        /// The video.
        lenient video_source: Option<AnalyzeTaskVideo>,
        /// The request. Lists shorten it.
        lenient request_params: Option<AnalyzeTaskParams>,
        /// Its status.
        optional status: Option<AnalyzeStatus>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
        /// When it became ready or failed.
        lenient completed_at: Option<Timestamp>,
        /// The answer, once the task is ready.
        optional result: Option<AnalyzeResult>,
        /// Why the task failed, or a warning about a truncated answer: check the status, not this.
        lenient error: Option<AnalyzeNotice>,
        /// The deliveries of its webhooks.
        lenient_list webhooks: Vec<AnalyzeTaskDelivery>,
    }
}

object! {
    /// The answer of a task.
    pub struct AnalyzeResult {
        /// Identifies the generation.
        lenient generation_id: Option<String>,
        /// The answer: text, or JSON as text.
        optional data: Option<String>,
        /// Why the answer ended.
        optional finish_reason: Option<FinishReason>,
        /// The tokens that it used.
        lenient usage: Option<TokenUsage>,
    }
}

object! {
    /// The video of a task.
    pub struct AnalyzeTaskVideo {
        /// The kind of source: `url`, `asset_id`, `base64_string` or `video_id`.
        lenient kind: Option<String> = "type",
        /// The URL.
        lenient url: Option<String>,
        /// The asset.
        lenient asset_id: Option<AssetId>,
        /// The indexed video, of tasks of Pegasus 1.2.
        lenient video_id: Option<VideoId>,
        /// What the platform found out about the video.
        lenient system_metadata: Option<AnalyzeVideoMetadata>,
    }
}

object! {
    /// What the platform found out about the video of a task.
    pub struct AnalyzeVideoMetadata {
        /// Its duration in seconds.
        number duration: Option<f64>,
    }
}

object! {
    /// The request of a task.
    pub struct AnalyzeTaskParams {
        /// What the analysis produces.
        lenient analysis_mode: Option<AnalyzeMode>,
        /// The instructions.
        lenient prompt: Option<String>,
        /// The format of the answer.
        lenient response_format: Option<Value>,
        /// The randomness.
        number temperature: Option<f64>,
        /// The maximum length of the answer.
        lenient max_tokens: Option<Value>,
        /// The start of the analyzed window, in seconds.
        number start_time: Option<f64>,
        /// The end of the analyzed window, in seconds.
        number end_time: Option<f64>,
        /// The shortest segment, in seconds.
        number min_segment_duration: Option<f64>,
        /// The longest segment, in seconds.
        number max_segment_duration: Option<f64>,
    }
}

object! {
    /// The delivery of a webhook of a task.
    pub struct AnalyzeTaskDelivery {
        /// The registered URL.
        lenient url: Option<String>,
        /// Whether it was delivered.
        lenient delivered: Option<bool>,
        /// The number of attempts.
        whole attempts: Option<u64>,
        /// Why the last attempt failed.
        lenient last_error: Option<String>,
    }
}

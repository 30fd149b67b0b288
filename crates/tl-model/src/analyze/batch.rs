//! Batches of analyses.

use super::{
    AnalyzeMode, AnalyzeModel, AnalyzeNotice, AnalyzeResult, AnalyzeVideo, MaxTokens,
    ResponseFormat, StructuredPrompt,
};
use crate::{AnalyzeBatchId, AnalyzeTaskId, Timestamp};

open_enum! {
    /// Status of a batch.
    pub enum AnalyzeBatchStatus {
        /// Waits.
        Pending = "pending",
        /// Its items are analyzed.
        Processing = "processing",
        /// Its queued items are canceled; the others end.
        Canceling = "canceling",
        /// Canceled.
        Canceled = "canceled",
        /// All items have ended. Some or all may have failed.
        Completed = "completed",
        /// 24 hours have passed. The items that had not ended are canceled.
        Expired = "expired",
    }
}

impl AnalyzeBatchStatus {
    /// Whether the status never changes again.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Canceled | Self::Completed | Self::Expired)
    }
}

open_enum! {
    /// Status of an item of a batch.
    pub enum AnalyzeBatchItemStatus {
        /// Waits.
        Queued = "queued",
        /// Is analyzed.
        Processing = "processing",
        /// Complete.
        Ready = "ready",
        /// Failed.
        Failed = "failed",
        /// Canceled.
        Canceled = "canceled",
    }
}

impl AnalyzeBatchItemStatus {
    /// Whether the status never changes again.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed | Self::Canceled)
    }
}

object! {
    /// The request body that creates a batch.
    pub struct NewAnalyzeBatch {
        required {
            /// The model of all items: `pegasus1.5`.
            model_name: AnalyzeModel,
            /// What all analyses produce.
            analysis_mode: AnalyzeMode,
            /// 1 to 1,000 items, with at most 2,000 hours of video.
            requests: Vec<AnalyzeBatchItem>,
        }
        /// Settings of the items that do not have their own. Objects are replaced whole.
        optional defaults: Option<AnalyzeBatchSettings>,
    }
}

object! {
    /// The settings of items of a batch.
    pub struct AnalyzeBatchSettings {
        /// The instructions.
        optional prompt: Option<StructuredPrompt>,
        /// The format of the answer.
        optional response_format: Option<ResponseFormat>,
        /// The randomness from 0 to 1.
        number temperature: Option<f64>,
        /// The maximum length of the answer.
        optional max_tokens: Option<MaxTokens>,
        /// The shortest segment, in seconds.
        number min_segment_duration: Option<f64>,
        /// The longest segment, in seconds.
        number max_segment_duration: Option<f64>,
        /// The start of the analyzed window, in seconds.
        number start_time: Option<f64>,
        /// The end of the analyzed window, in seconds.
        number end_time: Option<f64>,
    }
}

object! {
    /// An item of a batch.
    pub struct AnalyzeBatchItem {
        required {
            /// The video: an asset.
            video: AnalyzeVideo,
        }
        /// Your identifier, unique in the batch.
        optional custom_id: Option<String>,
        /// The instructions.
        optional prompt: Option<StructuredPrompt>,
        /// The format of the answer.
        optional response_format: Option<ResponseFormat>,
        /// The randomness from 0 to 1.
        number temperature: Option<f64>,
        /// The maximum length of the answer.
        optional max_tokens: Option<MaxTokens>,
        /// The shortest segment, in seconds.
        number min_segment_duration: Option<f64>,
        /// The longest segment, in seconds.
        number max_segment_duration: Option<f64>,
        /// The start of the analyzed window, in seconds.
        number start_time: Option<f64>,
        /// The end of the analyzed window, in seconds.
        number end_time: Option<f64>,
    }
}

object! {
    /// The response to the creation of a batch.
    pub struct CreatedAnalyzeBatch {
        required {
            /// Identifies the batch.
            batch_id: AnalyzeBatchId,
        }
        /// Its status.
        optional status: Option<AnalyzeBatchStatus>,
        /// The number of its items.
        whole total_items: Option<u64>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
        /// When it expires: 24 hours later.
        lenient expires_at: Option<Timestamp>,
        /// Its items, in the order of the request.
        list items: Vec<CreatedAnalyzeBatchItem>,
    }
}

object! {
    /// The task of an item of a new batch.
    pub struct CreatedAnalyzeBatchItem {
        required {
            /// Identifies the task.
            task_id: AnalyzeTaskId,
        }
        /// Your identifier.
        optional custom_id: Option<String>,
    }
}

object! {
    /// A batch.
    pub struct AnalyzeBatch {
        required {
            /// Identifies the batch.
            batch_id: AnalyzeBatchId,
        }
        /// What its analyses produce.
        optional analysis_mode: Option<AnalyzeMode>,
        /// The model of its analyses.
        lenient model_name: Option<AnalyzeModel>,
        /// Its status. `completed` does not mean that all items are ready.
        optional status: Option<AnalyzeBatchStatus>,
        /// The number of its items.
        whole total_items: Option<u64>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
        /// When it expires: 24 hours later.
        lenient expires_at: Option<Timestamp>,
        /// When it was completed.
        lenient completed_at: Option<Timestamp>,
        /// When it was canceled.
        lenient canceled_at: Option<Timestamp>,
        /// When it expired.
        lenient expired_at: Option<Timestamp>,
        /// The number of items that wait.
        whole queued_items: Option<u64>,
        /// The number of items that are analyzed.
        whole processing_items: Option<u64>,
        /// The number of items that are complete.
        whole ready_items: Option<u64>,
        /// The number of items that failed.
        whole failed_items: Option<u64>,
        /// The number of items that were canceled.
        whole canceled_items: Option<u64>,
    }
}

object! {
    /// The result of one item of a batch.
    pub struct AnalyzeBatchResult {
        required {
            /// Identifies the task.
            task_id: AnalyzeTaskId,
        }
        /// Your identifier.
        optional custom_id: Option<String>,
        /// Its status.
        optional status: Option<AnalyzeBatchItemStatus>,
        /// The answer, if the item is ready.
        optional data: Option<AnalyzeResult>,
        /// Why the item failed.
        lenient error: Option<AnalyzeNotice>,
    }
}

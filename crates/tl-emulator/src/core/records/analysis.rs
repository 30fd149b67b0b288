//! The records of analysis tasks and batches.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{AnalyzeBatchItemStatus, AnalyzeMode, AnalyzeStatus};

/// An analysis task. Its whole course is known when it is created; requests look up the status at
/// the current time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AnalyzeTaskRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) custom_id: Option<String>,
    pub(crate) batch_id: Option<String>,
    /// The request as JSON.
    pub(crate) request: String,
    pub(crate) created_at: Timestamp,
    pub(crate) pending_at: Timestamp,
    pub(crate) processing_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    /// When the task was canceled, and why.
    pub(crate) canceled: Option<(Timestamp, String)>,
    pub(crate) answer: Result<TaskAnswer, TaskFailure>,
    /// Seconds of video, if they are known.
    pub(crate) duration: Option<f64>,
}

/// The answer of a task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TaskAnswer {
    pub(crate) generation_id: String,
    pub(crate) data: String,
    pub(crate) is_truncated: bool,
    pub(crate) output_tokens: u64,
    pub(crate) input_tokens: u64,
    /// A warning.
    pub(crate) notice: Option<String>,
    /// The source of the answer, for the header.
    pub(crate) source: String,
}

/// Why a task fails.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TaskFailure {
    pub(crate) code: Option<String>,
    pub(crate) message: String,
}

impl AnalyzeTaskRecord {
    pub(crate) fn status(&self, now: Timestamp) -> AnalyzeStatus {
        if self.canceled.as_ref().is_some_and(|(at, _)| *at <= now) {
            AnalyzeStatus::Canceled
        } else if self.ends_at <= now {
            match self.answer {
                Ok(_) => AnalyzeStatus::Ready,
                Err(_) => AnalyzeStatus::Failed,
            }
        } else if self.processing_at <= now {
            AnalyzeStatus::Processing
        } else if self.pending_at <= now {
            AnalyzeStatus::Pending
        } else {
            AnalyzeStatus::Queued
        }
    }

    /// The status as an item of a batch.
    pub(crate) fn item_status(&self, now: Timestamp) -> AnalyzeBatchItemStatus {
        match self.status(now) {
            AnalyzeStatus::Processing => AnalyzeBatchItemStatus::Processing,
            AnalyzeStatus::Ready => AnalyzeBatchItemStatus::Ready,
            AnalyzeStatus::Failed => AnalyzeBatchItemStatus::Failed,
            AnalyzeStatus::Canceled => AnalyzeBatchItemStatus::Canceled,
            _ => AnalyzeBatchItemStatus::Queued,
        }
    }
}

/// A batch of analyses.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AnalyzeBatchRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) model: String,
    pub(crate) mode: AnalyzeMode,
    pub(crate) created_at: Timestamp,
    /// When it was canceled.
    pub(crate) canceled_at: Option<Timestamp>,
    /// Its tasks, in the order of the request.
    pub(crate) tasks: Vec<String>,
}

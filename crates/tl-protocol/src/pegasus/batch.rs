//! Many analyses as batches that the platform accepts: at most 1,000 items each, five at a time.
//!
//! [`BatchRun`] splits the rows and makes the requests. [`BatchState`] says which batches exist; it
//! is saved before and after each creation, so that another process continues without creating a
//! batch twice. [`RunBatches`](crate::flow::RunBatches) is the flow that does all of it, and
//! [`BatchAnswers`] its result.
//!
//! Batches are split by their number of items alone: a video of a batch has at most two hours, so
//! 1,000 of them are within the 2,000 hours that a batch may have.
//!
//! ```
//! use tl_model::AnalyzeRequest;
//! use tl_protocol::pegasus::batch::{BatchRun, Row};
//!
//! let mut request = AnalyzeRequest::default();
//! request.prompt = Some("Summarize the video.".to_owned());
//! let rows = (0..2500).map(|number| Row::new(format!("{number:024x}"))).collect();
//! let run = BatchRun::new(&request, rows).unwrap();
//! assert_eq!(run.batches(), 3);
//! let mut state = run.start();
//! assert_eq!(state.next(), Some(0));
//! state.intend(0);
//! // … save the state, then create `run.batch(0)` …
//! state.created(0, "batch-1");
//! assert_eq!(state.next(), Some(1));
//! ```

mod answers;

use serde::{Deserialize, Serialize};
use tl_model::{
    AnalyzeBatchId, AnalyzeBatchItem, AnalyzeBatchSettings, AnalyzeMode, AnalyzeRequest,
    AnalyzeVideo, AssetId, NewAnalyzeBatch, StructuredPrompt,
};

pub use answers::{BatchAnswer, BatchAnswers};

use super::{MAX_BATCH_ITEMS, RequestFault, check_batch};

/// One asset to analyze.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The asset.
    pub asset: AssetId,
    /// Your identifier. It need not be unique, and is not sent.
    pub id: Option<String>,
    /// The instructions, if they differ from those of the run.
    pub prompt: Option<String>,
}

impl Row {
    /// A row without an identifier.
    pub fn new(asset: impl Into<AssetId>) -> Self {
        Self {
            asset: asset.into(),
            id: None,
            prompt: None,
        }
    }

    /// Sets your identifier.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets instructions of this row.
    #[must_use]
    pub fn with_prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }
}

/// A run over many assets.
#[derive(Debug, Clone)]
pub struct BatchRun {
    template: NewAnalyzeBatch,
    rows: Vec<Row>,
    /// Identifies the rows and settings, as part of the ids of the items.
    fingerprint: String,
}

impl BatchRun {
    /// Splits `rows` into batches with the settings of `request`, and checks all of them.
    ///
    /// # Errors
    /// The first violation of a bound. Nothing was sent.
    pub fn new(request: &AnalyzeRequest, rows: Vec<Row>) -> Result<Self, RequestFault> {
        let mut defaults = AnalyzeBatchSettings::default();
        let prompt = request.prompt.as_deref().map(StructuredPrompt::new);
        defaults.prompt = prompt.or_else(|| request.prompt_v2.clone());
        defaults
            .response_format
            .clone_from(&request.response_format);
        defaults.temperature = request.temperature;
        defaults.max_tokens = request.max_tokens;
        defaults.min_segment_duration = request.min_segment_duration;
        defaults.max_segment_duration = request.max_segment_duration;
        (defaults.start_time, defaults.end_time) = (request.start_time, request.end_time);
        let model = request.model_name.clone().unwrap_or(super::DEFAULT_MODEL);
        let mode = request
            .analysis_mode
            .clone()
            .unwrap_or(AnalyzeMode::General);
        let mut template = NewAnalyzeBatch::new(model, mode, Vec::new());
        template.defaults = Some(defaults);
        let mut run = Self {
            template,
            rows,
            fingerprint: String::new(),
        };
        let identity = serde_json::to_string(&run.template).unwrap_or_default();
        let identity = format!("{identity}{:?}", run.rows);
        run.fingerprint = format!("{:016x}", fnv(identity.as_bytes()));
        for number in 0..run.batches().max(1) {
            check_batch(&run.batch(number))?;
        }
        Ok(run)
    }

    /// The rows in their order.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The number of batches.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.rows.len().div_ceil(MAX_BATCH_ITEMS)
    }

    /// The first row of a batch.
    #[must_use]
    pub fn first_row(&self, batch: usize) -> usize {
        batch * MAX_BATCH_ITEMS
    }

    /// The `custom_id` of a row: unique in the account, unless the same rows are analyzed twice with
    /// the same settings.
    #[must_use]
    pub fn item_id(&self, row: usize) -> String {
        format!("tl-{}-{row}", self.fingerprint)
    }

    /// The request that creates a batch.
    #[must_use]
    pub fn batch(&self, number: usize) -> NewAnalyzeBatch {
        let mut batch = self.template.clone();
        let first = self.first_row(number);
        let rows = self
            .rows
            .iter()
            .enumerate()
            .skip(first)
            .take(MAX_BATCH_ITEMS);
        batch.requests = rows
            .map(|(position, row)| {
                let mut item = AnalyzeBatchItem::new(AnalyzeVideo::Asset(row.asset.clone()));
                item.custom_id = Some(self.item_id(position));
                item.prompt = row.prompt.as_deref().map(StructuredPrompt::new);
                item
            })
            .collect();
        batch
    }

    /// The state of a run that has not created anything.
    #[must_use]
    pub fn start(&self) -> BatchState {
        BatchState {
            fingerprint: self.fingerprint.clone(),
            batches: vec![Progress::Waiting; self.batches()],
        }
    }

    /// Whether a saved state belongs to this run.
    #[must_use]
    pub fn is_own(&self, state: &BatchState) -> bool {
        state.fingerprint == self.fingerprint && state.batches.len() == self.batches()
    }
}

/// Which batches exist. Save it before and after each creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchState {
    fingerprint: String,
    batches: Vec<Progress>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Progress {
    Waiting,
    /// It is being created. If this is loaded, nobody knows whether it exists.
    Creating,
    Active(AnalyzeBatchId),
    Ended(AnalyzeBatchId),
}

impl BatchState {
    /// The next batch to create.
    #[must_use]
    pub fn next(&self) -> Option<usize> {
        self.batches
            .iter()
            .position(|batch| *batch == Progress::Waiting)
    }

    /// The batch whose creation was under way when the state was saved. Look for it on the platform
    /// before creating it again.
    #[must_use]
    pub fn in_doubt(&self) -> Option<usize> {
        self.batches
            .iter()
            .position(|batch| *batch == Progress::Creating)
    }

    /// The batch is about to be created.
    pub fn intend(&mut self, number: usize) {
        self.set(number, Progress::Creating);
    }

    /// The batch was certainly not created.
    pub fn refused(&mut self, number: usize) {
        self.set(number, Progress::Waiting);
    }

    /// The batch was created.
    pub fn created(&mut self, number: usize, id: impl Into<AnalyzeBatchId>) {
        self.set(number, Progress::Active(id.into()));
    }

    /// The batch has ended.
    pub fn end(&mut self, id: &AnalyzeBatchId) {
        for batch in &mut self.batches {
            if matches!(batch, Progress::Active(own) if own == id) {
                *batch = Progress::Ended(id.clone());
            }
        }
    }

    /// The batches that have not ended.
    pub fn active(&self) -> impl Iterator<Item = &AnalyzeBatchId> {
        self.batches.iter().filter_map(|batch| match batch {
            Progress::Active(id) => Some(id),
            _ => None,
        })
    }

    /// All created batches, in the order of the rows.
    pub fn all(&self) -> impl Iterator<Item = &AnalyzeBatchId> {
        self.batches.iter().filter_map(|batch| match batch {
            Progress::Active(id) | Progress::Ended(id) => Some(id),
            _ => None,
        })
    }

    /// Whether all batches have ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.batches
            .iter()
            .all(|batch| matches!(batch, Progress::Ended(_)))
    }

    fn set(&mut self, number: usize, progress: Progress) {
        if let Some(batch) = self.batches.get_mut(number) {
            *batch = progress;
        }
    }
}

/// FNV-1a: the same on every machine and in every version.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(count: usize, prompt: &str) -> BatchRun {
        let mut request = AnalyzeRequest::default();
        request.prompt = Some(prompt.to_owned());
        let rows = (0..count)
            .map(|number| Row::new(format!("{number:024x}")))
            .collect();
        BatchRun::new(&request, rows).unwrap()
    }

    #[test]
    fn rows_are_split_in_order_with_unique_ids() {
        let run = run(2001, "why?");
        let sizes: Vec<_> = (0..run.batches())
            .map(|n| run.batch(n).requests.len())
            .collect();
        assert_eq!(sizes, [1000, 1000, 1]);
        let last = run.batch(2).requests.remove(0);
        assert_eq!(last.custom_id, Some(run.item_id(2000)));
        assert_eq!(
            last.video,
            AnalyzeVideo::Asset(format!("{:024x}", 2000).into())
        );
    }

    #[test]
    fn state_belongs_to_one_run() {
        let one = run(3, "why?");
        assert!(one.is_own(&one.start()));
        assert!(!one.is_own(&run(3, "how?").start()));
        assert!(!one.is_own(&run(4, "why?").start()));
    }

    #[test]
    fn state_survives_a_crash_in_each_phase() {
        let run = run(2500, "why?");
        let mut state = run.start();
        state.intend(0);
        let saved = serde_json::to_string(&state).unwrap();
        let mut loaded: BatchState = serde_json::from_str(&saved).unwrap();
        assert_eq!((loaded.in_doubt(), loaded.next()), (Some(0), Some(1)));
        loaded.created(0, "b0");
        loaded.created(1, "b1");
        loaded.created(2, "b2");
        assert_eq!((loaded.next(), loaded.active().count()), (None, 3));
        for id in ["b0", "b1", "b2"] {
            assert!(!loaded.is_done());
            loaded.end(&id.into());
        }
        assert!(loaded.is_done());
        assert_eq!(loaded.all().count(), 3);
    }

    #[test]
    fn bounds_are_checked_before_anything_is_sent() {
        let mut request = AnalyzeRequest::default();
        assert_eq!(
            BatchRun::new(&request, vec![Row::new("a")])
                .unwrap_err()
                .path,
            "requests.0.prompt"
        );
        request.prompt = Some("why?".to_owned());
        assert_eq!(
            BatchRun::new(&request, Vec::new()).unwrap_err().path,
            "requests"
        );
    }
}

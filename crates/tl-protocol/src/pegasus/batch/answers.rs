//! The answers of many analyses, in the order of the rows, and their form as JSON Lines.

use std::collections::BTreeMap;

use serde_json::json;
use tl_model::{AnalyzeBatchResult, FinishReason};

use super::{BatchRun, Row};

/// The answers to all rows of a run, in their order.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BatchAnswers {
    /// One answer per row.
    pub answers: Vec<BatchAnswer>,
}

/// The answer to one row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BatchAnswer {
    /// The row.
    pub row: Row,
    /// What the platform returned for it: the answer, or why there is none. `None` if the batch
    /// ended without a result for it.
    pub result: Option<AnalyzeBatchResult>,
}

impl BatchAnswer {
    /// The text of the answer, if it is complete: an answer that reached its maximum length is not.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        let data = self.result.as_ref()?.data.as_ref()?;
        match data.finish_reason {
            Some(FinishReason::Length) => None,
            _ => data.data.as_deref(),
        }
    }
}

impl BatchAnswers {
    /// Joins the results of the batches of `run` with its rows.
    pub(crate) fn of(run: &BatchRun, mut results: BTreeMap<String, AnalyzeBatchResult>) -> Self {
        let rows = run.rows().iter().enumerate();
        let answers = rows.map(|(number, row)| BatchAnswer {
            row: row.clone(),
            result: results.remove(&run.item_id(number)),
        });
        Self {
            answers: answers.collect(),
        }
    }

    /// The number of rows without a complete answer.
    #[must_use]
    pub fn failed(&self) -> usize {
        let answers = self.answers.iter();
        answers.filter(|answer| answer.text().is_none()).count()
    }

    /// The rows without a complete answer, for another run that analyzes only these.
    #[must_use]
    pub fn failed_rows(&self) -> Vec<Row> {
        let answers = self.answers.iter();
        let failed = answers.filter(|answer| answer.text().is_none());
        failed.map(|answer| answer.row.clone()).collect()
    }

    /// The tokens of all answers, of those that the platform reported.
    #[must_use]
    pub fn output_tokens(&self) -> u64 {
        let results = self.answers.iter().filter_map(|of| of.result.as_ref());
        let data = results.filter_map(|result| result.data.as_ref());
        let usage = data.filter_map(|data| data.usage.as_ref());
        usage.filter_map(|usage| usage.output_tokens).sum()
    }

    /// One JSON object per row, each on its line: `id`, `asset`, `task_id`, `status`, `data`,
    /// `finish_reason`, `usage`, `error`; `null` for what is not there.
    #[must_use]
    pub fn to_jsonl(&self) -> String {
        let mut text = String::new();
        for BatchAnswer { row, result } in &self.answers {
            let result = result.as_ref();
            let data = result.and_then(|result| result.data.as_ref());
            let line = json!({
                "id": row.id,
                "asset": row.asset,
                "task_id": result.map(|result| &result.task_id),
                "status": result.and_then(|result| result.status.as_ref()),
                "data": data.and_then(|data| data.data.as_ref()),
                "finish_reason": data.and_then(|data| data.finish_reason.as_ref()),
                "usage": data.and_then(|data| data.usage.as_ref()),
                "error": result.and_then(|result| result.error.as_ref()),
            });
            text.push_str(&line.to_string());
            text.push('\n');
        }
        text
    }
}

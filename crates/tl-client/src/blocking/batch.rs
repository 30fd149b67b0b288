//! Analyses of many assets with the blocking client.

use super::Client;
use crate::{
    Error,
    analysis::batch::{BatchAnswers, BatchRun, Output, batch_settings},
};

impl Client {
    /// Analyzes many assets: in batches that the platform accepts, five at a time, with the answers
    /// in the order of the rows. A run that ended early continues in another process.
    ///
    /// ```no_run
    /// # fn example(client: tl_client::blocking::Client, assets: Vec<String>) -> Result<(), Box<dyn std::error::Error>> {
    /// use tl_client::{analysis::batch::{BatchRun, Row}, model::AnalyzeRequest};
    ///
    /// let mut request = AnalyzeRequest::default();
    /// request.prompt = Some("Summarize the video.".to_owned());
    /// let rows = assets.into_iter().map(Row::new).collect();
    /// let run = BatchRun::new(&request, rows).map_err(|fault| fault.to_string())?;
    /// let answers = client.analyze_batch(run).save_to("answers.jsonl").run()?;
    /// println!("{} of {} failed", answers.failed(), answers.answers.len());
    /// # Ok(()) }
    /// ```
    pub fn analyze_batch(&self, run: BatchRun) -> AnalyzeBatch {
        AnalyzeBatch {
            client: self.clone(),
            output: Output::new(run),
        }
    }
}

/// Analyses of many assets that were not started yet.
#[derive(Debug)]
#[must_use = "nothing is sent until it is run"]
pub struct AnalyzeBatch {
    client: Client,
    output: Output,
}

impl AnalyzeBatch {
    batch_settings!();

    /// Creates the batches, waits until all have ended, and returns the answers.
    ///
    /// # Errors
    /// [`Checkpoint`](crate::ErrorKind::Checkpoint) if the state cannot be saved, is in use by
    /// another run, or belongs to other rows or settings; nothing was sent.
    /// [`DeadlinePassed`](crate::ErrorKind::DeadlinePassed) if the batches have not ended by the
    /// deadline, [`File`](crate::ErrorKind::File) if the answers cannot be written, and errors of
    /// requests. After each of these, another run continues. An item that failed is no error: see
    /// [`BatchAnswers::failed_rows`].
    pub fn run(self) -> Result<BatchAnswers, Error> {
        let mut opened = self.output.open()?;
        let Output {
            run,
            wait,
            observer,
            ..
        } = self.output;
        let (saved, journal) = (opened.saved.take(), opened.journal.clone());
        let api = self.client.api();
        let answers = api.run_batches(run, saved, wait, journal, observer)?;
        opened.finish(answers)
    }
}

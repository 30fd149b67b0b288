//! How long the platform takes: measured in this run, and by earlier runs of the account. The first
//! looks at items of a run are at the right time then.

use std::sync::Arc;
use std::time::Duration;

use tl_client::Stage;
use tl_ledger::State;
use tl_protocol::flow::{Expected, History, StageTime};
use tokio::time::Instant;

use super::Shared;
use super::main_loop::MainLoop;
use crate::error::Result;

/// How often new durations are stored, so that a run that is killed has measured for the next one.
const STORED_EVERY: Duration = Duration::from_secs(30);

/// How long both stages on the platform took.
#[derive(Debug, Clone, Default)]
pub(super) struct StageTimes {
    processing: History,
    indexing: History,
    /// When the first duration was measured that is not stored.
    changed: Option<Instant>,
    /// When durations were stored last.
    stored: Option<Instant>,
}

impl StageTimes {
    /// Adds how long a stage took.
    pub(super) fn measure(&mut self, stage: Stage, time: StageTime) {
        let history = match stage {
            Stage::Indexing => &mut self.indexing,
            _ => &mut self.processing,
        };
        history.add(time);
        self.changed.get_or_insert_with(Instant::now);
    }

    /// What to expect of processing and of indexing a video of this duration.
    pub(super) fn expected(&self, video: Option<Duration>) -> (Expected, Expected) {
        (
            self.processing.expected(video),
            self.indexing.expected(video),
        )
    }
}

impl Shared {
    /// The durations of earlier runs.
    pub(super) async fn stage_times(&self) -> Result<StageTimes> {
        let account = self.account;
        let read = self.store.call(move |ledger, _| {
            let mut history = |state| ledger.stage_times(account, state).map(History::from_iter);
            Ok(StageTimes {
                processing: history(State::Processing)?,
                indexing: history(State::Indexing)?,
                ..StageTimes::default()
            })
        });
        Ok(read.await?)
    }

    async fn keep_times(&self, times: StageTimes) -> tl_ledger::Result<()> {
        let account = self.account;
        // Not in the transaction of other calls: processes that share a ledger write the same rows.
        let written = self.store.enter(move |ledger| {
            ledger.set_stage_times(account, State::Processing, times.processing.times())?;
            ledger.set_stage_times(account, State::Indexing, times.indexing.times())
        });
        written.await?
    }
}

impl MainLoop {
    /// Stores the durations, at the end of the run.
    pub(super) async fn keep_times(&mut self) -> Result<()> {
        if self.times.changed.take().is_some() {
            self.shared.keep_times(self.times.clone()).await?;
        }
        Ok(())
    }

    /// Stores the durations now and then. If that fails, the next time stores them.
    pub(super) fn keep_times_in_background(&mut self) {
        let is_due = self
            .times
            .stored
            .or(self.times.changed)
            .is_some_and(|at| at.elapsed() >= STORED_EVERY);
        if !is_due || self.times.changed.take().is_none() {
            return;
        }
        self.times.stored = Some(Instant::now());
        let (shared, times) = (Arc::clone(&self.shared), self.times.clone());
        tokio::spawn(async move { shared.keep_times(times).await });
    }
}

//! The settings that the async and the blocking builder of batches share.

use std::path::PathBuf;

use tl_protocol::{Observer, flow::WaitPolicy};

use super::{BatchAnswers, BatchJournal, BatchRun, BatchState, StateFile, write_answers};
use crate::Error;

/// The settings of a run, and where its state and its answers are saved.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) run: BatchRun,
    pub(crate) wait: WaitPolicy,
    pub(crate) observer: Observer,
    pub(crate) state_file: Option<PathBuf>,
    pub(crate) answers: Option<PathBuf>,
}

/// What a run needs of the disk.
pub(crate) struct Opened {
    pub(crate) saved: Option<BatchState>,
    pub(crate) journal: BatchJournal,
    file: Option<StateFile>,
    answers: Option<PathBuf>,
}

impl Output {
    pub(crate) fn new(run: BatchRun) -> Self {
        Self {
            run,
            wait: WaitPolicy::default(),
            observer: Observer::none(),
            state_file: None,
            answers: None,
        }
    }

    /// Opens the state file.
    pub(crate) fn open(&self) -> Result<Opened, Error> {
        let answers = self.answers.clone();
        let beside = || answers.as_deref().map(StateFile::beside);
        let Some(path) = self.state_file.clone().or_else(beside) else {
            return Ok(Opened {
                saved: None,
                journal: BatchJournal::none(),
                file: None,
                answers,
            });
        };
        let (file, saved) = StateFile::open(&path, &self.run)?;
        Ok(Opened {
            saved,
            journal: file.journal(),
            file: Some(file),
            answers,
        })
    }
}

impl Opened {
    /// Saves the answers. The state is not needed after that.
    pub(crate) fn finish(self, answers: BatchAnswers) -> Result<BatchAnswers, Error> {
        let Some(path) = &self.answers else {
            return Ok(answers);
        };
        write_answers(path, &answers)?;
        let Self { file, journal, .. } = self;
        drop(journal);
        if let Some(file) = file {
            file.remove();
        }
        Ok(answers)
    }
}

/// Defines the settings of a run.
macro_rules! batch_settings {
    () => {
        /// Sets the polling interval and the deadline. Default: see
        /// [`WaitPolicy`](tl_protocol::flow::WaitPolicy).
        pub fn wait(mut self, policy: tl_protocol::flow::WaitPolicy) -> Self {
            self.output.wait = policy;
            self
        }

        /// Writes the answers to this file as JSON Lines, in the order of the rows: see
        /// [`BatchAnswers::to_jsonl`](crate::analysis::batch::BatchAnswers::to_jsonl). The file is
        /// written atomically when all batches have ended. Until then, the state is in a file beside
        /// it, `NAME.batches.json`, so that another run continues.
        pub fn save_to(mut self, path: impl Into<std::path::PathBuf>) -> Self {
            self.output.answers = Some(path.into());
            self
        }

        /// Saves the state of the run in this file, and continues from it. It is removed after the
        /// answers are written by [`save_to`](Self::save_to); without that, remove it yourself.
        pub fn state_file(mut self, path: impl Into<std::path::PathBuf>) -> Self {
            self.output.state_file = Some(path.into());
            self
        }

        /// Reports creations, statuses and retries to `observer`.
        pub fn observe(mut self, observer: tl_protocol::Observer) -> Self {
            self.output.observer = observer;
            self
        }
    };
}

pub(crate) use batch_settings;

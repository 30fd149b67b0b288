//! Analyses of many assets, in batches that the platform accepts: at most 1,000 items each, five at
//! a time.
//!
//! `analyze_batch` of both clients checks, splits, creates, waits, and returns the answers in the
//! order of the rows. With a state file, a run that ended early continues in another process, and
//! creates no batch twice. The plan ([`BatchRun`]) and its state ([`BatchState`]) are pure, for a
//! driver of your own.

mod answer_file;
#[cfg(any(feature = "async", feature = "blocking"))]
mod settings;
mod state_file;

pub use tl_protocol::{
    flow::BatchJournal,
    pegasus::batch::{BatchAnswer, BatchAnswers, BatchRun, BatchState, Row},
};

#[cfg(any(feature = "async", feature = "blocking"))]
pub(crate) use settings::{Output, batch_settings};
pub(crate) use {answer_file::write_answers, state_file::StateFile};

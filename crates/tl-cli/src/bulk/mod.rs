//! Bulk ingestion on the command line: settings, results, signals, exit codes.

pub(crate) mod assets;
pub(crate) mod report;
pub(crate) mod run;

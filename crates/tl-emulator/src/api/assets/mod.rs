//! `/assets`: assets of all kinds.

pub(crate) mod create;
mod metadata;
mod transcription;
pub(crate) mod views;

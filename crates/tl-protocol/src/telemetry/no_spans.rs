//! The types of `spans.rs` without feature `tracing`: they do nothing.

use http::StatusCode;

use super::{Kind, Request};
use crate::{Error, Step, TransportErrorKind};

/// The span of an operation.
#[derive(Debug, Default)]
pub(crate) struct Scope(());

/// The span of an operation while the flow runs.
#[derive(Debug)]
#[must_use = "the span is entered as long as this lives"]
pub(crate) struct Entered;

/// The span of an attempt.
#[derive(Debug)]
pub(crate) struct AttemptSpan;

#[expect(
    clippy::unused_self,
    reason = "the same signatures as with the feature"
)]
impl Scope {
    #[expect(clippy::needless_pass_by_ref_mut, reason = "the span is opened once")]
    pub(crate) fn enter(&mut self, _: Kind, _: &'static str) -> Entered {
        Entered
    }

    pub(crate) fn failed(&self, _: &Error) {}
}

#[expect(clippy::unused_self, reason = "the same signature as with the feature")]
impl Entered {
    pub(crate) fn watch<T>(&self, step: Step<Result<T, Error>>) -> Step<Result<T, Error>> {
        step
    }
}

#[expect(clippy::unused_self, reason = "the same signature as with the feature")]
impl AttemptSpan {
    pub(crate) fn open(_: Request<'_>) -> Self {
        Self
    }

    pub(crate) fn end(self, _: Option<StatusCode>, _: Option<TransportErrorKind>, _: u64) {}
}

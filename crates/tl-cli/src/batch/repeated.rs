//! Failures that several inputs have in common are printed once.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::pluralize;
use crate::ui::output::Output;

/// Failures that several inputs have in common: the first is printed, the others are counted.
#[derive(Debug, Default)]
pub(crate) struct RepeatedFailures {
    printed: AtomicUsize,
    failed: AtomicUsize,
    not_tried: AtomicUsize,
}

impl RepeatedFailures {
    /// Prints `failure`, unless another input has failed in the same way.
    pub(crate) fn report(&self, output: &Output, failure: &Failure) {
        let counter = match failure.exit() {
            _ if failure.kind() == NOT_TRIED => &self.not_tried,
            Exit::KeyRefused | Exit::Limit => &self.failed,
            _ => return output.failure_text(failure),
        };
        if self.printed.fetch_add(1, Ordering::Relaxed) == 0 {
            return output.failure_text(failure);
        }
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Prints how many failures were not printed.
    pub(crate) fn finish(&self, output: &Output) {
        let (failed, not_tried) = (
            self.failed.load(Ordering::Relaxed),
            self.not_tried.load(Ordering::Relaxed),
        );
        let mut parts = Vec::new();
        if failed > 0 {
            parts.push(format!(
                "{} failed with the same error",
                pluralize(failed, "more input", "more inputs")
            ));
        }
        if not_tried > 0 {
            parts.push(format!(
                "{} not tried",
                pluralize(not_tried, "input was", "inputs were")
            ));
        }
        if !parts.is_empty() {
            output.note(&format!("{}; use --json to list each", parts.join(", ")));
        }
    }
}

/// JSON `kind` of an input that was not tried because of another one.
const NOT_TRIED: &str = "not_tried";

/// Error of an input that is not tried after `exit` ended the run.
pub(crate) fn not_tried(exit: Exit) -> Failure {
    let because = match exit {
        Exit::KeyRefused => "the platform rejected the API key",
        Exit::Limit => "a limit of the account is exceeded",
        _ => "the index could not be read",
    };
    Failure::new(exit, NOT_TRIED, format!("not tried: {because}"))
        .hint("fix this error, then run the command again")
}

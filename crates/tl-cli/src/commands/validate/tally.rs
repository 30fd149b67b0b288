//! Counters of a run of `tl validate`.

use std::time::Instant;

use tl_validate::Verdict;

use super::sink::FileResult;
use crate::failure::exit::Exit;
use crate::text::units;

/// Counters of a run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) files: usize,
    pub(super) refused: usize,
    pub(super) failed: usize,
    warned: usize,
    cached: usize,
    pub(super) first: Option<Exit>,
}

impl Tally {
    pub(super) fn count(&mut self, result: &FileResult) {
        self.files += 1;
        self.first.get_or_insert(result.exit());
        self.cached += usize::from(result.check.from_cache);
        if result.check.failure.is_some() {
            self.failed += 1;
        } else {
            match result.check.checked.report.verdict {
                Verdict::Pass => {}
                Verdict::Warn => self.warned += 1,
                Verdict::Refuse => self.refused += 1,
            }
        }
    }

    /// `120 files: 100 pass, 12 with warnings, 8 refused, in 0.9 s`
    pub(super) fn summary(&self, started: Instant) -> String {
        let passed = self.files - self.refused - self.failed - self.warned;
        let mut text = format!("{} files: {passed} pass", self.files);
        for (count, what) in [
            (self.warned, "with warnings"),
            (self.refused, "refused"),
            (self.failed, "could not be checked"),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text.push_str(&format!(
            ", in {}",
            units::format_duration(started.elapsed())
        ));
        if self.cached > 0 {
            text.push_str(&format!(" ({} cached)", self.cached));
        }
        text
    }
}

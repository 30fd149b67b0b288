//! The report of a run, made from its events: as text, JSON, CSV and HTML.
//!
//! A [`Report`] keeps the counts, the failures (up to [`MAX_FAILURES`]) and the course of the run,
//! so that its memory does not grow with the items. [`CsvReport`] writes a row per item as it ends.

mod csv;
mod html;
mod text;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::event::{Event, ItemEvent, ItemFailure, Record};
use crate::totals::{Ending, RunSummary, Totals};

pub use self::csv::CsvReport;
pub use self::text::ending;

/// How many failures a report lists. All of them are in the ledger.
pub const MAX_FAILURES: usize = 1000;

/// How many points the course of a run has.
const MAX_POINTS: usize = 120;

/// What a run did; feed it every record of the run.
///
/// ```
/// use tl_bulk::event::{Event, Record};
/// use tl_bulk::report::Report;
/// use tl_bulk::{Ending, RunSummary, Totals};
///
/// let mut report = Report::new();
/// let at = "2026-11-28T12:00:00Z".parse().unwrap();
/// let ended = RunSummary::new(Ending::Complete, Totals::default());
/// report.record(&Record::new(at, Event::RunEnded(ended)));
/// assert!(report.to_html().starts_with("<!doctype html>"));
/// ```
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The version of the format.
    v: u32,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    run: Option<i64>,
    ledger: Option<String>,
    plan: Option<String>,
    ending: Option<Ending>,
    full_indexes: Vec<String>,
    totals: Totals,
    /// The causes of failures, the most frequent first in text and HTML.
    causes: BTreeMap<String, Cause>,
    failures: Vec<Failed>,
    /// Failures that are not listed.
    more_failures: u64,
    /// Seconds since the start, and items that were done.
    course: Vec<(u64, u64)>,
    /// Every how many samples one is kept.
    #[serde(skip)]
    stride: u64,
    #[serde(skip)]
    samples: u64,
}

/// Failures with the same cause.
#[derive(Debug, Clone, Serialize)]
struct Cause {
    count: u64,
    /// The text of the first one.
    example: String,
}

/// An item that was refused or failed.
#[derive(Debug, Clone, Serialize)]
struct Failed {
    name: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    error: ItemFailure,
}

impl Report {
    /// The report of a run that has not started.
    #[must_use]
    pub fn new() -> Self {
        Self {
            v: crate::event::VERSION,
            stride: 1,
            ..Self::default()
        }
    }

    /// Adds what happened.
    pub fn record(&mut self, record: &Record) {
        match &record.event {
            Event::RunStarted {
                run, ledger, plan, ..
            } => {
                self.started = Some(record.at);
                self.run = Some(*run);
                self.ledger = Some(ledger.clone());
                self.plan = Some(plan.clone());
            }
            Event::ItemUnreadable { name, error } => self.failed(name, "unreadable", None, error),
            Event::ItemRefused { item, error } => {
                self.failed(&item.name, "refused", Some(item), error);
            }
            Event::ItemFailed { item, error } => {
                self.failed(&item.name, "failed", Some(item), error);
            }
            Event::Progress(totals) => {
                self.totals = *totals;
                self.sample();
            }
            Event::RunEnded(RunSummary {
                ending,
                totals,
                full_indexes,
            }) => {
                self.full_indexes.clone_from(full_indexes);
                self.ended = Some(record.at);
                self.ending = Some(*ending);
                self.totals = *totals;
                self.sample();
            }
            _ => {}
        }
    }

    fn failed(
        &mut self,
        name: &str,
        state: &'static str,
        item: Option<&ItemEvent>,
        error: &ItemFailure,
    ) {
        let key = error.code.as_ref().unwrap_or(&error.kind).clone();
        // Codes are few; a platform that sends a new one each time must not fill the memory.
        if self.causes.len() < MAX_FAILURES || self.causes.contains_key(&key) {
            let cause = self.causes.entry(key).or_insert_with(|| Cause {
                count: 0,
                example: error.text.clone(),
            });
            cause.count += 1;
        }
        if self.failures.len() >= MAX_FAILURES {
            self.more_failures += 1;
            return;
        }
        self.failures.push(Failed {
            name: name.to_owned(),
            state,
            item: item.map(|item| item.item.get()),
            bytes: item.and_then(|item| item.bytes),
            error: error.clone(),
        });
    }

    /// Adds a point to the course of the run. If there are too many, every second one is dropped.
    fn sample(&mut self) {
        self.samples += 1;
        if !self.samples.is_multiple_of(self.stride.max(1)) {
            return;
        }
        self.course
            .push((self.totals.elapsed_ms / 1000, self.totals.ready));
        if self.course.len() > MAX_POINTS {
            let mut at = 0;
            self.course.retain(|_| {
                at += 1;
                at % 2 == 0
            });
            self.stride = self.stride.max(1) * 2;
        }
    }

    /// The causes, the most frequent first.
    fn causes(&self) -> Vec<(&str, &Cause)> {
        let mut causes: Vec<_> = self
            .causes
            .iter()
            .map(|(key, cause)| (key.as_str(), cause))
            .collect();
        causes.sort_by_key(|(_, cause)| std::cmp::Reverse(cause.count));
        causes
    }

    /// The counts.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Why the run ended, or `None` if it has not.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// The summary for people: at most ten lines.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::summary(self)
    }

    /// One HTML page without scripts and without links to other files.
    #[must_use]
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// One JSON object.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use tl_ledger::ItemId;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn failed(name: &str, code: &str) -> Event {
        Event::ItemFailed {
            item: ItemEvent::new(ItemId::new(1), name),
            error: ItemFailure {
                code: Some(code.to_owned()),
                ..ItemFailure::new("platform", "it <b>failed</b>")
            },
        }
    }

    fn progress(second: u64, ready: u64) -> Event {
        Event::Progress(Totals {
            ready,
            elapsed_ms: second * 1000,
            ..Totals::default()
        })
    }

    #[test]
    fn memory_does_not_grow_with_the_items() {
        let mut report = Report::new();
        for n in 0..5000 {
            report.record(&Record::new(at(n), failed(&format!("{n}.mp4"), "bad")));
            let seconds = u64::try_from(n).unwrap();
            report.record(&Record::new(at(n), progress(seconds, seconds)));
        }
        assert_eq!(report.failures.len(), MAX_FAILURES);
        assert_eq!(report.more_failures, 4000);
        assert_eq!(report.causes["bad"].count, 5000);
        assert!(report.course.len() <= MAX_POINTS + 1);
        assert!(report.course.len() > MAX_POINTS / 3);
        assert!(report.course.is_sorted());
        assert!(report.to_html().len() < 1_000_000);
        assert!(report.to_text().lines().count() <= 10);
    }

    #[test]
    fn names_and_messages_are_escaped_in_html() {
        let mut report = Report::new();
        report.record(&Record::new(
            at(0),
            failed("<script>alert(1)</script>\u{202e}&\".mp4", "x"),
        ));
        let page = report.to_html();
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(page.contains("it &lt;b&gt;failed&lt;/b&gt;"));
        assert!(!page.contains('\u{202e}'));
        for foreign in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }

    #[test]
    fn json_has_the_counts_and_the_failures() {
        let mut report = Report::new();
        report.record(&Record::new(
            at(0),
            Event::RunStarted {
                run: 3,
                ledger: "ledger.sqlite3".to_owned(),
                plan: "developer-1".to_owned(),
                jobs: 4,
            },
        ));
        report.record(&Record::new(at(1), failed("a.mp4", "bad")));
        let totals = Totals {
            items: 2,
            ready: 1,
            failed: 1,
            ..Totals::default()
        };
        let ended = RunSummary::new(Ending::Complete, totals);
        report.record(&Record::new(at(2), Event::RunEnded(ended)));
        let json = report.to_json();
        assert_eq!(json["v"], 1);
        assert_eq!(json["run"], 3);
        assert_eq!(json["ending"]["because"], "complete");
        assert_eq!(json["totals"]["ready"], 1);
        assert_eq!(json["failures"][0]["name"], "a.mp4");
        assert_eq!(json["causes"]["bad"]["count"], 1);
    }
}

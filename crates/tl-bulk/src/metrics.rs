//! The state of a run as Prometheus metrics.
//!
//! ```
//! use tl_bulk::event::{Event, Record};
//! use tl_bulk::metrics::Metrics;
//! use tl_bulk::Totals;
//!
//! let mut metrics = Metrics::new();
//! let at = "2026-11-28T12:00:00Z".parse().unwrap();
//! metrics.record(&Record::new(at, Event::Progress(Totals::default())));
//! metrics.add_request("create_asset", Some(201));
//! let text = metrics.render();
//! assert!(text.contains("tl_requests_total{op=\"create_asset\",code=\"201\"} 1\n"));
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use jiff::Timestamp;
use tl_ledger::ItemId;
use tl_protocol::limiter::{Dimension, Level};

use crate::event::{Event, Record};
use crate::totals::Totals;

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The upper bounds of the buckets of `tl_wait_seconds`.
const WAIT_BOUNDS: [u64; 10] = [1, 5, 15, 30, 60, 120, 300, 900, 3600, 14_400];

/// How many items are timed at once. A run has at most twice its concurrent tasks in flight.
const MAX_TIMED: usize = 10_000;

/// Counts what happens, for a server that Prometheus reads.
///
/// | Metric | Type | Meaning |
/// |---|---|---|
/// | `tl_items{state}` | gauge | items of the run by state |
/// | `tl_requests_total{op,code}` | counter | requests by operation and status; `error` without a response |
/// | `tl_bucket_level{dim}` | gauge | share of a limit that is used, from 0 to 1 |
/// | `tl_minutes_total` | counter | minutes of video that were indexed |
/// | `tl_bytes_total` | counter | bytes that were sent |
/// | `tl_wait_seconds` | histogram | from the end of an upload until the video is ready |
/// | `tl_lease_lost_total` | counter | items that another process took over |
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    totals: Totals,
    requests: BTreeMap<(String, String), u64>,
    levels: BTreeMap<&'static str, f64>,
    /// When the upload of an item in flight ended.
    waiting: HashMap<ItemId, Timestamp>,
    wait_counts: [u64; WAIT_BOUNDS.len()],
    wait_count: u64,
    wait_sum: f64,
    lease_lost: u64,
}

impl Metrics {
    /// Metrics of a run that has not started.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts what happened.
    pub fn record(&mut self, record: &Record) {
        match &record.event {
            Event::Progress(totals) => self.totals = *totals,
            Event::RunEnded(summary) => self.totals = summary.totals,
            Event::ItemProcessing(item) | Event::ItemIndexing(item)
                if self.waiting.len() < MAX_TIMED =>
            {
                self.waiting.entry(item.item).or_insert(record.at);
            }
            Event::ItemReady(item) => {
                if let Some(since) = self.waiting.remove(&item.item) {
                    self.waited(record.at.duration_since(since).as_secs_f64().max(0.0));
                }
            }
            Event::ItemLost(item) => {
                self.waiting.remove(&item.item);
                self.add_lost_lease();
            }
            Event::Limits { levels } => self.set_levels(levels),
            Event::ItemFailed { item, .. } | Event::ItemHeld { item, .. } => {
                self.waiting.remove(&item.item);
            }
            _ => {}
        }
    }

    /// Counts a request: its operation, and the status of its response.
    pub fn add_request(&mut self, operation: &str, status: Option<u16>) {
        let code = status.map_or_else(|| "error".to_owned(), |status| status.to_string());
        let key = (operation.to_owned(), code);
        *self.requests.entry(key).or_default() += 1;
    }

    /// Sets how much of each limit is used.
    pub fn set_levels(&mut self, levels: &[Level]) {
        for level in levels {
            let share = level
                .limit
                .filter(|limit| *limit > 0)
                .map(|limit| level.used as f64 / limit as f64);
            match share {
                Some(share) => self.levels.insert(level.dimension.name(), share),
                None => self.levels.remove(level.dimension.name()),
            };
        }
    }

    /// Sets that a limit is used up, as an event says.
    pub fn set_used_up(&mut self, dimension: Dimension) {
        self.levels.insert(dimension.name(), 1.0);
    }

    /// Counts an item that another process took over.
    pub fn add_lost_lease(&mut self) {
        self.lease_lost += 1;
    }

    fn waited(&mut self, seconds: f64) {
        self.wait_count += 1;
        self.wait_sum += seconds;
        for (bound, number) in WAIT_BOUNDS.iter().zip(&mut self.wait_counts) {
            if seconds <= *bound as f64 {
                *number += 1;
            }
        }
    }

    /// The metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        let totals = &self.totals;
        head(&mut text, "tl_items", "gauge", "Items of the run by state.");
        for (state, number) in [
            ("ready", totals.ready),
            ("in_flight", totals.in_flight),
            ("failed", totals.failed),
            ("refused", totals.refused),
            ("unreadable", totals.unreadable),
            ("skipped", totals.skipped + totals.skipped_failed),
            ("held", totals.held),
            ("left", totals.left()),
        ] {
            line(&mut text, "tl_items", &[("state", state)], number as f64);
        }
        head(
            &mut text,
            "tl_requests_total",
            "counter",
            "Requests by operation and status.",
        );
        for ((operation, code), number) in &self.requests {
            let labels = [("op", operation.as_str()), ("code", code.as_str())];
            line(&mut text, "tl_requests_total", &labels, *number as f64);
        }
        head(
            &mut text,
            "tl_bucket_level",
            "gauge",
            "Share of a limit that is used.",
        );
        for (dimension, share) in &self.levels {
            line(&mut text, "tl_bucket_level", &[("dim", dimension)], *share);
        }
        for (name, about, value) in [
            (
                "tl_minutes_total",
                "Minutes of video that were indexed.",
                totals.ready_ms as f64 / 60_000.0,
            ),
            (
                "tl_bytes_total",
                "Bytes that were sent.",
                totals.sent_bytes as f64,
            ),
            (
                "tl_lease_lost_total",
                "Items that another process took over.",
                self.lease_lost as f64,
            ),
        ] {
            head(&mut text, name, "counter", about);
            line(&mut text, name, &[], value);
        }
        head(
            &mut text,
            "tl_wait_seconds",
            "histogram",
            "From the end of an upload until the video is ready.",
        );
        for (bound, number) in WAIT_BOUNDS.iter().zip(self.wait_counts) {
            let bound = bound.to_string();
            line(
                &mut text,
                "tl_wait_seconds_bucket",
                &[("le", &bound)],
                number as f64,
            );
        }
        let count = self.wait_count as f64;
        line(
            &mut text,
            "tl_wait_seconds_bucket",
            &[("le", "+Inf")],
            count,
        );
        line(&mut text, "tl_wait_seconds_sum", &[], self.wait_sum);
        line(&mut text, "tl_wait_seconds_count", &[], count);
        text
    }
}

fn head(text: &mut String, name: &str, kind: &str, about: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {about}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    text.push_str(name);
    for (at, (label, value)) in labels.iter().enumerate() {
        let before = if at == 0 { '{' } else { ',' };
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = write!(text, "{before}{label}=\"{value}\"");
    }
    if !labels.is_empty() {
        text.push('}');
    }
    let _ = writeln!(text, " {value}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tl_protocol::limiter::{Cost, Limiter, Limits};

    use super::*;
    use crate::event::ItemEvent;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn item(number: i64) -> ItemEvent {
        ItemEvent::new(ItemId::new(number), "a.mp4")
    }

    #[test]
    fn waits_are_a_histogram() {
        let mut metrics = Metrics::new();
        for (number, wait) in [(1, 4), (2, 40), (3, 100_000)] {
            for event in [
                Record::new(at(0), Event::ItemProcessing(item(number))),
                Record::new(at(1), Event::ItemIndexing(item(number))),
                Record::new(at(wait), Event::ItemReady(item(number))),
            ] {
                metrics.record(&event);
            }
        }
        // Without an upload in this run, there is no wait.
        metrics.record(&Record::new(at(5), Event::ItemReady(item(9))));
        let text = metrics.render();
        for line in [
            "tl_wait_seconds_bucket{le=\"1\"} 0",
            "tl_wait_seconds_bucket{le=\"5\"} 1",
            "tl_wait_seconds_bucket{le=\"60\"} 2",
            "tl_wait_seconds_bucket{le=\"14400\"} 2",
            "tl_wait_seconds_bucket{le=\"+Inf\"} 3",
            "tl_wait_seconds_sum 100044",
            "tl_wait_seconds_count 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(metrics.waiting.is_empty());
    }

    #[test]
    fn levels_are_shares_of_the_limits() {
        let mut limiter = Limiter::new(Limits::named("developer-1").unwrap());
        let cost = Cost::index(Duration::from_secs(60 * 300));
        let _ = limiter.reserve(at(0), cost);
        let mut metrics = Metrics::new();
        metrics.set_levels(&limiter.levels(at(0)));
        let text = metrics.render();
        assert!(
            text.contains("tl_bucket_level{dim=\"video_per_hour\"} 0.5\n"),
            "{text}"
        );
        assert!(
            text.contains("tl_bucket_level{dim=\"concurrent_tasks\"} 0.04\n"),
            "{text}"
        );
        assert!(!text.contains("video_total"), "{text}");
    }

    #[test]
    fn events_set_levels_and_count_lost_leases() {
        let mut limiter = Limiter::new(Limits::named("developer-1").unwrap());
        let _ = limiter.reserve(at(0), Cost::index(Duration::from_secs(60 * 150)));
        let levels = limiter.levels(at(0));
        let mut metrics = Metrics::new();
        metrics.record(&Record::new(at(0), Event::Limits { levels }));
        metrics.record(&Record::new(at(1), Event::ItemIndexing(item(1))));
        metrics.record(&Record::new(at(2), Event::ItemLost(item(1))));
        metrics.record(&Record::new(at(3), Event::ItemLost(item(2))));
        let text = metrics.render();
        assert!(text.contains("tl_lease_lost_total 2\n"), "{text}");
        let level = "tl_bucket_level{dim=\"video_per_hour\"} 0.25\n";
        assert!(text.contains(level), "{text}");
        assert!(metrics.waiting.is_empty(), "it is not timed any more");
    }

    #[test]
    fn every_line_is_a_sample_or_a_comment() {
        let mut metrics = Metrics::new();
        metrics.add_request("a\"b\\c\n", None);
        metrics.add_lost_lease();
        for line in metrics.render().lines() {
            let is_sample = line.rsplit_once(' ').is_some_and(|(name, value)| {
                name.starts_with("tl_") && value.parse::<f64>().is_ok()
            });
            assert!(line.starts_with("# ") || is_sample, "{line}");
        }
    }
}

//! The report as text.

use std::fmt::Write as _;
use std::time::Duration;

use super::Report;
use crate::format::{bytes, count, duration, one_line};
use crate::totals::{Budget, Ending};

/// How many causes of failures the text names.
const SHOWN_CAUSES: usize = 3;

/// Why a run ended, as a sentence without a period.
#[must_use]
pub fn ending(ending: Ending) -> String {
    match ending {
        Ending::Complete => "complete: nothing is left to do".to_owned(),
        Ending::Stopped => "stopped; run the same command to continue".to_owned(),
        Ending::Budget { budget } => {
            let name = match budget {
                Budget::Items => "items",
                Budget::Minutes => "minutes of video",
                Budget::Bytes => "bytes",
                Budget::Time => "time",
            };
            format!("the budget of {name} is used up; run the same command to continue")
        }
        Ending::OverBudget {
            video_ms,
            unknown: 0,
        } => {
            let video = duration(Duration::from_millis(video_ms));
            format!("the videos last {video} and exceed the budget; nothing was sent")
        }
        Ending::OverBudget { unknown, .. } => format!(
            "the duration of {} videos is not known, so the budget cannot be checked; nothing was sent",
            count(unknown)
        ),
        Ending::Limit { dimension, until } => {
            let name = dimension.map_or_else(
                || "a limit of the plan".to_owned(),
                |dimension| format!("the limit of {}", dimension.label()),
            );
            let until = until
                .map(|time| format!(" until {}", time.strftime("%Y-%m-%d %H:%M UTC")))
                .unwrap_or_default();
            format!("{name} is used up{until}; run the same command later")
        }
        Ending::IndexFull => "an index has no room for the next video".to_owned(),
        Ending::KeyRefused => "the platform rejected the API key".to_owned(),
        Ending::Errors => "too many items failed".to_owned(),
        Ending::DeadlinePassed => "the time limit for waiting has passed".to_owned(),
    }
}

/// The summary: at most ten lines.
pub(super) fn summary(report: &Report) -> String {
    let totals = report.totals;
    let mut text = String::new();
    let skipped = totals.skipped + totals.skipped_failed;
    let parts = [
        (totals.ready, "ready"),
        (totals.in_flight, "indexing"),
        (totals.failed, "failed"),
        (totals.refused, "refused"),
        (totals.unreadable, "unreadable"),
        (skipped, "skipped"),
        (totals.held, "held"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, name)| *number > 0 || *name == "ready")
        .map(|(number, name)| format!("{} {name}", count(number)))
        .collect();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{} of {}", parts.join(", "), count(totals.items));
    let elapsed = Duration::from_millis(totals.elapsed_ms);
    let _ = writeln!(
        text,
        "sent {} in {}, {} of video indexed, {} requests ({} rate limited)",
        bytes(totals.sent_bytes),
        duration(elapsed),
        duration(totals.ready_video()),
        count(totals.requests),
        count(totals.rate_limited),
    );
    let causes = report.causes();
    for (key, cause) in causes.iter().take(SHOWN_CAUSES) {
        let _ = writeln!(
            text,
            "{} × {}: {}",
            count(cause.count),
            one_line(key),
            one_line(&cause.example)
        );
    }
    if causes.len() > SHOWN_CAUSES {
        let _ = writeln!(text, "and {} other causes", causes.len() - SHOWN_CAUSES);
    }
    if let Some(because) = report.ending {
        let _ = writeln!(text, "{}", ending(because));
    }
    if !report.full_indexes.is_empty() {
        let names = report.full_indexes.join(", ");
        let _ = writeln!(text, "full: {}", one_line(&names));
    }
    text.trim_end().to_owned()
}

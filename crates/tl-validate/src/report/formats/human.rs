//! Text for a terminal: one line per file, with details on request.

use std::fmt::Write as _;

use super::entry::Entry;
use crate::report::Verdict;
use crate::rules::Severity;
use crate::text::{plain, printable};
use crate::with_fields::with_fields;

/// Options of [`human`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HumanOptions {
    /// Use ANSI colors.
    pub color: bool,
    /// Write every finding in full, with its source, documentation page and fix, and the facts of
    /// the file.
    pub details: bool,
}

with_fields!(HumanOptions {
    with_color(color: bool);
    with_details(details: bool);
});

/// Writes one line for a file, and one for each error and warning. With details, writes everything.
pub fn human(entry: &Entry<'_>, options: HumanOptions) -> String {
    let report = entry.report;
    let (word, color) = match report.verdict {
        Verdict::Pass => ("ok     ", "32"),
        Verdict::Warn => ("warning", "33"),
        Verdict::Refuse => ("refused", "31"),
    };
    let paint = |text: &str, code: &str| {
        if options.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    };
    let mut out = format!("{} {}", paint(word, color), printable(entry.name));
    if let Some(summary) = entry.facts.map(summary) {
        let _ = write!(out, "  {}", paint(&summary, "2"));
    }
    for finding in &report.findings {
        if finding.severity == Severity::Advice && !options.details {
            continue;
        }
        let color = match finding.severity {
            Severity::Error => "31",
            Severity::Warning => "33",
            Severity::Advice => "36",
        };
        let label = paint(&format!("{:<7}", finding.severity), color);
        let _ = write!(
            out,
            "\n  {label} {}; allowed: {}",
            printable(&finding.observed),
            printable(&finding.allowed)
        );
        if options.details {
            let mut more = |label: &str, text: &str| {
                if !text.is_empty() {
                    let _ = write!(out, "\n          {label}: {}", printable(text));
                }
            };
            more("why", &finding.why);
            more("note", finding.assumption.as_deref().unwrap_or_default());
            more(
                "rule",
                &format!("{} ({}, {})", finding.rule, report.pack, finding.source),
            );
            more(
                "expected platform error",
                finding.predicted_code.as_deref().unwrap_or_default(),
            );
            more("see", &finding.documentation);
        }
        if let Some(fix) = &finding.fix
            && (options.details || finding.severity == Severity::Error)
        {
            let _ = write!(out, "\n          fix: {}", fix.for_file(entry.name));
        }
    }
    if options.details {
        let _ = write!(
            out,
            "\n  checked for {}, rules {} of {}",
            report.target, report.pack, report.pack_date
        );
    }
    out
}

/// `640x360 h264, 12.5 s, aac`.
fn summary(facts: &crate::facts::MediaFacts) -> String {
    let mut parts = Vec::new();
    if let Some(video) = facts.video() {
        parts.push(format!(
            "{}x{} {}",
            video.width,
            video.height,
            printable(&video.codec)
        ));
    }
    if let Some(seconds) = facts.duration_seconds() {
        parts.push(format!("{} s", plain(seconds)));
    }
    if let Some(audio) = facts.audio() {
        parts.push(printable(&audio.codec));
    }
    parts.join(", ")
}

//! Reports of the local check as text: one line for the verdict, followed by the findings.

use std::fmt::Write as _;

use anstyle::Style;
use tl_client::checker::Checked;
use tl_validate::{MediaFacts, Report, Severity, Verdict};

use crate::text::units::format_bytes;
use crate::ui::escape::{plain, plain_line};
use crate::ui::style::{BAD, DIM, GOOD, WARN};

/// Formats the verdict on one file and every finding.
pub(crate) fn checked(name: &str, checked: &Checked) -> String {
    let (word, style) = verdict(checked.report.verdict);
    let mut text = format!("{style}{word:<8}{style:#} {}", plain_line(name));
    if let Some(facts) = &checked.facts {
        let _ = write!(text, "  {DIM}{}{DIM:#}", summary(facts));
    }
    text.push_str(&findings(&checked.report, Some(name)));
    text
}

fn verdict(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Pass => ("pass", GOOD),
        Verdict::Warn => ("warn", WARN),
        Verdict::Refuse => ("refused", BAD),
    }
}

/// Formats the findings of a report, one per line, with the command that fixes the file `name`.
pub(crate) fn findings(report: &Report, name: Option<&str>) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let style = match finding.severity {
            Severity::Error => BAD,
            Severity::Warning => WARN,
            Severity::Advice => DIM,
        };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n  {style}{:<8}{style:#} {}; allowed: {}",
            finding.severity,
            plain(&finding.observed),
            plain(&finding.allowed)
        );
        let _ = write!(text, "\n           {}", plain(&finding.why));
        if let Some(assumption) = &finding.assumption {
            let _ = write!(text, " ({})", plain(assumption));
        }
        let _ = write!(text, " {DIM}[{}", finding.rule);
        if let Some(code) = &finding.predicted_code {
            let _ = write!(text, ", expected platform error {code}");
        }
        let _ = write!(text, "]{DIM:#}");
        if let Some(fix) = &finding.fix {
            let _ = write!(
                text,
                "\n           fix: {}",
                plain_line(&fix.for_file(name.unwrap_or("FILE")))
            );
        }
    }
    text
}

/// Short description of a file: `640x360 h264, 12.0 s, 48.0 kB, aac`.
fn summary(facts: &MediaFacts) -> String {
    let mut parts = Vec::new();
    if let Some(video) = facts.video() {
        parts.push(format!(
            "{}x{} {}",
            video.width,
            video.height,
            plain_line(&video.codec)
        ));
    }
    if let Some(seconds) = facts.duration_seconds() {
        parts.push(format!("{seconds:.1} s"));
    }
    parts.push(format_bytes(facts.file_size_bytes));
    if let Some(audio) = facts.audio() {
        parts.push(plain_line(&audio.codec));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_include_the_predicted_code() {
        let report = tl_validate::check(
            &MediaFacts::default().with(|facts| {
                facts.file_size_bytes = 48_000;
                facts.duration_seconds = Some(12.0);
                facts.video_streams = vec![tl_validate::VideoStream::default().with(|video| {
                    video.codec = "h264".into();
                    video.width = 320;
                    video.height = 180;
                })];
            }),
            &tl_validate::Target::new(tl_validate::Route::Tasks),
            tl_validate::RulePack::current(),
        );
        let text = findings(&report, Some("it's here/a clip.mov"));
        assert!(text.contains("video_resolution_too_low"), "{text}");
    }
}

//! JUnit XML: one test case per file. A refused file is a failed test.

use std::fmt::Write as _;

use super::entry::Entry;
use super::piece::Tally;
use crate::report::Verdict;
use crate::rules::Severity;
use crate::text::escaped;

pub(super) const TAIL: &str = "  </testsuite>\n</testsuites>\n";

pub(super) fn head(tally: &Tally) -> String {
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"0\" time=\"{:.3}\"",
        tally.files, tally.refuse, tally.seconds
    );
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"tl validate\" {counts}>\n  \
         <testsuite name=\"tl validate\" {counts} skipped=\"0\">\n"
    )
}

pub(super) fn case(entry: &Entry<'_>) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    let name = escaped(entry.name);
    let class = escaped(&entry.report.pack);
    let time = entry.seconds.unwrap_or(0.0);
    let head = format!("    <testcase name=\"{name}\" classname=\"{class}\" time=\"{time:.3}\"");
    if entry.report.findings.is_empty() {
        line(format!("{head}/>"));
        return out;
    }
    line(format!("{head}>"));
    let (errors, others): (Vec<_>, Vec<_>) = entry
        .report
        .findings
        .iter()
        .partition(|f| f.severity == Severity::Error);
    if entry.report.verdict == Verdict::Refuse {
        let kind = errors.first().map(|f| f.rule.as_str()).unwrap_or_default();
        let first = errors
            .first()
            .map(|f| format!("{}; allowed: {}", f.observed, f.allowed))
            .unwrap_or_default();
        line(format!(
            "      <failure type=\"{}\" message=\"{}\">{}</failure>",
            escaped(kind),
            escaped(&first),
            escaped(&text(entry.name, &errors))
        ));
    }
    if !others.is_empty() {
        line(format!(
            "      <system-out>{}</system-out>",
            escaped(&text(entry.name, &others))
        ));
    }
    line("    </testcase>".to_owned());
    out
}

fn text(file: &str, findings: &[&crate::report::Finding]) -> String {
    findings.iter().fold(String::new(), |mut all, finding| {
        if !all.is_empty() {
            all.push('\n');
        }
        let _ = write!(all, "{finding}");
        if let Some(fix) = &finding.fix {
            let _ = write!(all, "\n  fix: {}", fix.for_file(file));
        }
        all
    })
}

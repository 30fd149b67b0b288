//! JUnit XML: one test case per file; a refused file is a failed test.

use std::fmt::Write as _;

use super::{Entry, escaped};
use crate::{Severity, Verdict};

/// A `testsuites` document, as continuous integration servers read it.
pub fn junit(entries: &[Entry<'_>]) -> String {
    let failures = entries.iter().filter(|e| e.report.is_refused()).count();
    let seconds: f64 = entries.iter().filter_map(|e| e.seconds).sum();
    let counts = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"0\" time=\"{seconds:.3}\"",
        entries.len()
    );
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("<testsuites name=\"tl validate\" {counts}>"));
    line(format!(
        "  <testsuite name=\"tl validate\" {counts} skipped=\"0\">"
    ));
    for entry in entries {
        let name = escaped(entry.name);
        let class = escaped(&entry.report.pack);
        let time = entry.seconds.unwrap_or(0.0);
        let head =
            format!("    <testcase name=\"{name}\" classname=\"{class}\" time=\"{time:.3}\"");
        if entry.report.findings.is_empty() {
            line(format!("{head}/>"));
            continue;
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
                escaped(&text(&errors))
            ));
        }
        if !others.is_empty() {
            line(format!(
                "      <system-out>{}</system-out>",
                escaped(&text(&others))
            ));
        }
        line("    </testcase>".to_owned());
    }
    line("  </testsuite>".to_owned());
    line("</testsuites>".to_owned());
    out
}

fn text(findings: &[&crate::Finding]) -> String {
    findings.iter().fold(String::new(), |mut all, finding| {
        if !all.is_empty() {
            all.push('\n');
        }
        let _ = write!(all, "{finding}");
        if let Some(fix) = &finding.fix {
            let _ = write!(all, "\n  fix: {fix}");
        }
        all
    })
}

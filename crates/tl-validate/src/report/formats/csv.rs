//! Comma-separated values: one row per finding, or one row for a file without findings.

use super::entry::Entry;

const HEADER: &str = "file,verdict,severity,rule,observed,allowed,why,predicted_code,documentation,fix,pack,pack_date";

pub(super) fn head() -> String {
    format!("{HEADER}\r\n")
}

pub(super) fn rows(entry: &Entry<'_>) -> String {
    let mut out = String::new();
    let report = entry.report;
    let (verdict, date) = (report.verdict.as_str(), report.pack_date.to_string());
    let mut row = |middle: [&str; 8]| {
        let [severity, rule, observed, allowed, why, code, page, fix] = middle;
        let all = [
            entry.name,
            verdict,
            severity,
            rule,
            observed,
            allowed,
            why,
            code,
            page,
            fix,
            &report.pack,
            &date,
        ];
        let cells: Vec<String> = all.into_iter().map(cell).collect();
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    };
    if report.findings.is_empty() {
        row([""; 8]);
    }
    for f in &report.findings {
        let code = f.predicted_code.as_deref().unwrap_or_default();
        let fix = f
            .fix
            .as_ref()
            .map(|fix| fix.for_file(entry.name))
            .unwrap_or_default();
        row([
            f.severity.as_str(),
            &f.rule,
            &f.observed,
            &f.allowed,
            &f.why,
            code,
            &f.documentation,
            &fix,
        ]);
    }
    out
}

/// Quotes a cell if needed. Escapes a leading character that a spreadsheet would interpret as a
/// formula.
fn cell(text: &str) -> String {
    let disarmed = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    };
    if disarmed.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", disarmed.replace('"', "\"\""))
    } else {
        disarmed
    }
}

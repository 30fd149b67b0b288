//! SARIF 2.1.0: one result per finding, with the rules it refers to.

use serde_json::{Value, json};

use super::entry::Entry;
use super::piece::{Piece, Tally};
use crate::report::Finding;
use crate::rules::Severity;

pub(super) const MIDDLE: &str = "\n],\"results\":[";
pub(super) const TAIL: &str = "\n],\"columnKind\":\"unicodeCodePoints\"}]}\n";

pub(super) fn head(tally: &Tally) -> String {
    let driver = json!({
        "name": "tl validate",
        "version": env!("CARGO_PKG_VERSION"),
        "rules": tally.rules.iter().map(|(_, rule)| rule).collect::<Vec<_>>(),
    });
    format!(
        "{{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{{\
         \"tool\":{{\"driver\":{driver}}},\n\"artifacts\":["
    )
}

/// Writes the results of one entry as the body and its artifact as the aside.
pub(super) fn piece(entry: &Entry<'_>, tally: &mut Tally) -> Piece {
    // The first file is already counted in the tally.
    let comma = if tally.files > 1 { "," } else { "" };
    let mut piece = Piece {
        body: String::new(),
        aside: format!("{comma}\n{}", artifact(entry)),
    };
    for finding in &entry.report.findings {
        let first = tally.rules.is_empty();
        let index = tally
            .rules
            .iter()
            .position(|(id, _)| *id == finding.rule)
            .unwrap_or_else(|| {
                tally.rules.push((finding.rule.clone(), rule(finding)));
                tally.rules.len() - 1
            });
        // Every result has a rule, so the first result adds the first rule.
        let comma = if first { "" } else { "," };
        piece
            .body
            .push_str(&format!("{comma}\n{}", result(entry, finding, index)));
    }
    piece
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "note",
    }
}

fn rule(finding: &Finding) -> Value {
    let mut rule = json!({
        "id": finding.rule,
        "shortDescription": {"text": finding.allowed},
        "fullDescription": {"text": finding.why},
        "defaultConfiguration": {"level": level(finding.severity)},
        "properties": {"source": finding.source},
    });
    if !finding.documentation.is_empty() {
        rule["helpUri"] = json!(finding.documentation);
    }
    rule
}

fn artifact(entry: &Entry<'_>) -> Value {
    let mut artifact = json!({"location": {"uri": uri(entry.name)}});
    if let Some(facts) = entry.facts {
        // SARIF requires at least 32-bit lengths; larger ones are plain JSON numbers.
        artifact["length"] = json!(facts.file_size_bytes);
        if let Some(mime) = &facts.file_mime_type {
            artifact["mimeType"] = json!(mime);
        }
    }
    artifact
}

fn result(entry: &Entry<'_>, finding: &Finding, rule_index: usize) -> Value {
    let mut text = format!(
        "{}; allowed: {}. {}",
        finding.observed, finding.allowed, finding.why
    );
    if let Some(assumption) = &finding.assumption {
        text.push_str(&format!(" ({assumption})"));
    }
    if let Some(fix) = &finding.fix {
        text.push_str(&format!(" Fix: {}", fix.for_file(entry.name)));
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": level(finding.severity),
        "message": {"text": text},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(entry.name)}}}],
        "properties": {
            "observed": finding.observed,
            "allowed": finding.allowed,
            "pack": entry.report.pack,
            "packDate": entry.report.pack_date.to_string(),
        },
    });
    if let Some(code) = &finding.predicted_code {
        result["properties"]["predictedCode"] = json!(code);
    }
    if let Some(fix) = &finding.fix {
        result["properties"]["fix"] = json!(fix.argv);
    }
    result
}

/// Percent-encodes the name as a URI reference. Slashes and unreserved characters are kept.
fn uri(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

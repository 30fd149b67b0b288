//! SARIF 2.1.0: one result per finding, with the rules it refers to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Entry;
use crate::{Finding, Severity};

/// A log of one run, as code hosts read it.
pub fn sarif(entries: &[Entry<'_>]) -> String {
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in entries.iter().flat_map(|e| &e.report.findings) {
        rules.entry(&finding.rule).or_insert(finding);
    }
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(i, id)| (*id, i)).collect();
    let results: Vec<Value> = entries
        .iter()
        .flat_map(|entry| {
            entry
                .report
                .findings
                .iter()
                .map(move |finding| (entry, finding))
        })
        .map(|(entry, finding)| result(entry, finding, index.get(finding.rule.as_str()).copied()))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "tl validate",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.values().map(|f| rule(f)).collect::<Vec<_>>(),
            }},
            "artifacts": entries.iter().map(artifact).collect::<Vec<_>>(),
            "results": results,
            "columnKind": "unicodeCodePoints",
        }],
    });
    format!("{log:#}")
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
        // SARIF counts lengths in 32-bit numbers at least; larger ones are plain JSON numbers.
        artifact["length"] = json!(facts.file_size_bytes);
        if let Some(mime) = &facts.file_mime_type {
            artifact["mimeType"] = json!(mime);
        }
    }
    artifact
}

fn result(entry: &Entry<'_>, finding: &Finding, rule_index: Option<usize>) -> Value {
    let mut text = format!(
        "{}; allowed: {}. {}",
        finding.observed, finding.allowed, finding.why
    );
    if let Some(assumption) = &finding.assumption {
        text.push_str(&format!(" ({assumption})"));
    }
    if let Some(fix) = &finding.fix {
        text.push_str(&format!(" Fix: {fix}"));
    }
    let mut result = json!({
        "ruleId": finding.rule,
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
    if let Some(index) = rule_index {
        result["ruleIndex"] = json!(index);
    }
    if let Some(code) = &finding.predicted_code {
        result["properties"]["predictedCode"] = json!(code);
    }
    if let Some(fix) = &finding.fix {
        result["properties"]["fix"] = json!(fix.argv);
    }
    result
}

/// The name as a URI reference: what is neither unreserved nor a slash is percent-encoded.
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

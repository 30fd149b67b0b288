//! Validates the formats: SARIF against the OASIS schema, JUnit against the elements that servers
//! read, JSON against our own schema.

use jsonschema::Validator;
use serde_json::{Value, json};
use tl_validate::formats::{self, Entry};
use tl_validate::{
    AudioStream, DurationSource, MediaFacts, ProbeError, ProbeErrorKind, Report, Route, RulePack,
    Target, Truncation, VideoStream, check, check_probe_failure,
};

const SARIF: &str = include_str!("schemas/sarif-2.1.0.json");

/// A name with all characters that need escaping.
const NASTY: &str = "=a\"b,<c>&'d\n\u{1b}[31m \u{fffe} é\u{1f3ac}.mp4";

/// An invalid regular expression in the SARIF schema: its last bracket has no counterpart.
const BROKEN_PATTERN: &str = "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$";

fn validator(schema: &str) -> Validator {
    let mended = schema.replace(BROKEN_PATTERN, "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$");
    let schema: Value = serde_json::from_str(&mended).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
}

/// All errors of a schema for a document.
fn schema_errors(validator: &Validator, document: &Value) -> Vec<String> {
    validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Reports of all kinds: valid, invalid, long, small, silent, truncated, unreadable.
fn reports() -> Vec<(Option<MediaFacts>, Report)> {
    let mut all = Vec::new();
    for (width, height, seconds, size) in [
        (640, 360, 12.0, 48_000),
        (320, 180, 2.0, 1),
        (2160, 3840, 15_000.0, 3 << 30),
        (1000, 400, 4.0, 11 << 30),
        (854, 480, 3.99, 4_294_967_296),
    ] {
        let facts = MediaFacts::default().with(|facts| {
            facts.file_size_bytes = size;
            facts.file_mime_type = Some("video/mp4".into());
            facts.file_container_format = Some("mov,mp4".into());
            facts.duration_seconds = Some(seconds);
            facts.duration_source = Some(DurationSource::Tail);
            facts.video_streams = vec![VideoStream::default().with(|video| {
                video.codec = "h264".into();
                video.width = width;
                video.height = height;
                video.rotation = Some(-90);
                video.sample_aspect = Some((4, 3));
                video.display_width = Some(1);
            })];
            facts.audio_streams = vec![AudioStream::default().with(|audio| {
                audio.codec = "aac".into();
                audio.language = Some("eng".into());
            })];
            facts.truncated = (size == 1).then(|| {
                Truncation::default().with(|value| {
                    value.expected_bytes = Some(7);
                    value.detail = NASTY.into();
                })
            });
            facts.header_only = size == 1;
            facts.duration_unverified = seconds > 10_000.0;
            facts.warnings = vec![NASTY.into()];
        });
        for route in Route::ALL {
            for info in RulePack::all() {
                let pack = RulePack::named(&info.name).expect("built in");
                let mut target = Target::new(route).with_option("conversation");
                if size == 1 {
                    target = target.with_engine("pegasus1.6").with_engine("tomorrow9");
                }
                let report = check(&facts, &target, pack);
                all.push((Some(facts.clone()), report));
            }
        }
    }
    let error = ProbeError::new(ProbeErrorKind::NotMedia, NASTY, NASTY);
    let report = check_probe_failure(&error, &Target::new(Route::Tasks), RulePack::current());
    all.push((None, report));
    all
}

fn with_entries<T>(then: impl FnOnce(&[Entry<'_>]) -> T) -> T {
    let reports = reports();
    let names: Vec<String> = (0..reports.len()).map(|i| format!("{i}{NASTY}")).collect();
    let entries: Vec<Entry<'_>> = reports
        .iter()
        .zip(&names)
        .map(|((facts, report), name)| {
            let entry = Entry::new(name, report).with_seconds(0.25);
            facts
                .as_ref()
                .map_or(entry, |facts| entry.with_facts(facts))
        })
        .collect();
    then(&entries)
}

#[test]
fn sarif_matches_the_oasis_schema() {
    let schema = validator(SARIF);
    let empty: Value = serde_json::from_str(&formats::sarif(&[])).expect("JSON");
    assert_eq!(schema_errors(&schema, &empty), [""; 0]);
    let text = with_entries(formats::sarif);
    let mut log: Value = serde_json::from_str(&text).expect("JSON");
    assert!(log["runs"][0]["results"].as_array().map_or(0, Vec::len) > 100);
    assert_eq!(schema_errors(&schema, &log), [""; 0]);

    // Positive control: a log with one wrong word is rejected.
    log["runs"][0]["results"][0]["level"] = json!("fatal");
    assert_eq!(schema_errors(&schema, &log).len(), 1);
}

#[test]
fn json_matches_the_shipped_schema() {
    let schema = validator(formats::ENTRY_SCHEMA);
    let all: Vec<Value> = serde_json::from_str(&with_entries(formats::json)).expect("an array");
    for entry in &all {
        assert_eq!(schema_errors(&schema, entry), [""; 0], "{entry:#}");
    }
    let lines = with_entries(|entries| entries.iter().map(formats::jsonl).collect::<Vec<_>>());
    assert_eq!(lines.len(), all.len());
    for (line, entry) in lines.iter().zip(&all) {
        assert_eq!(
            serde_json::from_str::<Value>(line).ok().as_ref(),
            Some(entry)
        );
    }

    // Positive control: entries with one error each are rejected.
    let wrong = |change: fn(&mut Value)| {
        let mut entry = all[7].clone();
        change(&mut entry);
        schema_errors(&schema, &entry).len()
    };
    assert_eq!(wrong(|e| e["verdict"] = json!("maybe")), 1);
    assert_eq!(wrong(|e| e["facts"]["unheard_of"] = json!(1)), 1);
    assert_eq!(wrong(|e| e["pack_date"] = json!("yesterday")), 1);
    assert!(wrong(|e| e["findings"][0]["severity"] = json!(3)) > 0);
}

/// The allowed content of a JUnit XML element, as Jenkins, GitLab and Ant agree on it: required
/// attributes, optional attributes, and children.
fn junit_element(name: &str) -> Option<(&[&str], &[&str], &[&str])> {
    Some(match name {
        "testsuites" => (
            &[],
            &["name", "tests", "failures", "errors", "time", "disabled"],
            &["testsuite"],
        ),
        "testsuite" => (
            &["name", "tests"],
            &[
                "failures",
                "errors",
                "time",
                "skipped",
                "disabled",
                "timestamp",
                "hostname",
                "id",
                "package",
                "file",
            ],
            &["properties", "testcase", "system-out", "system-err"],
        ),
        "testcase" => (
            &["name", "classname"],
            &["time", "assertions", "status", "file", "line"],
            &["skipped", "error", "failure", "system-out", "system-err"],
        ),
        "failure" | "error" => (&[], &["type", "message"], &[]),
        "system-out" | "system-err" => (&[], &[], &[]),
        _ => return None,
    })
}

/// All errors of a JUnit document.
fn junit_errors(text: &str) -> Vec<String> {
    let document = match roxmltree::Document::parse(text) {
        Ok(document) => document,
        Err(error) => return vec![error.to_string()],
    };
    let mut found = Vec::new();
    if document.root_element().tag_name().name() != "testsuites" {
        found.push("the root is no `testsuites`".to_owned());
    }
    for node in document.descendants().filter(|node| node.is_element()) {
        let name = node.tag_name().name();
        let Some((required, optional, children)) = junit_element(name) else {
            found.push(format!("`{name}` is no element"));
            continue;
        };
        for attribute in required {
            if !node.has_attribute(*attribute) {
                found.push(format!("`{name}` lacks `{attribute}`"));
            }
        }
        for attribute in node.attributes() {
            let key = attribute.name();
            if !required.contains(&key) && !optional.contains(&key) {
                found.push(format!("`{name}` has `{key}`"));
            }
            let numeric = ["tests", "failures", "errors", "skipped"].contains(&key)
                && attribute.value().parse::<u32>().is_err();
            let time = key == "time" && attribute.value().parse::<f64>().is_err();
            if numeric || time {
                found.push(format!("`{key}` of `{name}` is `{}`", attribute.value()));
            }
        }
        // Children must follow the order of the list.
        let mut place = 0;
        for child in node.children().filter(|child| child.is_element()) {
            let child = child.tag_name().name();
            match children.iter().position(|c| *c == child) {
                Some(at) if at >= place => place = at,
                _ => found.push(format!("`{child}` stands wrong in `{name}`")),
            }
        }
        let texts = node
            .children()
            .filter(|child| child.is_text())
            .any(|child| !child.text().unwrap_or_default().trim().is_empty());
        if texts && !children.is_empty() {
            found.push(format!("`{name}` holds text"));
        }
    }
    for suite in document
        .descendants()
        .filter(|node| node.has_tag_name("testsuite") || node.has_tag_name("testsuites"))
    {
        let count = |name| {
            suite
                .descendants()
                .filter(|node| node.has_tag_name(name))
                .count()
                .to_string()
        };
        for (attribute, name) in [
            ("tests", "testcase"),
            ("failures", "failure"),
            ("errors", "error"),
        ] {
            if suite.attribute(attribute) != Some(&count(name)) {
                found.push(format!("`{attribute}` is not the number of `{name}`"));
            }
        }
    }
    found
}

#[test]
fn junit_has_valid_elements_and_counts() {
    assert_eq!(junit_errors(&formats::junit(&[])), [""; 0]);
    let text = with_entries(formats::junit);
    assert_eq!(junit_errors(&text), [""; 0]);

    // Positive control: documents with one error each are rejected.
    let wrong = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        junit_errors(&changed).len()
    };
    assert!(wrong("<failure type", "<failing type") > 0);
    assert!(wrong("failures=\"", "failures=\"1") > 0);
    assert!(wrong("classname=", "class=") > 0);
    assert!(wrong("</testsuites>", "") > 0);
    assert!(wrong("time=\"0.250\"", "time=\"soon\"") > 0);
}

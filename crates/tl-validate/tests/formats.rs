//! Parses each format with an independent parser and compares it with a snapshot.

use tl_validate::formats::{self, Entry, HumanOptions};
use tl_validate::{
    MediaFacts, ProbeError, ProbeErrorKind, Report, Route, RulePack, Target, VideoStream, check,
    check_probe_failure,
};

/// A name with all characters that need escaping.
const NASTY: &str = "=a\"b,<c>&'d\n\u{1b}[31m é.mp4";

struct Case {
    name: &'static str,
    facts: Option<MediaFacts>,
    report: Report,
}

fn cases() -> Vec<Case> {
    let target = Target::new(Route::Tasks);
    let case = |name, width, height, seconds| {
        let facts = MediaFacts::default().with(|facts| {
            facts.file_size_bytes = 48_000;
            facts.file_mime_type = Some("video/mp4".into());
            facts.duration_seconds = Some(seconds);
            facts.video_streams = vec![VideoStream::default().with(|video| {
                video.codec = "h264".into();
                video.width = width;
                video.height = height;
                video.fps = Some(25.0);
            })];
        });
        let report = check(&facts, &target, RulePack::current());
        Case {
            name,
            facts: Some(facts),
            report,
        }
    };
    let error = ProbeError::new(
        ProbeErrorKind::NotMedia,
        NASTY,
        "not a recognized video or audio format",
    );
    vec![
        case("clips/good.mp4", 640, 360, 12.0),
        case("clips/small.mp4", 320, 180, 2.0),
        case("clips/portrait.mp4", 2160, 3840, 12.0),
        Case {
            name: NASTY,
            facts: None,
            report: check_probe_failure(&error, &target, RulePack::current()),
        },
    ]
}

fn with_entries<T>(then: impl FnOnce(&[Entry<'_>]) -> T) -> T {
    let cases = cases();
    let entries: Vec<Entry<'_>> = cases
        .iter()
        .map(|case| {
            let entry = Entry::new(case.name, &case.report).with_seconds(0.25);
            match &case.facts {
                Some(facts) => entry.with_facts(facts).with_thumbnail(b"\xff\xd8\xff"),
                None => entry,
            }
        })
        .collect();
    then(&entries)
}

#[test]
fn json_and_jsonl_are_equivalent() {
    let (array, lines) = with_entries(|e| {
        (
            formats::json(e),
            e.iter().map(formats::jsonl).collect::<Vec<_>>(),
        )
    });
    let array: Vec<serde_json::Value> = serde_json::from_str(&array).expect("JSON");
    assert_eq!(array.len(), lines.len());
    for (value, line) in array.iter().zip(&lines) {
        assert!(!line.contains('\n'), "{line}");
        assert_eq!(
            value,
            &serde_json::from_str::<serde_json::Value>(line).expect("JSON")
        );
    }
    assert_eq!(array[3]["file"], NASTY);
    assert_eq!(array[1]["verdict"], "refuse");
    assert_eq!(array[0]["facts"]["video_streams"][0]["width"], 640);
}

#[test]
fn csv_is_parsed_by_independent_reader() {
    let text = with_entries(formats::csv);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.expect("a good row")).collect();
    assert_eq!(rows.len(), 1 + 2 + 1 + 1, "{text}");
    assert_eq!(&rows[0][1], "pass");
    assert_eq!(&rows[1][3], "marengo3.0.resolution.min");
    assert_eq!(rows[4][0], format!("'{NASTY}"));
    insta::assert_snapshot!("csv", text.replace('\r', ""));
}

#[test]
fn junit_is_parsed_by_independent_reader() {
    let text = with_entries(formats::junit);
    let report = quick_junit::Report::deserialize_from_str(&text).expect("JUnit XML");
    assert_eq!((report.tests, report.failures), (4, 2));
    let cases = &report.test_suites[0].test_cases;
    assert_eq!(cases[0].name.as_str(), "clips/good.mp4");
    assert!(matches!(
        cases[1].status,
        quick_junit::TestCaseStatus::NonSuccess { .. }
    ));
    insta::assert_snapshot!("junit", text);
}

#[test]
fn sarif_is_parsed_by_independent_types() {
    let text = with_entries(formats::sarif);
    let log: serde_sarif::sarif::Sarif =
        serde_json::from_str(&text).expect("types made from the SARIF schema");
    let run = &log.runs[0];
    let results = run.results.as_ref().expect("results");
    assert_eq!(results.len(), 4);
    let rules = run.tool.driver.rules.as_ref().expect("rules");
    for result in results {
        let index = usize::try_from(result.rule_index.expect("an index")).expect("small");
        assert_eq!(Some(&rules[index].id), result.rule_id.as_ref());
    }
    let log: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    insta::assert_snapshot!(
        "sarif",
        format!("{log:#}").replace(env!("CARGO_PKG_VERSION"), "[version]")
    );
}

#[test]
fn html_is_well_formed_and_self_contained() {
    let text = with_entries(formats::html);
    assert!(text.contains("data:image/jpeg;base64,/9j/"));
    assert!(text.contains("No picture: the file cannot be read."));
    for load in [
        "<link",
        "<iframe",
        "@import",
        "url(",
        "src=\"http",
        "srcset",
    ] {
        assert!(!text.contains(load), "{load}");
    }
    assert!(!text.contains("<c>") && !text.contains("<script") && !text.contains('\u{1b}'));
    // The page is self-contained: the only URLs are documentation links.
    assert_eq!(
        text.matches("https://").count(),
        text.matches("<a href=\"https://").count()
    );
    insta::assert_snapshot!("html", text);
}

#[test]
fn html_lists_refused_files_first() {
    let text = with_entries(formats::html);
    let at = |name: &str| {
        text.find(name)
            .unwrap_or_else(|| panic!("{name} in {text}"))
    };
    assert!(at("<h2>clips/small.mp4") < at("<h2>clips/good.mp4"));
    assert!(at("No picture: the file cannot be read.") < at("<h2>clips/good.mp4"));
    assert!(
        at("<h2>clips/good.mp4") < at("<h2>clips/portrait.mp4"),
        "the rest keeps its order"
    );
    assert!(text.contains("<dt>Video</dt><dd>640x360 h264, 25 fps</dd>"));
    assert!(text.contains("<dt>Duration</dt><dd>12 s</dd>"));
    assert!(text.contains(">2 refused</label>"));
}

#[test]
fn external_text_cannot_break_lines_or_direction() {
    let cases = cases();
    let name = "a\u{202e}4pm.exe\nok: b\u{2028}\u{9b}2J.mp4";
    let entry = Entry::new(name, &cases[0].report);
    let line = formats::human(&entry, HumanOptions::default());
    assert_eq!(
        line,
        "ok      a\\u{202e}4pm.exe\\nok: b\\u{2028}\\u{9b}2J.mp4"
    );
    for text in [formats::html(&[entry]), formats::junit(&[entry])] {
        assert!(!text.contains(['\u{202e}', '\u{2028}', '\u{9b}']), "{text}");
    }
}

#[test]
fn human_output_has_no_control_characters() {
    let write = |color, details| {
        with_entries(|entries| {
            let lines: Vec<String> = entries
                .iter()
                .map(|e| {
                    formats::human(
                        e,
                        HumanOptions::default()
                            .with_color(color)
                            .with_details(details),
                    )
                })
                .collect();
            lines.join("\n")
        })
    };
    assert!(!write(false, true).contains('\u{1b}'));
    assert!(write(true, false).contains("\u{1b}[31mrefused\u{1b}[0m"));
    assert!(
        !write(true, true).contains("\u{1b}[31m é"),
        "the color comes from the file name"
    );
    insta::assert_snapshot!("human", write(false, false));
    insta::assert_snapshot!("human_details", write(false, true));
}

#[test]
fn html_shows_thumbnail_or_reason() {
    let cases = cases();
    let entry = Entry::new(cases[0].name, &cases[0].report);
    let facts = cases[0].facts.as_ref().expect("a good case");
    let sound_only = MediaFacts::default();
    let check = |entry: Entry<'_>, expected: &str| {
        let text = formats::html(&[entry]);
        assert!(text.contains(expected), "{expected} in {text}");
    };
    let png = b"\x89PNG\r\n\x1a\n....";
    check(
        entry.with_thumbnail(png),
        "data:image/png;base64,iVBORw0KGgo",
    );
    check(
        entry.with_thumbnail(b"<script>alert(1)</script>"),
        "No picture: the thumbnail is neither JPEG nor PNG.",
    );
    check(
        entry.without_thumbnail("ffmpeg <was> not found"),
        "No picture: ffmpeg &lt;was&gt; not found.",
    );
    check(
        entry.with_facts(&sound_only),
        "No picture: the file has no video.",
    );
    check(entry.with_facts(facts), "No picture: none was made.");
    check(entry, "No picture: the file cannot be read.");
}

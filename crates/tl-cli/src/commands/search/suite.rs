//! Query suites: queries with expected results, and how many of these are found.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tl_model::{SearchOption, VideoId};
use tl_protocol::endpoint::GetVideo;

use super::query::QueryArgs;
use super::ranges::Range;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table;

/// A query with its expected results: one line of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The name in reports. The default is the query.
    #[serde(default)]
    name: Option<String>,
    query: String,
    /// What the query is compared with. The default is `--on`.
    #[serde(default)]
    on: Vec<String>,
    expect: Vec<Expected>,
    /// How many results are considered.
    #[serde(default = "ten")]
    k: usize,
    /// The case passes if at least this part of the expected results is found.
    #[serde(default = "all")]
    min_recall: f64,
}

/// An expected result: a video, or a time in it. Times are in seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// The id or the file name of the video.
    video: String,
    #[serde(default)]
    start: Option<f64>,
    #[serde(default)]
    end: Option<f64>,
}

fn ten() -> usize {
    10
}

fn all() -> f64 {
    1.0
}

/// The result of a case.
#[derive(Debug, Serialize)]
struct Outcome {
    name: String,
    recall: f64,
    k: usize,
    ok: bool,
    /// The expected results that were not found.
    missing: Vec<String>,
}

/// Runs the queries of `file`. The exit code is 1 if one of them finds too little.
pub(super) fn run(
    context: &Context,
    query: &QueryArgs,
    file: &Path,
    junit: Option<&Path>,
) -> Result<Exit, Failure> {
    let cases = read(file)?;
    let outcomes = context.call(async |client| {
        let index = query.index(client).await?;
        let mut names = std::collections::BTreeMap::<VideoId, String>::new();
        let mut outcomes = Vec::with_capacity(cases.len());
        for case in &cases {
            let on: Vec<SearchOption> = case.on.iter().map(|word| word.as_str().into()).collect();
            let search = query
                .with(&case.query, &on)
                .build_for(client, &index)
                .await?;
            let mut results = search.limit(case.k).hits();
            let mut found = Vec::new();
            while let Some(page) = results.next_page().await {
                for hit in page? {
                    if !names.contains_key(&hit.video_id) {
                        let get = GetVideo::new(index.id.clone(), hit.video_id.clone());
                        let video = client.videos().get(get).await?;
                        let name = Range::of(&hit, Some(&video)).file.unwrap_or_default();
                        names.insert(hit.video_id.clone(), name);
                    }
                    let mut range = Range::of(&hit, None);
                    range.file = names.get(&hit.video_id).cloned();
                    found.push(range);
                }
            }
            outcomes.push(judge(case, &found));
        }
        Ok(outcomes)
    })?;
    if let Some(path) = junit {
        fs::write(path, junit_text(file, &outcomes)).map_err(|error| {
            Failure::usage(format!("failed to write `{}`", path.display()))
                .with_source(&error)
                .hint("pass another file to --junit")
        })?;
    }
    for outcome in &outcomes {
        context.output.json(outcome);
    }
    let row = |outcome: &Outcome| {
        [
            if outcome.ok { "ok" } else { "failed" }.to_owned(),
            format!("{:.2} @{}", outcome.recall, outcome.k),
            outcome.missing.join(", "),
            outcome.name.clone(),
        ]
    };
    let rows: Vec<_> = outcomes.iter().map(row).collect();
    context.output.line(&table::render(
        ["RESULT", "RECALL", "MISSING", "QUERY"],
        &rows,
    ));
    let failed = outcomes.iter().filter(|outcome| !outcome.ok).count();
    context
        .output
        .note(&format!("{failed} of {} queries failed", outcomes.len()));
    Ok(if failed == 0 {
        Exit::Ok
    } else {
        Exit::SomeFailed
    })
}

fn read(file: &Path) -> Result<Vec<Case>, Failure> {
    let text = fs::read_to_string(file).map_err(|error| {
        Failure::usage(format!("failed to read the suite `{}`", file.display()))
            .with_source(&error)
            .hint("pass a file with one JSON object per line to --suite")
    })?;
    let lines = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty());
    let cases = lines.map(|(number, line)| {
        let invalid = |why: String| {
            Failure::usage(format!("line {number} of `{}`: {why}", file.display())).hint(
                r#"write {"query": "goal", "expect": [{"video": "match.mp4", "start": 10, "end": 20}]}"#,
            )
        };
        let case: Case = serde_json::from_str(line).map_err(|error| invalid(error.to_string()))?;
        if case.expect.is_empty() || case.k == 0 {
            return Err(invalid("`expect` and `k` must not be empty".to_owned()));
        }
        Ok(case)
    });
    let cases = cases.collect::<Result<Vec<_>, _>>()?;
    if cases.is_empty() {
        return Err(Failure::usage(format!(
            "the suite `{}` has no queries",
            file.display()
        )));
    }
    Ok(cases)
}

/// Recall: the part of the expected results that one of the first `k` results overlaps.
fn judge(case: &Case, found: &[Range]) -> Outcome {
    let is_found = |expected: &&Expected| {
        found.iter().take(case.k).any(|range| {
            let is_video = expected.video == range.video_id.as_str()
                || range.file.as_deref() == Some(expected.video.as_str());
            is_video
                && expected.start.is_none_or(|start| range.end > start)
                && expected.end.is_none_or(|end| range.start < end)
        })
    };
    let hits = case.expect.iter().filter(is_found).count();
    let missing = case.expect.iter().filter(|expected| !is_found(expected));
    let describe = |expected: &Expected| match (expected.start, expected.end) {
        (None, None) => expected.video.clone(),
        (start, end) => {
            let bound = |time: Option<f64>| time.map_or_else(String::new, |time| time.to_string());
            format!("{} {}-{}", expected.video, bound(start), bound(end))
        }
    };
    let recall = hits as f64 / case.expect.len() as f64;
    Outcome {
        name: case.name.clone().unwrap_or_else(|| case.query.clone()),
        recall,
        k: case.k,
        ok: recall >= case.min_recall,
        missing: missing.map(describe).collect(),
    }
}

fn junit_text(file: &Path, outcomes: &[Outcome]) -> String {
    let escape = |text: &str| {
        // XML 1.0 has no control characters.
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;")
    };
    let failed = outcomes.iter().filter(|outcome| !outcome.ok).count();
    let suite = escape(&file.to_string_lossy());
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failed}\">\n",
        outcomes.len()
    );
    for outcome in outcomes {
        let name = escape(&outcome.name);
        let line = match outcome.ok {
            true => format!("  <testcase classname=\"search\" name=\"{name}\"/>"),
            false => format!(
                "  <testcase classname=\"search\" name=\"{name}\"><failure message=\"recall {:.2} at {}; missing: {}\"/></testcase>",
                outcome.recall,
                outcome.k,
                escape(&outcome.missing.join(", "))
            ),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
    }
    text.push_str("</testsuite>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(video: &str, file: &str, start: f64, end: f64) -> Range {
        let mut hit = tl_model::SearchHit::new(video);
        (hit.start, hit.end) = (Some(start), Some(end));
        let mut range = Range::of(&hit, None);
        range.file = Some(file.to_owned());
        range
    }

    #[test]
    fn recall_counts_overlaps_within_k() {
        let case: Case = serde_json::from_str(
            r#"{"query": "goal", "k": 2, "min_recall": 0.5, "expect": [
                {"video": "match.mp4", "start": 10, "end": 20}, {"video": "v2"}, {"video": "match.mp4", "start": 50, "end": 60}]}"#,
        )
        .unwrap();
        let found = [
            range("v1", "match.mp4", 19.0, 25.0),
            range("v2", "other.mp4", 0.0, 6.0),
            range("v1", "match.mp4", 50.0, 60.0),
        ];
        let outcome = judge(&case, &found);
        assert!((outcome.recall - 2.0 / 3.0).abs() < 1e-9 && outcome.ok);
        assert_eq!(outcome.missing, ["match.mp4 50-60"]);
        let touching = judge(&case, &[range("v1", "match.mp4", 20.0, 25.0)]);
        assert!(!touching.ok, "ranges that only touch do not overlap");
        let xml = junit_text(Path::new("a&b.jsonl"), &[outcome, touching]);
        assert!(
            xml.contains("tests=\"2\" failures=\"1\"") && xml.contains("a&amp;b.jsonl"),
            "{xml}"
        );
    }

    #[test]
    fn invalid_suites_name_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cases.jsonl");
        for (text, part) in [
            ("", "has no queries"),
            ("{\"query\": \"a\"}", "line 1"),
            ("\n{\"query\": \"a\", \"expect\": []}", "line 2"),
            (
                "{\"query\": \"a\", \"expect\": [{\"video\": \"v\", \"from\": 1}]}",
                "unknown field `from`",
            ),
        ] {
            fs::write(&file, text).unwrap();
            let failure = read(&file).unwrap_err();
            assert!(failure.message().contains(part), "{}", failure.message());
        }
        assert!(read(Path::new("/nowhere")).is_err());
    }
}

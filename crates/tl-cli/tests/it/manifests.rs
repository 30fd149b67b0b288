//! Manifests of `tl ingest`: indexes by name, routes, and errors with line numbers.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::clips;
use crate::platform::{Platform, json, page, scripted, tl_to};
use crate::tl::Run;

/// A directory with `count` clips of other bytes: `0.mp4`, `1.mp4`, …
pub(crate) fn archive(count: usize) -> TempDir {
    let folder = clips::folder(&["good.mp4"]);
    let good = fs::read(folder.path().join("good.mp4")).unwrap();
    fs::remove_file(folder.path().join("good.mp4")).unwrap();
    for number in 0..count {
        // An atom that players ignore.
        let mut bytes = good.clone();
        bytes.extend(b"\0\0\0\x0cfree");
        bytes.extend(u32::try_from(number).unwrap().to_be_bytes());
        fs::write(folder.path().join(format!("{number}.mp4")), bytes).unwrap();
    }
    folder
}

fn ingest(platform: &Platform, folder: &Path, manifest: &str, more: &[&str]) -> Run {
    fs::write(folder.join("list.csv"), manifest).unwrap();
    platform
        .tl(&["ingest", "--from", "list.csv"])
        .args(more)
        .in_folder(folder)
        .run()
}

fn create(platform: &Platform, name: &str) -> String {
    let run = platform.tl(&["index", "create", name, "--quiet"]).code(0);
    run.first_line().to_owned()
}

#[test]
fn rows_name_their_index_by_name_or_id() {
    let platform = Platform::start();
    let folder = archive(3);
    let drama = create(&platform, "drama");
    let rows = format!("uri,index\n0.mp4,films\n1.mp4,{drama}\n2.mp4,drama\n");
    let run = ingest(&platform, folder.path(), &rows, &["--json"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let mut found: Vec<_> = run
        .json_lines()
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (text("input"), text("index_id"))
        })
        .collect();
    found.sort();
    let expected = [
        ("0.mp4", &platform.index),
        ("1.mp4", &drama),
        ("2.mp4", &drama),
    ];
    assert_eq!(
        found,
        expected.map(|(name, index)| (name.to_owned(), index.clone()))
    );
    // The same manifest on standard input is read once: what was done is skipped.
    let again = platform
        .tl(&["ingest", "--from", "-", "--json"])
        .in_folder(folder.path())
        .input(&rows)
        .code(0);
    assert!(
        again
            .json_lines()
            .iter()
            .all(|line| line["skipped"] == "indexing"),
        "{}",
        again.text()
    );
    assert_eq!(platform.uploads().len(), 3);
}

/// A platform with one index `films`, and two of the name `twin`.
fn twins() -> tl_testkit::server::Server {
    let count = std::sync::atomic::AtomicUsize::new(0);
    scripted(move |seen| {
        let next = || {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            format!(r#"{{"_id": "{number:024x}", "status": "ready"}}"#)
        };
        let named = |name: &str, id: char| {
            let id = id.to_string().repeat(24);
            format!(r#"{{"_id": "{id}", "index_name": "{name}", "models": []}}"#)
        };
        match (seen.method.as_str(), seen.target.as_str()) {
            ("POST", _) => json(201, &next()),
            (_, target) if target.contains("index_name=films") => page(&named("films", 'f')),
            (_, target) if target.contains("index_name=twin") => {
                page(&format!("{}, {}", named("twin", 'a'), named("twin", 'b')))
            }
            (_, target) if target.contains("index_name=") => page(""),
            (_, target) if target.ends_with("/indexes/ffffffffffffffffffffffff") => {
                json(200, &named("films", 'f'))
            }
            _ => json(404, r#"{"code": "resource_not_exists", "message": "no"}"#),
        }
        .into()
    })
}

#[test]
fn ambiguous_and_unknown_indexes_are_named_with_their_line() {
    let server = twins();
    let folder = archive(3);
    let sent = || {
        server
            .seen()
            .iter()
            .filter(|seen| seen.method == "POST")
            .count()
    };
    let rows = "uri,index\n0.mp4,films\n1.mp4,twin\n2.mp4,none\n";
    fs::write(folder.path().join("list.csv"), rows).unwrap();
    let ids = ["a".repeat(24), "b".repeat(24)];
    let tl = |arguments: &[&str]| tl_to(&server, arguments).in_folder(folder.path());
    let run = tl(&["ingest", "--from", "list.csv", "--json"]).code(2);
    for part in [
        "manifest `list.csv`, line 3: 2 indexes are named `twin`",
        "manifest `list.csv`, line 4: no index with the name or id `none`",
        &ids[0],
        &ids[1],
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.text());
    }
    assert_eq!(run.json()["error"]["kind"], "manifest");
    // The index of the command line.
    for command in ["ingest", "ingest-one"] {
        let run = tl(&[command, "0.mp4", "--index", "twin"]).code(2);
        assert!(
            ids.iter().all(|id| run.stderr.contains(id)),
            "{}",
            run.text()
        );
    }
    assert_eq!(sent(), 0, "nothing is sent");
    // Standard input cannot be read twice: the other rows are ingested.
    let run = tl(&["ingest", "--from", "-", "--json"]).input(rows).code(1);
    let lines = run.json_lines();
    let of = |name: &str| lines.iter().find(|line| line["input"] == name).unwrap();
    assert_eq!(of("0.mp4")["ok"], true, "{}", run.text());
    let message = of("1.mp4")["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("line 3: 2 indexes are named `twin`"),
        "{message}"
    );
    assert_eq!(sent(), 2, "one asset, indexed once");
}

#[test]
fn rows_without_an_index_are_named() {
    let platform = Platform::start();
    let folder = archive(2);
    let rows = "uri,index\n0.mp4,films\n1.mp4,\n";
    let run = ingest(&platform, folder.path(), rows, &[]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(
        run.stderr.contains("line 3: the row names no index"),
        "{}",
        run.text()
    );
    assert!(platform.uploads().is_empty());
    let run = ingest(&platform, folder.path(), rows, &["--index", "films"]);
    assert_eq!(run.code, 0, "{}", run.text());
}

#[test]
fn rows_choose_their_route() {
    let platform = Platform::start();
    let folder = archive(3);
    let rows = "uri,route\n0.mp4,multipart\n1.mp4,\n2.mp4,tasks\n";
    let run = ingest(
        &platform,
        folder.path(),
        rows,
        &["--index", "films", "--json"],
    );
    assert_eq!(run.code, 1, "{}", run.text());
    let lines = run.json_lines();
    let of = |name: &str| lines.iter().find(|line| line["input"] == name).unwrap();
    assert_eq!(of("0.mp4")["route"], "multipart", "{}", run.text());
    assert_eq!(of("1.mp4")["route"], "asset");
    assert_eq!(of("2.mp4")["exit_code"], 2);
    let message = of("2.mp4")["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("line 4") && message.contains("`tasks`"),
        "{message}"
    );
    assert_eq!(platform.uploads().len(), 2);
}

#[test]
fn wrong_manifests_are_reported_before_anything_is_sent() {
    let platform = Platform::start();
    let folder = archive(2);
    let check = |rows: &str, expected: &[&str]| {
        let run = ingest(
            &platform,
            folder.path(),
            rows,
            &["--index", "films", "--json"],
        );
        assert_eq!(run.code, 2, "{}", run.text());
        for part in expected {
            assert!(run.stderr.contains(part), "{part}: {}", run.text());
        }
        assert!(platform.uploads().is_empty(), "nothing is sent");
    };
    check(
        "uri,titel\n0.mp4,A\n",
        &["unknown column `titel`", "did you mean `title`"],
    );
    check(
        "uri\n0.mp4\n1.mp4\n0.mp4\n",
        &["line 4: the same uri and index as line 2"],
    );
    check(
        "uri,route\n0.mp4,fast\n1.mp4,tsks\n",
        &["line 2: ", "line 3: ", "did you mean `tasks`"],
    );
    // A missing file is an error of its row; the others are sent.
    let run = ingest(
        &platform,
        folder.path(),
        "uri\n0.mp4\nnone.mp4\n",
        &["--index", "films", "--json"],
    );
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(
        run.stderr.contains("line 3: `none.mp4`: no such file"),
        "{}",
        run.text()
    );
    assert_eq!(platform.uploads().len(), 1);
}

//! SECURITY.md names tests and fuzz targets that exist.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tl_fuzz_targets::{Target, seed_folder};

/// The names of all functions in the Rust files below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1).map(|after| {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
                after[..end].to_owned()
            });
            found.extend(names);
        }
    }
}

/// The second column of the tables about attacks, as the words between backticks.
fn named(document: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut in_table = false;
    for line in document.lines() {
        in_table = line == "| Attack | Test |" || (in_table && line.starts_with('|'));
        let columns: Vec<&str> = line.split('|').collect();
        if let (true, [_, _, tests, _]) = (in_table, &columns[..]) {
            let quoted = tests.split('`').skip(1).step_by(2);
            names.extend(quoted.filter(|name| !name.contains(['/', '.', '-'])));
        }
    }
    names
}

#[test]
fn named_tests_and_targets_exist() {
    let crates = seed_folder().join("../..");
    let document = fs::read_to_string(crates.join("../SECURITY.md")).unwrap();
    let mut known = BTreeSet::new();
    for entry in fs::read_dir(crates).unwrap() {
        let path = entry.unwrap().path();
        for part in ["src", "tests"].map(|part| path.join(part)) {
            if part.is_dir() {
                functions(&part, &mut known);
            }
        }
    }
    // Programs, not tests.
    let others = ["strace", "ffprobe", "ffmpeg", "Debug"];
    let names = named(&document);
    assert!(names.len() > 50, "{names:?}");
    let is_known = |name: &str| {
        known.contains(name) || Target::named(name).is_some() || others.contains(&name)
    };
    let missing: Vec<&&str> = names.iter().filter(|name| !is_known(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(!is_known("no_such_test"), "the check cannot fail");
}

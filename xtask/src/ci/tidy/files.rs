//! Files: heads and lengths of Rust files, ignored tests, notes, and paths of one machine.
//!
//! Unfinished code (`todo!`, `dbg!`, `unimplemented!`) is refused by clippy.

use super::File;

/// Lines above which a Rust file is split.
const MAX_LINES: usize = 600;

/// Words that mark unfinished work, split so that this file does not contain them.
pub(super) const NOTES: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
];

/// Folders of people, split for the same reason.
const HOMES: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("C:\\Us", "ers\\"),
    concat!("/wo", "rk/"),
];

/// Owners that stand for anyone, in examples and test data.
const ANYONE: &[&str] = &["me", "someone", "user", "you", "linuxbrew"];

pub(super) fn check(file: &File) -> Vec<String> {
    let mut findings = Vec::new();
    let is_rust = file.path.ends_with(".rs");
    if is_rust && !file.text.starts_with("//!") && !file.path.contains("/fixtures/") {
        findings.push(format!(
            "{}:1: must start with `//!` and a purpose",
            file.path
        ));
    }
    let lines = file.text.lines().count();
    if is_rust && lines > MAX_LINES {
        findings.push(format!(
            "{}: {lines} lines; split it above {MAX_LINES}",
            file.path
        ));
    }
    for (number, line) in file.text.lines().enumerate() {
        let mut add = |what: &str| findings.push(format!("{}:{}: {what}", file.path, number + 1));
        let code = line.trim_start();
        let in_cfg_attr = code.starts_with("#[cfg_attr(") && code.contains(", ignore");
        if is_rust && (code.starts_with("#[ignore") || in_cfg_attr) {
            add("a test is ignored");
        }
        if let Some(note) = NOTES.iter().find(|note| has_word(line, note)) {
            add(&format!("`{note}` is a note: do it, or open an issue"));
        }
        if let Some(home) = HOMES.iter().find(|home| names_home(line, home)) {
            add(&format!("`{home}` is a path of one machine"));
        }
    }
    findings
}

/// Whether the line contains the word, and not as a part of a longer one.
pub(in crate::ci) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !part(line[..at].chars().next_back()) && !part(line[at + word.len()..].chars().next())
    })
}

/// An absolute path below a person's folder, and not `example.com/home/`.
fn names_home(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        let part_of_name = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let before = line[..at].chars().next_back();
        let rest = &line[at + home.len()..];
        let owner = rest.split(|c| !part_of_name(c)).next().unwrap_or_default();
        !before.is_some_and(|c| part_of_name(c) || "/}".contains(c))
            && !owner.is_empty()
            && !ANYONE.contains(&owner)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        check(&File {
            path: "x.rs".into(),
            text: text.into(),
        })
    }

    #[test]
    fn heads_and_lengths_are_checked() {
        assert_eq!(findings("//! Sums.\nfn add() {}\n"), [""; 0]);
        assert_eq!(
            findings("use std::io;\n"),
            ["x.rs:1: must start with `//!` and a purpose"]
        );
        let long = format!("//! Long.\n{}", "fn f() {}\n".repeat(MAX_LINES));
        assert_eq!(findings(&long), ["x.rs: 601 lines; split it above 600"]);
    }

    #[test]
    fn ignored_tests_and_notes_are_reported_with_their_line() {
        for attribute in [
            "#[ignore]",
            "#[ignore = \"slow\"]",
            "#[cfg_attr(unix, ignore)]",
        ] {
            let found = findings(&format!("//! X.\n    {attribute}\n"));
            assert_eq!(found, ["x.rs:2: a test is ignored"], "{attribute}");
        }
        let note = NOTES[0];
        assert_eq!(findings(&format!("//! X.\n// {note}: later\n")).len(), 1);
        assert_eq!(findings(&format!("//! X.\n// {note}S my{note}\n")), [""; 0]);
    }

    #[test]
    fn paths_of_one_machine_are_reported() {
        for home in HOMES {
            let found = findings(&format!("//! open(\"{home}ann/video.mp4\")"));
            assert_eq!(found.len(), 1, "{home}: {found:?}");
        }
        let home = HOMES[0];
        for fine in [
            format!("https://example.com{home}ann"),
            format!("${{base}}{home}ann"),
            format!("for example {home}you/video.mp4"),
            format!("the folder {home} itself"),
        ] {
            assert_eq!(findings(&format!("//! {fine}")), [""; 0], "{fine}");
        }
    }
}

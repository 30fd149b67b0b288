//! Rust files: they begin by saying what lives in them, stay small, and carry nothing unfinished.

use crate::ci::tidy::File;
use crate::failure::Failure;
use crate::source::{self, Part, Token};

/// Lines above which a file is split.
const MOST_LINES: usize = 600;

/// Files that may be longer, and why.
const LONGER: &[(&str, &str)] = &[];

/// Macros that say that something is not finished, or was left behind.
const UNFINISHED: &[&str] = &["dbg", "todo", "unimplemented"];

pub(super) fn check(path: &str, text: &str) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    if !text.starts_with("//!") && !path.contains("/fixtures/") {
        findings.push(format!(
            "{path}:1: begin with `//!` and say what lives here, and what does not"
        ));
    }
    let lines = text.lines().count();
    if lines > MOST_LINES && !LONGER.iter().any(|(longer, _)| *longer == path) {
        findings.push(format!(
            "{path}: {lines} lines, more than {MOST_LINES}: split it"
        ));
    }
    let tokens = source::tokens(text, Part::Everything)
        .map_err(|failure| Failure::new(format!("{path}: {failure}")))?;
    for window in tokens.windows(3) {
        let [first, second, third] = window else {
            continue;
        };
        let name = first.ident().unwrap_or_default();
        if UNFINISHED.contains(&name) && second.is("!") && !third.is("=") {
            findings.push(format!("{path}:{}: `{name}!` is left", first.line));
        }
        if first.is("#") && second.is("[") && third.is("ignore") {
            findings.push(format!("{path}:{}: a test is ignored", first.line));
        }
    }
    findings.extend(ignored_by_cfg_attr(path, &tokens));
    Ok(findings)
}

/// `#[cfg_attr(…, ignore)]`.
fn ignored_by_cfg_attr(path: &str, tokens: &[Token]) -> Vec<String> {
    let mut findings = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let attribute = tokens[at..].iter().take_while(|token| !token.is("]"));
        if token.is("cfg_attr") && attribute.skip(1).any(|token| token.is("ignore")) {
            findings.push(format!("{path}:{}: a test is ignored", token.line));
        }
    }
    findings
}

/// Exceptions for files that are gone, or short again.
pub(super) fn stale_exceptions(files: &[File]) -> Vec<String> {
    LONGER
        .iter()
        .filter(|(longer, _)| {
            !files
                .iter()
                .any(|file| file.path == *longer && file.text.lines().count() > MOST_LINES)
        })
        .map(|(longer, _)| format!("{longer} needs no exception for its length any more"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str, expect: &[&str]) {
        let found = check("src/x.rs", text).unwrap();
        assert_eq!(found.len(), expect.len(), "{found:?}");
        for (found, expect) in found.iter().zip(expect) {
            assert!(found.contains(expect), "{found}");
        }
    }

    #[test]
    fn a_tidy_file_passes() {
        findings(
            "//! Sums.\n\n/// Adds; `todo!()` is only a word here.\nfn add() { f(\"dbg!\") }\n",
            &[],
        );
        findings("//! A macro.\nfn f() { if dbg != 1 { ignore() } }\n", &[]);
    }

    #[test]
    fn a_file_without_a_head_is_reported() {
        findings("use std::io;\n", &["src/x.rs:1: begin with `//!`"]);
        findings("// Sums.\n//! Late.\n", &["src/x.rs:1: begin with `//!`"]);
    }

    #[test]
    fn a_long_file_is_reported_with_its_length() {
        let text = format!("//! Long.\n{}", "fn f() {}\n".repeat(MOST_LINES));
        findings(&text, &["601 lines, more than 600"]);
    }

    #[test]
    fn unfinished_code_and_ignored_tests_are_reported_with_their_line() {
        findings(
            "//! X.\nfn f() { todo!() }\n",
            &["src/x.rs:2: `todo!` is left"],
        );
        findings(
            "//! X.\nfn f() {\n    std::dbg!(1);\n}\n",
            &["src/x.rs:3: `dbg!` is left"],
        );
        findings(
            "//! X.\n#[test]\n#[ignore = \"slow\"]\nfn f() {}\n",
            &["src/x.rs:3: a test is ignored"],
        );
        findings(
            "//! X.\n#[cfg_attr(unix, ignore)]\nfn f() {}\n",
            &["src/x.rs:2: a test is ignored"],
        );
    }
}

//! `ci language`: spelling in American English by typos, and phrases of `xtask/phrases.txt`.

use anyhow::{Context, ensure};

use crate::ci::tidy::{self, File};
use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::python::tool;
use crate::workspace::Workspace;

/// Paths that are not checked yet. The list only shrinks: an entry without a finding fails.
const UNCONVERTED: &[&str] = &[];

/// The phrases, each with a replacement.
const PHRASES: &str = "xtask/phrases.txt";

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let phrases = Phrases::read(&workspace.sh.read_file(PHRASES)?)?;
    let files = tidy::files(workspace)?;
    let files: Vec<File> = files
        .into_iter()
        .filter(|file| file.path != PHRASES)
        .collect();
    let mut all = spelling(workspace, files.iter().map(|file| file.path.as_str()))?;
    all.extend(files.iter().flat_map(|file| phrases.found_in(file)));
    verdict("language", &judge(&all, UNCONVERTED))?;

    let phrase = &phrases.0[0].0;
    let sample = File {
        path: "control.rs".into(),
        text: format!("/// {}.", phrase.join("\n/// ")),
    };
    let found = phrases.found_in(&sample);
    control("language", &found, &format!("`{}`", phrase.join(" ")))?;
    let folder = workspace.scratch("control-language")?;
    let wrong = folder.join("control.md");
    // Split, so that this file passes.
    let text = concat!("A colo", "ur that was rec", "ieved.\n");
    workspace.sh.write_file(&wrong, text)?;
    let found = spelling(workspace, [workspace.shown(&wrong).as_str()].into_iter())?;
    control("language", &found, "should be `color`")?;
    control("language", &found, "should be `received`")
}

/// The findings outside of the unconverted paths, and the entries that are not needed.
fn judge(all: &[String], unconverted: &[&str]) -> Vec<String> {
    let is_in = |finding: &str, path: &str| {
        let rest = finding.strip_prefix(path);
        rest.is_some_and(|rest| rest.starts_with(['/', ':']))
    };
    let converted = |finding: &&String| !unconverted.iter().any(|path| is_in(finding, path));
    let stale = unconverted
        .iter()
        .filter(|path| !all.iter().any(|finding| is_in(finding, path)));
    let stale = stale.map(|path| format!("{path} has no finding: remove it from UNCONVERTED"));
    all.iter().filter(converted).cloned().chain(stale).collect()
}

/// What typos reports about these files, as `path:line:column: …`.
fn spelling<'a>(
    workspace: &Workspace,
    paths: impl Iterator<Item = &'a str>,
) -> Result<Vec<String>, Failure> {
    let list: String = paths.map(|path| format!("{path}\n")).collect();
    let output = workspace
        .sh
        .cmd(tool(workspace, "typos")?)
        .args([
            "--config",
            "typos.toml",
            "--format",
            "brief",
            "--file-list",
            "-",
        ])
        .stdin(list)
        .quiet()
        .ignore_status()
        .output()?;
    let findings: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(String::from)
        .collect();
    // Exit code 2 is a finding; any other failure is a failure of typos itself.
    ensure!(
        output.status.success() || (output.status.code() == Some(2) && !findings.is_empty()),
        "typos failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(findings)
}

/// Phrases as lists of words.
struct Phrases(Vec<(Vec<String>, String)>);

impl Phrases {
    fn read(text: &str) -> Result<Self, Failure> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let phrase = |line: &str| {
            let (phrase, instead) = line.split_once(" -> ").with_context(|| line.to_owned())?;
            Ok((
                phrase.split(' ').map(String::from).collect(),
                instead.to_owned(),
            ))
        };
        let phrases: Vec<_> = lines.map(phrase).collect::<Result<_, Failure>>()?;
        ensure!(!phrases.is_empty(), "{PHRASES} has no phrase");
        Ok(Self(phrases))
    }

    /// The phrases in a file. A phrase may continue on the next line of a comment.
    fn found_in(&self, file: &File) -> Vec<String> {
        let trim = |word: &str| {
            word.trim_matches(|c: char| !c.is_alphanumeric())
                .to_lowercase()
        };
        let mut words: Vec<(usize, String)> = Vec::new();
        for (number, line) in file.text.lines().enumerate() {
            let found = line
                .split_whitespace()
                .map(trim)
                .filter(|word| !word.is_empty());
            words.extend(found.map(|word| (number + 1, word)));
        }
        let mut findings = Vec::new();
        for (phrase, instead) in &self.0 {
            for window in words.windows(phrase.len()) {
                if window.iter().map(|(_, word)| word).eq(phrase) {
                    let (path, line, phrase) = (&file.path, window[0].0, phrase.join(" "));
                    findings.push(format!("{path}:{line}: `{phrase}`: write `{instead}`"));
                }
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_found_across_lines_and_not_in_other_words() {
        let phrases = Phrases::read("# Phrases.\nfoo bar -> baz\n").unwrap();
        let found = |text: &str| {
            let path = "a.rs".to_owned();
            phrases.found_in(&File {
                path,
                text: text.into(),
            })
        };
        let expected = "a.rs:1: `foo bar`: write `baz`";
        assert_eq!(found("// It was sent (Foo\n    /// bar)."), [expected]);
        assert_eq!(found("// foo barn; buffoo bar"), [""; 0]);
        assert!(Phrases::read("no arrow").is_err() && Phrases::read("").is_err());
    }

    #[test]
    fn unconverted_paths_are_exempt_until_they_are_clean() {
        let all = ["crates/a/x.rs:1: x", "crates/ab/x.rs:1: y"].map(String::from);
        assert_eq!(judge(&all, &["crates/a"]), ["crates/ab/x.rs:1: y"]);
        let stale = "docs has no finding: remove it from UNCONVERTED";
        assert_eq!(judge(&all, &["crates/a", "crates/ab", "docs"]), [stale]);
    }
}

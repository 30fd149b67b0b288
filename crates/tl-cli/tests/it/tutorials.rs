//! Runs the tutorials: every command of their console blocks, in order, in one shell. From the block
//! that starts a shell with an emulator (`tl emulator exec … -- bash`), in that shell.
//!
//! The lines after a command are lines of its output, in order; `…` stands for any text. A command
//! must succeed unless a comment after it says `# exit code N`. Lines that start with `>` continue a
//! command.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// One command with what the document says about it.
#[derive(Debug, Default, PartialEq)]
struct Step {
    command: String,
    code: i32,
    output: Vec<String>,
}

/// The commands, and the one that starts the shell with the emulator, before which some may be.
fn read(document: &str) -> (Vec<Step>, Option<(usize, String)>) {
    let mut steps: Vec<Step> = Vec::new();
    let mut emulator = None;
    let mut in_console = false;
    for line in document.lines() {
        if line.starts_with("```") {
            in_console = line == "```console";
        } else if line.starts_with("tl emulator exec") && line.ends_with(" -- bash") {
            emulator = Some((steps.len(), line.to_owned()));
        } else if in_console && let Some(command) = line.strip_prefix("$ ") {
            let (command, code) = match command.split_once("  # exit code ") {
                Some((command, code)) => (command, code.parse().unwrap()),
                None => (command, 0),
            };
            steps.push(Step {
                command: command.to_owned(),
                code,
                output: Vec::new(),
            });
        } else if in_console && let Some(step) = steps.last_mut() {
            match line.strip_prefix("> ").filter(|_| step.output.is_empty()) {
                Some(rest) => step.command.extend(["\n", rest]),
                None => step.output.push(line.to_owned()),
            }
        }
    }
    (steps, emulator)
}

/// Whether the parts between `…` occur in the line, in order, from its start to its end.
fn matches(expected: &str, line: &str) -> bool {
    let mut parts = expected.trim_end().split('…');
    let Some(mut rest) = line
        .trim_end()
        .strip_prefix(parts.next().unwrap_or_default())
    else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The first difference between what a document says and what happened.
fn difference(step: &Step, code: &str, output: &str) -> Option<String> {
    if code != step.code.to_string() {
        return Some(format!("exit code {code}, not {}", step.code));
    }
    let mut lines = output.lines();
    let missing = step
        .output
        .iter()
        .find(|expected| !lines.any(|line| matches(expected, line)));
    missing.map(|line| format!("no line `{line}`, or not in this order"))
}

const MARKER: &str = "@@ exit code ";

fn script(steps: &[Step]) -> String {
    let mut script = "exec 2>&1\n".to_owned();
    for step in steps {
        writeln!(
            script,
            "{{ {}\n}}; code=$?\necho; echo \"{MARKER}$code\"",
            step.command
        )
        .unwrap();
    }
    script
}

fn check(name: &str) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tutorials");
    let document = std::fs::read_to_string(docs.join(name)).unwrap();
    let (steps, emulator) = read(&document);
    assert!(steps.len() > 3, "{name} has {} commands", steps.len());
    let folder = tempfile::tempdir().unwrap();
    let (before, start) = emulator.unwrap_or((steps.len(), String::new()));
    let inner = folder.path().join("inner.sh");
    std::fs::write(&inner, script(&steps[before..])).unwrap();
    let mut outer = script(&steps[..before]);
    if !start.is_empty() {
        writeln!(outer, "{start} {}", inner.display()).unwrap();
    }
    let programs = Path::new(env!("CARGO_BIN_EXE_tl")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let work = folder.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &outer])
        .current_dir(&work)
        .env_clear()
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("TL_PROBE", env!("CARGO_BIN_EXE_tl-probe"));
    for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        shell.env(name, folder.path().join(name));
    }
    let run = shell.output().unwrap();
    let output = String::from_utf8(run.stdout).unwrap();
    let mut rest = output.as_str();
    for step in &steps {
        let end = rest.find(MARKER);
        let at = end.unwrap_or_else(|| panic!("{name}: `{}` did not run\n{rest}", step.command));
        let (output, after) = rest.split_at(at);
        let (code, after) = after[MARKER.len()..].split_once('\n').unwrap();
        rest = after;
        if let Some(why) = difference(step, code, output) {
            panic!("{name}: `{}`: {why}\n{output}", step.command);
        }
    }
}

#[test]
fn first_video() {
    check("first-video.md");
}

#[test]
fn archive() {
    check("archive.md");
}

#[test]
fn emulator_tests() {
    check("emulator-tests.md");
}

#[test]
fn clips_from_search() {
    check("clips-from-search.md");
}

#[test]
fn every_tutorial_is_run() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tutorials");
    let mut names: Vec<String> = std::fs::read_dir(docs)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "archive.md",
        "clips-from-search.md",
        "emulator-tests.md",
        "first-video.md",
    ];
    assert_eq!(names, expected, "add a test for a new tutorial");
}

#[test]
fn a_wrong_tutorial_is_refused() {
    let text = "```console\n$ tl x  # exit code 2\na … c\n$ cat <<E\n> one\n> E\n```\n$ not run\n";
    let (found, emulator) = read(text);
    assert_eq!(emulator, None);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].code, found[0].command.as_str()), (2, "tl x"));
    assert_eq!(found[1].command, "cat <<E\none\nE");
    assert_eq!(difference(&found[0], "2", "first\na b c\n"), None);
    assert!(difference(&found[0], "0", "a b c\n").is_some(), "the code");
    assert!(difference(&found[0], "2", "a b\n").is_some(), "the output");
    assert!(!matches("a", "ab") && !matches("…a", "ab") && matches("…b", "ab"));
}

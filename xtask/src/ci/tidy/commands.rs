//! The commands that the documents show must be taken by the programs: ` ```console ` blocks, lines that begin with `$ tl`
//! or `$ cargo xtask`.

use crate::ci;
use crate::failure::Failure;

/// `tl` answers for its own arguments: `None` if it would take them, otherwise what it says against them.
pub(super) fn check(
    path: &str,
    text: &str,
    tl: impl Fn(&[String]) -> Result<Option<String>, Failure>,
) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    for (number, command) in commands(text) {
        let words = words(&command);
        let problem = match words
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["tl", ..] => tl(&words[1..])?,
            ["cargo", "xtask", rest @ ..] => xtask(rest),
            _ => None,
        };
        if let Some(problem) = problem {
            findings.push(format!("{path}:{number}: `{command}`: {problem}"));
        }
    }
    Ok(findings)
}

fn xtask(arguments: &[&str]) -> Option<String> {
    let known = |word: &str, names: &[&str]| names.contains(&word);
    match arguments {
        [] => None,
        ["ci"] => None,
        ["ci", step, ..] if !known(step, &ci::step_names()) => {
            Some(format!("`ci` has no step `{step}`"))
        }
        [verb, ..] if !known(verb, &crate::verb_names()) => {
            Some(format!("xtask has no verb `{verb}`"))
        }
        _ => None,
    }
}

/// The commands of the console blocks, with the number of their first line; a `\` at the end continues one.
fn commands(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut in_console = false;
    let mut continued = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("```") {
            in_console = line == "```console";
            continued = false;
            continue;
        }
        let part = if continued {
            Some(line)
        } else {
            line.strip_prefix("$ ")
        };
        let Some(part) = part.filter(|_| in_console) else {
            continue;
        };
        let (part, goes_on) = match part.strip_suffix('\\') {
            Some(part) => (part.trim_end(), true),
            None => (part, false),
        };
        match found.last_mut().filter(|_| continued) {
            Some((_, command)) => {
                command.push(' ');
                command.push_str(part);
            }
            None => found.push((number + 1, part.to_owned())),
        }
        continued = goes_on;
    }
    found
}

/// The words of the first simple command, quotes removed. Stops at `--`, at a comment, and at what the shell would take.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut quoted = false;
    for c in command.chars().chain([' ']) {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => word.push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                quoted = true;
            }
            None if c.is_whitespace() => {
                let ends = ["|", "&", "&&", "||", ";", ">", ">>", "<", "--"]
                    .contains(&word.as_str())
                    || word.starts_with('#')
                    || word.starts_with("2>");
                if ends && !quoted {
                    return without_variables(words);
                }
                if !word.is_empty() || quoted {
                    words.push(std::mem::take(&mut word));
                }
                quoted = false;
            }
            None => word.push(c),
        }
    }
    without_variables(words)
}

/// `NAME=value` before a command is for the shell.
fn without_variables(words: Vec<String>) -> Vec<String> {
    let is_variable = |word: &String| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        })
    };
    words.into_iter().skip_while(is_variable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let tl = |arguments: &[String]| {
            let known = arguments.first().is_some_and(|verb| verb == "validate");
            Ok((!known).then(|| "unknown".to_owned()))
        };
        check("R.md", text, tl).unwrap()
    }

    #[test]
    fn commands_that_exist_pass() {
        let text = "```console\n$ cargo xtask test -- --anything\n$ cargo xtask ci deps\n$ tl validate clip.mp4 | less\nsome output\n$ ls\n```\n";
        assert_eq!(findings(text), [""; 0]);
    }

    #[test]
    fn commands_that_do_not_exist_are_reported_with_their_line() {
        let text = "```console\n$ cargo xtask dance\n$ cargo xtask ci dance\n$ tl dance \\\n    --fast\n```\n";
        assert_eq!(
            findings(text),
            [
                "R.md:2: `cargo xtask dance`: xtask has no verb `dance`",
                "R.md:3: `cargo xtask ci dance`: `ci` has no step `dance`",
                "R.md:4: `tl dance --fast`: unknown",
            ]
        );
    }

    #[test]
    fn other_blocks_are_not_read() {
        assert_eq!(findings("```sh\n$ tl dance\n```\n$ tl dance\n"), [""; 0]);
    }

    #[test]
    fn words_are_split_as_a_shell_would() {
        for (command, expect) in [
            (
                "tl ingest 'my clip.mp4' --index \"a b\"",
                vec!["tl", "ingest", "my clip.mp4", "--index", "a b"],
            ),
            (
                "KEY=x tl emulator --port 8080 &",
                vec!["tl", "emulator", "--port", "8080"],
            ),
            ("tl validate -- -odd.mp4", vec!["tl", "validate"]),
            ("tl task list # all of them", vec!["tl", "task", "list"]),
            (
                "tl task list --json > list.json",
                vec!["tl", "task", "list", "--json"],
            ),
        ] {
            assert_eq!(words(command), expect, "{command}");
        }
    }
}

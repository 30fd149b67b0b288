//! Commands in documents: programs accept each `$ tl …` and `$ cargo xtask …` of console blocks.

use super::File;
use crate::ci;
use crate::failure::Failure;

/// What a shell would not pass to the program.
const END: &[&str] = &["|", "&", "&&", "||", ";", ">", ">>", "<", "--"];

/// `tl` says what it has against its arguments.
pub(super) fn check(
    file: &File,
    tl: impl Fn(&[String]) -> Result<Option<String>, Failure>,
) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    for (number, command) in commands(&file.text) {
        let refusal = match arguments(&command) {
            Err(why) => Some(why),
            Ok(words) => match words.first().map(String::as_str) {
                Some("tl") => tl(&words[1..])?,
                Some("cargo") if words.get(1).is_some_and(|word| word == "xtask") => {
                    xtask(&words[2..])
                }
                _ => None,
            },
        };
        if let Some(why) = refusal {
            findings.push(format!("{}:{number}: `{command}`: {why}", file.path));
        }
    }
    Ok(findings)
}

fn xtask(arguments: &[String]) -> Option<String> {
    let command = arguments.first()?;
    if !crate::command_names().any(|name| name == command) {
        return Some(format!("xtask has no command `{command}`"));
    }
    let step = arguments.get(1).filter(|_| command == "ci")?;
    let known = ci::step_names().any(|name| name == step);
    (!known).then(|| format!("`ci` has no step `{step}`"))
}

/// The commands of the console blocks with the number of their last line. A `\` at the end of a
/// line continues a command.
fn commands(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_console = false;
    let mut command = String::new();
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.starts_with("```") {
            in_console = line == "```console";
        }
        let start = if command.is_empty() {
            line.strip_prefix("$ ")
        } else {
            Some(line)
        };
        let Some(part) = start.filter(|_| in_console) else {
            continue;
        };
        command.push_str(part.trim_end_matches('\\'));
        if !part.ends_with('\\') {
            found.push((number + 1, std::mem::take(&mut command)));
        }
    }
    found
}

/// The words of the first simple command, without variables, up to what is for the shell.
fn arguments(command: &str) -> Result<Vec<String>, String> {
    let words = shell_words::split(command).map_err(|error| error.to_string())?;
    let is_variable = |word: &String| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    let words = words.into_iter().skip_while(is_variable);
    let is_shell =
        |word: &str| END.contains(&word) || word.starts_with('#') || word.starts_with("2>");
    Ok(words.take_while(|word| !is_shell(word)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let file = File {
            path: "R.md".into(),
            text: text.into(),
        };
        let tl = |arguments: &[String]| {
            let known = arguments
                .first()
                .is_some_and(|command| command == "validate");
            Ok((!known).then(|| "unknown".to_owned()))
        };
        check(&file, tl).unwrap()
    }

    #[test]
    fn commands_that_exist_pass() {
        let text = "```console\n$ cargo xtask test -- --any\n$ cargo xtask ci deps\n\
                    $ KEY=x tl validate 'my clip.mp4' | less\noutput\n$ ls\n```\n\
                    ```sh\n$ tl dance\n```\n$ tl dance\n";
        assert_eq!(findings(text), [""; 0]);
    }

    #[test]
    fn commands_that_do_not_exist_are_reported() {
        let text = "```console\n$ cargo xtask dance\n$ cargo xtask ci dance\n\
                    $ tl dance \\\n    --fast > x\n$ tl 'validate\n```\n";
        assert_eq!(
            findings(text),
            [
                "R.md:2: `cargo xtask dance`: xtask has no command `dance`",
                "R.md:3: `cargo xtask ci dance`: `ci` has no step `dance`",
                "R.md:5: `tl dance --fast > x`: unknown",
                "R.md:6: `tl 'validate`: missing closing quote",
            ]
        );
    }

    #[test]
    fn only_the_words_of_the_program_count() {
        for (command, expected) in [
            ("tl validate -- -odd.mp4", "tl validate"),
            ("tl task list # all of them", "tl task list"),
            ("tl emulator --port 8080 &", "tl emulator --port 8080"),
        ] {
            assert_eq!(arguments(command).unwrap().join(" "), expected, "{command}");
        }
    }
}

//! The suites: what the project promises about speed and memory, compared with other programs.
//!
//! | Module | Content |
//! |---|---|
//! | [`upload`], [`validate`], [`emulator`], [`answers`] | the suites |
//! | [`results`] | interleaved runs and their medians |
//! | [`target`] | a bound, and whether it is met |
//! | [`report`] | the tables, on the terminal and in `docs/benchmarks.md` |
//! | [`peers`], [`sink`] | the programs of others, and the running sink |

mod answers;
mod emulator;
mod peers;
mod report;
mod results;
mod sink;
mod target;
mod upload;
mod validate;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Failure, arguments::Arguments};
use report::Report;

/// Upper bound of a single run.
const RUN_LIMIT: Duration = Duration::from_secs(900);

/// The settings of a run: options of `cargo xtask bench`, and the paths that it passes.
struct Settings<'a> {
    arguments: &'a Arguments,
    /// Small sizes and one round: shows that the suite works, and no speed.
    quick: bool,
    /// Where files are made.
    folder: PathBuf,
    /// The root of the repository.
    root: PathBuf,
}

impl Settings<'_> {
    fn path(&self, name: &str) -> Result<PathBuf, Failure> {
        Ok(self.arguments.text(name)?.into())
    }

    /// A single round in a quick run.
    fn rounds(&self, rounds: usize) -> usize {
        if self.quick { 1 } else { rounds }
    }
}

pub(crate) fn run(name: &str, arguments: &Arguments) -> Result<(), Failure> {
    let flag = |name| arguments.optional(name) == Some("yes");
    let settings = Settings {
        arguments,
        quick: flag("quick"),
        folder: arguments.text("folder")?.into(),
        root: arguments.text("root")?.into(),
    };
    if settings.quick && flag("write") {
        return Err("a quick run measures nothing that can be written: omit quick or write".into());
    }
    std::fs::create_dir_all(&settings.folder)?;
    let suite: fn(&Settings<'_>) -> Result<Report, Failure> = match name {
        "upload" => upload::run,
        "validate" => validate::run,
        "emulator" => emulator::run,
        "answers" => answers::run,
        _ => {
            return Err(format!(
                "no suite `{name}`: choose from upload, validate, emulator, answers"
            )
            .into());
        }
    };
    let report = suite(&settings)?;
    let text = report.text(&settings)?;
    println!("{text}");
    if flag("write") {
        report::write(&settings.root, name, &text)?;
    }
    match report.missed() {
        missed if flag("strict") && missed > 0 => {
            Err(format!("{missed} of {} targets are not met", report.targets.len()).into())
        }
        _ => Ok(()),
    }
}

/// What a program printed on stdout and stderr, and whether it succeeded.
struct Output {
    success: bool,
    stdout: String,
    stderr: String,
}

/// Runs a program, kills it after [`RUN_LIMIT`], and accepts a failure.
fn output<W: AsRef<std::ffi::OsStr>>(program: &Path, words: &[W]) -> Result<Output, Failure> {
    let words: Vec<_> = words.iter().map(|word| word.as_ref().to_owned()).collect();
    // As a path, `ffmpeg` would mean a file in the current folder.
    let command = duct::cmd(program.as_os_str(), words);
    let handle = command
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .start()?;
    let Some(output) = handle.wait_timeout(RUN_LIMIT)? else {
        handle.kill()?;
        return Err(format!("{} exceeded its time limit", program.display()).into());
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Output {
        success: output.status.success(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    })
}

/// Runs a program and returns its stdout.
///
/// # Errors
/// It fails; the last line of its stderr is quoted.
fn read<W: AsRef<std::ffi::OsStr>>(program: &Path, words: &[W]) -> Result<String, Failure> {
    let output = output(program, words)?;
    if output.success {
        return Ok(output.stdout);
    }
    let last = output.stderr.lines().rfind(|line| !line.trim().is_empty());
    Err(format!(
        "{} failed: {}",
        program.display(),
        last.unwrap_or("no message")
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_quotes_the_last_line_of_stderr() {
        let script = ["-c", "echo first >&2; echo disk is full >&2; exit 3"];
        let failure = read(Path::new("sh"), &script).unwrap_err().to_string();
        assert_eq!(failure, "sh failed: disk is full");
        assert_eq!(read(Path::new("sh"), &["-c", "echo 1"]).unwrap(), "1\n");
    }

    #[test]
    fn a_quick_run_is_not_written() {
        let words = ["root=.", "folder=.", "quick=yes", "write=yes"].map(String::from);
        let arguments = Arguments::read(words.into_iter()).unwrap();
        let failure = run("upload", &arguments).unwrap_err().to_string();
        assert!(failure.starts_with("a quick run"), "{failure}");
    }
}

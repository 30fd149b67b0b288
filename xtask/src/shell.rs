//! Child processes: `cargo` in a clean environment, time limits, and logs of long runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use xshell::{Cmd, Shell};

use crate::failure::Failure;

/// Interval between two looks at a child that has a time limit.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Lines of the log that a failure quotes.
const QUOTED_LINES: usize = 3;

/// `cargo` with these words, split at spaces; the same cargo that runs xtask.
///
/// Cargo exports the variables of *this* package to xtask. They are removed, because a build
/// script that watches one of them would run again after the developer's own `cargo build`.
pub(crate) fn cargo<'a>(sh: &'a Shell, words: &str) -> Cmd<'a> {
    let path = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    without_package_variables(sh.cmd(path)).args(words.split_whitespace())
}

/// Removes what cargo sets for the package that it runs.
pub(crate) fn without_package_variables(command: Cmd<'_>) -> Cmd<'_> {
    std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        })
        .fold(command, Cmd::env_remove)
}

/// Runs a command with its output on the terminal, and kills it after `limit`.
///
/// # Errors
/// It cannot be started, fails, or exceeds the limit.
pub(crate) fn run_within(command: Cmd<'_>, limit: Duration) -> Result<(), Failure> {
    let line = command.to_string();
    eprintln!("$ {line}");
    wait(&line, &mut Command::from(command), limit)
}

/// A command whose output goes to a log file.
pub(crate) struct Logged {
    line: String,
    command: Command,
    log: PathBuf,
}

impl Logged {
    pub(crate) fn new(command: Cmd<'_>, log: PathBuf) -> Self {
        Self {
            line: command.to_string(),
            command: Command::from(command),
            log,
        }
    }

    fn run(mut self, limit: Duration) -> (Result<(), Failure>, PathBuf) {
        let result = create(&self.log).and_then(|file| {
            self.command.stdout(file.try_clone()?).stderr(file);
            wait(&self.line, &mut self.command, limit)
        });
        (result, self.log)
    }
}

/// Runs commands at the same time. Their logs are printed afterwards. A failure quotes the last lines
/// of the log: they are what a reader of a long CI log looks for.
///
/// # Errors
/// As [`run_within`]. All commands run to their end.
pub(crate) fn run_logged(commands: Vec<Logged>, limit: Duration) -> Result<(), Failure> {
    let started: Vec<_> = commands
        .into_iter()
        .map(|command| {
            eprintln!("$ {} > {}", command.line, command.log.display());
            thread::spawn(move || command.run(limit))
        })
        .collect();
    let ended: Vec<_> = started.into_iter().map(thread::JoinHandle::join).collect();
    let mut outcome = Ok(());
    for run in ended {
        let Ok((result, log)) = run else {
            bail!("a thread has panicked");
        };
        let bytes = fs::read(&log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        eprint!("{text}");
        let said: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let last = said.split_at(said.len().saturating_sub(QUOTED_LINES)).1;
        outcome = outcome.and(result.with_context(|| last.join(" | ")));
    }
    outcome
}

fn create(log: &Path) -> Result<File, Failure> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create(log).with_context(|| format!("cannot create {}", log.display()))
}

fn wait(line: &str, command: &mut Command, limit: Duration) -> Result<(), Failure> {
    // A child that asks a question must not wait for an answer.
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            if status.success() {
                return Ok(());
            }
            bail!("`{line}` ended with {status}");
        }
        if start.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            bail!(
                "`{line}` exceeded {} and was killed",
                format_duration(limit)
            );
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// A duration in seconds, with one decimal.
pub(crate) fn format_duration(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_over_its_limit_is_killed() {
        let sh = Shell::new().unwrap();
        let start = Instant::now();
        let sleep = sh.cmd("sleep").arg("60");
        let failure = run_within(sleep, Duration::from_millis(100)).unwrap_err();
        assert!(
            failure
                .to_string()
                .contains("exceeded 0.1 s and was killed"),
            "{failure}"
        );
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_failure_quotes_the_end_of_the_log() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let log = folder.path().join("logs/run.log");
        let script = "printf '%s\\n' 1 2 3 4 '' 5; echo last >&2; exit 3";
        let limit = Duration::from_secs(30);
        let good = folder.path().join("good.log");
        let commands = vec![
            Logged::new(sh.cmd("sh").args(["-c", script]), log),
            Logged::new(sh.cmd("true"), good.clone()),
        ];
        let text = format!("{:#}", run_logged(commands, limit).unwrap_err());
        assert!(text.starts_with("4 | 5 | last: `sh -c"), "{text}");
        assert!(text.ends_with("exit status: 3"), "{text}");
        assert!(run_logged(vec![Logged::new(sh.cmd("true"), good)], limit).is_ok());
    }
}

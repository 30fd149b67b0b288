//! `tl emulator exec`: runs a command with its own emulator, which is passed in the environment and
//! stops with the command.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use clap::Args;
use serde_json::{Value, json};
use tempfile::TempDir;
use tl_emulator::{Emulator, Summary, exit_code};
use tokio::process::{Child, Command};

use super::options::Options;
use super::signals::Signals;
use crate::args::{ledger, upload};
use crate::check::cache_location;
use crate::context::Context;
use crate::context::connection::KEY_FILE_VARIABLE;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Same as shells and `env`: command not found, and not executable.
const NOT_FOUND: Exit = Exit::Child(127);
const NOT_RUNNABLE: Exit = Exit::Child(126);

/// Requests to this machine must not use a proxy.
const PROXY_EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];
const LOOPBACK: &str = "127.0.0.1,localhost";

/// Run a command with its own emulator and return its exit code.
#[derive(Debug, Args)]
#[command(
    after_help = "Sets TWELVELABS_BASE_URL, TWELVE_LABS_API_KEY and TWELVELABS_API_KEY for the command. The command inherits standard input, output and error. TL_CHECKPOINTS, TL_CACHE and TL_LEDGER point to the state directory, or to a temporary directory. Signals are forwarded to the command. When it exits, a summary of its requests is printed to standard error.\n\nThe exit code is that of the command, 128 + N if signal N terminated it, 127 if the command does not exist, or 126 if it cannot be executed."
)]
pub(crate) struct Exec {
    #[command(flatten)]
    options: Options,
    /// Write the summary as JSON to this file
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Command to run, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Exec {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut signals = Signals::listen()?;
        let folders = Folders::new(self.options.state())?;
        let emulator = self.options.start(context).await?;
        let status = match start(&emulator, &folders, &self.command) {
            Ok(child) => wait(child, &mut signals).await,
            Err(failure) => {
                emulator.shutdown().await;
                return Err(failure);
            }
        };
        let summary = emulator.summary();
        emulator.shutdown().await;
        let code = exit_code(status.map_err(|error| {
            Failure::new(Exit::Temporary, "system", "failed to wait for the command")
                .with_source(&error)
        })?);
        context
            .output
            .note(&format!("the emulator received {summary}"));
        if let Some(path) = &self.summary {
            write_summary(path, &summary, code)?;
        }
        Ok(match u8::try_from(code) {
            Ok(0) => Exit::Ok,
            Ok(code) => Exit::Child(code),
            // Windows has 32-bit exit codes. A failure must not become 0.
            Err(_) => Exit::SomeFailed,
        })
    }
}

/// Directories for a nested `tl`: checkpoints and ledger of an emulator are invalid for the platform and for
/// other emulators. They live as long as the state of the emulator.
struct Folders {
    root: PathBuf,
    /// Removes the directories on drop.
    _temporary: Option<TempDir>,
}

impl Folders {
    fn new(state: Option<&Path>) -> Result<Self, Failure> {
        if let Some(state) = state {
            let root = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
            return Ok(Self {
                root: root.join("client"),
                _temporary: None,
            });
        }
        let temporary = tempfile::Builder::new()
            .prefix("tl-emulator-")
            .tempdir()
            .map_err(|error| {
                Failure::usage("failed to create a temporary directory")
                    .with_source(&error)
                    .hint("set TMPDIR to a directory with free space")
            })?;
        Ok(Self {
            root: temporary.path().to_owned(),
            _temporary: Some(temporary),
        })
    }

    fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            (
                upload::CHECKPOINT_DIR_VARIABLE,
                self.root.join("checkpoints"),
            ),
            (cache_location::CACHE_DIR_VARIABLE, self.root.join("cache")),
            (ledger::LEDGER_VARIABLE, self.root.join("ledger.sqlite3")),
        ]
    }
}

fn start(emulator: &Emulator, folders: &Folders, words: &[OsString]) -> Result<Child, Failure> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failure::usage("no command to run"));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(emulator.environment())
        .envs(folders.environment());
    // It would take precedence, and contains a key of the real platform.
    command.env_remove(KEY_FILE_VARIABLE);
    for name in PROXY_EXCEPTIONS {
        let mut exceptions = LOOPBACK.to_owned();
        if let Ok(others) = std::env::var(name)
            && !others.is_empty()
        {
            // Writing to a string cannot fail.
            let _ = write!(exceptions, ",{others}");
        }
        command.env(name, exceptions);
    }
    command.kill_on_drop(true).spawn().map_err(|error| {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => NOT_FOUND,
            _ => NOT_RUNNABLE,
        };
        let name = program.to_string_lossy();
        Failure::new(
            exit,
            "exec",
            format!("failed to start the command `{name}`"),
        )
        .with_source(&error)
        .hint("pass a program on the search path, or its path, after `--`")
    })
}

/// Waits for the command to exit. Signals are forwarded to it and do not stop the emulator.
async fn wait(mut child: Child, signals: &mut Signals) -> std::io::Result<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return status,
            signal = signals.next() => pass_on(&child, signal),
        }
    }
}

#[cfg(unix)]
fn pass_on(child: &Child, signal: i32) {
    use rustix::process::{Pid, Signal, getpgrp, kill_process};
    use rustix::termios::tcgetpgrp;

    // A terminal sends the signal to the whole foreground group, so the command already has it.
    let is_from_terminal = signal == Signal::INT.as_raw()
        && tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == getpgrp());
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let (Some(pid), Some(signal)) = (pid.and_then(Pid::from_raw), Signal::from_named_raw(signal))
        && !is_from_terminal
    {
        // The process may have ended in the meantime.
        let _ = kill_process(pid, signal);
    }
}

#[cfg(not(unix))]
fn pass_on(_: &Child, _: i32) {
    // The console notifies every process itself.
}

fn write_summary(path: &Path, summary: &Summary, code: i32) -> Result<(), Failure> {
    let text = as_json(summary, code).to_string() + "\n";
    std::fs::write(path, text).map_err(|error| {
        Failure::usage(format!(
            "failed to write the summary to `{}`; the command exited with {code}",
            path.display()
        ))
        .with_source(&error)
    })
}

fn as_json(summary: &Summary, code: i32) -> Value {
    let operations: serde_json::Map<String, Value> = summary
        .operations
        .iter()
        .map(|(name, (requests, refused))| {
            (
                name.clone(),
                json!({"requests": requests, "refused": refused}),
            )
        })
        .collect();
    json!({
        "exit_code": code,
        "operations": operations,
        "not_implemented": summary.not_implemented,
        "other_requests": summary.others,
        "bytes_received": summary.bytes_received,
        "files_kept": summary.files_kept,
        "faults": summary.faults,
    })
}

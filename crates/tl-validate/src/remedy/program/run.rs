//! One process from start to exit: its two output streams, deadline, cancellation, and the kill if
//! the call ends early.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use super::error::{ProgramError, ProgramErrorKind};
use super::job::Job;
use crate::sandbox::confinement::NOT_STARTED;

/// Poll interval for the deadline and the cancel handle.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Limits on the stored log: lines, and bytes of one line.
const LOG_LINES: usize = 20;
const LOG_LINE_BYTES: u64 = 1000;

/// The environment variables that the program inherits: those that it needs to start. API keys are
/// not passed on. Neither is `FFREPORT`, which would make the program write a file.
const INHERITED_VARIABLES: [&str; 10] = [
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "HOME",
    "TMPDIR",
    "TEMP",
    "SystemRoot",
    "LANG",
    "LC_ALL",
];

/// A line of one of the two streams.
enum StreamLine {
    Out(String),
    Log(String),
}

/// A command, and whether it is the launcher that confines the program.
pub(super) struct Call {
    pub(super) command: Command,
    pub(super) confined: bool,
}

/// A child process that is killed on drop.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both calls fail only if the process has already exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `command` until it exits. `line` receives every line of standard output.
pub(super) fn run(
    Call {
        mut command,
        confined,
    }: Call,
    job: &Job,
    line: &mut dyn FnMut(&str),
) -> Result<(), ProgramError> {
    if job.cancel.is_cancelled() {
        return Err(canceled());
    }
    let started = Instant::now();
    command
        .env_clear()
        .envs(
            INHERITED_VARIABLES
                .iter()
                .filter_map(|key| Some((key, std::env::var_os(key)?))),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = Running(command.spawn().map_err(|error| {
        let program = command.get_program().to_string_lossy().into_owned();
        ProgramError::new(
            ProgramErrorKind::Failed,
            format!("`{program}` cannot be started: {error}"),
        )
        .with_source(&error)
    })?);
    let (sender, receiver) = mpsc::sync_channel(64);
    if let Some(stdout) = running.0.stdout.take() {
        read(stdout, sender.clone(), StreamLine::Out);
    }
    if let Some(stderr) = running.0.stderr.take() {
        read(stderr, sender.clone(), StreamLine::Log);
    }
    drop(sender);

    let mut log = VecDeque::new();
    loop {
        match receiver.recv_timeout(POLL_INTERVAL) {
            Ok(StreamLine::Out(text)) => line(&text),
            Ok(StreamLine::Log(text)) => {
                if log.len() == LOG_LINES {
                    log.pop_front();
                }
                log.push_back(text);
            }
            // Both streams are closed: the program has exited, or is about to.
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        check_limits(job, started)?;
    }
    let status = loop {
        match running.0.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => thread::sleep(Duration::from_millis(2)),
            Err(error) => {
                return Err(
                    ProgramError::new(ProgramErrorKind::Failed, "cannot wait for ffmpeg")
                        .with_source(&error),
                );
            }
        }
        check_limits(job, started)?;
    };
    check_status(status, job, confined, log.into())
}

/// Fails if the run was canceled or its deadline has expired.
fn check_limits(job: &Job, started: Instant) -> Result<(), ProgramError> {
    if job.cancel.is_cancelled() {
        return Err(canceled());
    }
    match job.deadline {
        Some(deadline) if started.elapsed() >= deadline => Err(ProgramError::new(
            ProgramErrorKind::DeadlinePassed,
            format!(
                "ffmpeg did not finish within {} s and was killed",
                deadline.as_secs_f64()
            ),
        )),
        _ => Ok(()),
    }
}

fn canceled() -> ProgramError {
    ProgramError::new(ProgramErrorKind::Canceled, "ffmpeg was canceled")
}

fn check_status(
    status: ExitStatus,
    job: &Job,
    confined: bool,
    log: Vec<String>,
) -> Result<(), ProgramError> {
    if status.success() {
        return Ok(());
    }
    // Ctrl-C reaches the program too, possibly before this process: it then exits with 255 and
    // without an error message.
    let has_error = log
        .iter()
        .any(|line| line.contains("[error]") || line.contains("[fatal]"));
    if job.cancel.is_cancelled() || (status.code() == Some(255) && !has_error) {
        return Err(canceled());
    }
    if confined && status.code() == Some(NOT_STARTED.into()) {
        return Err(ProgramError::new(
            ProgramErrorKind::NotConfined,
            "ffmpeg was not started: the sandbox cannot be set up",
        )
        .with_log(log));
    }
    let how = match status.code() {
        Some(code) => format!("ffmpeg failed with exit code {code}"),
        None => signaled(status),
    };
    Err(ProgramError::new(ProgramErrorKind::Failed, how).with_log(log))
}

/// Describes how the program was ended by a signal. Two signals mean that it reached a limit of its
/// sandbox.
#[cfg(unix)]
fn signaled(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    // The numbers of SIGXCPU and SIGXFSZ on Linux and macOS.
    match status.signal() {
        Some(24) => "ffmpeg was killed: it exceeded the limit on CPU time".to_owned(),
        Some(25) => "ffmpeg was killed: it exceeded the limit on file size".to_owned(),
        Some(signal) => format!("ffmpeg was killed by signal {signal}"),
        None => "ffmpeg was killed".to_owned(),
    }
}

#[cfg(not(unix))]
fn signaled(_: ExitStatus) -> String {
    "ffmpeg was killed".to_owned()
}

/// Reads lines on a separate thread, so that neither stream can block the program.
fn read(
    stream: impl Read + Send + 'static,
    sender: SyncSender<StreamLine>,
    kind: fn(String) -> StreamLine,
) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            // Split a line without an end into pieces, to limit memory.
            match stream
                .by_ref()
                .take(LOG_LINE_BYTES)
                .read_until(b'\n', &mut line)
            {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if !text.is_empty() && sender.send(kind(text)).is_err() {
                return;
            }
        }
    });
}

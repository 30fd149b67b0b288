//! One helper process: starting it, exchanging messages with it, and handling its exit.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::protocol::{
    Request, Response, SERVE_ARGUMENT, receive_response, send_request, send_served,
};
use super::ranges::RangeServer;
use crate::probe::descriptors::{RETRY_LIMIT, retry_open};
use crate::probe::{ProbeError, ProbeErrorKind};

/// Additional time beyond the deadline before the helper is killed, for loading libraries and for
/// the response.
const GRACE: Duration = Duration::from_secs(2);

/// The environment variables that a helper inherits: those with the paths of shared libraries. API
/// keys are not passed on.
const INHERITED_VARIABLES: [&str; 4] = [
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "PATH",
];

/// Settings of the GNU C library that keep freed memory in the helper for the next file (at most
/// 64 MiB), instead of returning it to the kernel after each. Other C libraries ignore them.
const MEMORY_SETTINGS: &str = "glibc.malloc.mmap_threshold=33554432:\
                               glibc.malloc.trim_threshold=67108864:\
                               glibc.malloc.top_pad=1048576";

/// The input of a request.
pub(super) enum Subject<'a> {
    Nothing,
    File(&'a File),
    Ranges(RangeServer<'a>),
}

/// Why there was no response.
pub(super) enum ExchangeError {
    /// The helper exited before or during the request.
    Exited(String),
    /// The helper timed out and must be killed.
    TimedOut,
}

/// A running helper, killed on drop.
pub(super) struct Helper {
    child: Child,
    socket: UnixStream,
}

impl Helper {
    pub(super) fn start(program: &Path) -> Result<Self, ProbeError> {
        let failed = |what: &str, error: &io::Error| {
            let seen = format!(
                "the helper `{}` cannot be started: {what} ({error})",
                program.display()
            );
            ProbeError::new(ProbeErrorKind::HelperMissing, "", seen)
        };
        let (socket, theirs) =
            retry_open(RETRY_LIMIT, UnixStream::pair).map_err(|e| failed("no socket pair", &e))?;
        let mut command = Command::new(program);
        command
            .arg(SERVE_ARGUMENT)
            .env_clear()
            .envs(
                INHERITED_VARIABLES
                    .iter()
                    .filter_map(|key| Some((key, std::env::var_os(key)?))),
            )
            .env("GLIBC_TUNABLES", MEMORY_SETTINGS)
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let child = spawn(command).map_err(|e| failed("it does not run", &e))?;
        Ok(Self { child, socket })
    }

    /// Sends one request and waits for the response, at most `timeout`.
    pub(super) fn exchange(
        &mut self,
        request: Request,
        what: &mut Subject<'_>,
        timeout: Duration,
    ) -> Result<Response, ExchangeError> {
        let until = Instant::now() + timeout + GRACE;
        let file = match what {
            Subject::File(file) => Some(*file),
            _ => None,
        };
        if let Err(error) = self
            .socket
            .set_write_timeout(Some(GRACE))
            .and_then(|()| send_request(&self.socket, request, file))
        {
            return Err(self.exit_failure(&error));
        }
        loop {
            let response = receive_response(UntilDeadline {
                socket: &self.socket,
                until,
            });
            let sent = match (response, &mut *what) {
                (Ok(Response::Read { offset, length }), Subject::Ranges(server)) => {
                    let (bytes, remaining) = server.serve(offset, length);
                    send_served(&self.socket, remaining, bytes)
                }
                (Ok(Response::Read { .. }), _) => {
                    let _ = self.child.kill();
                    let seen = "it requested ranges of a local file";
                    return Err(ExchangeError::Exited(seen.to_owned()));
                }
                (Ok(response), _) => return Ok(response),
                (Err(error), _) => Err(error),
            };
            if let Err(error) = sent {
                return Err(match error.kind() {
                    io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ExchangeError::TimedOut,
                    _ => self.exit_failure(&error),
                });
            }
        }
    }

    /// Describes how the helper exited.
    fn exit_failure(&mut self, error: &io::Error) -> ExchangeError {
        // The helper has closed its socket, so it is exiting or has exited. If it does not exit in
        // time, it is killed.
        let timeout = Instant::now() + Duration::from_millis(500);
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if Instant::now() < timeout => thread::sleep(Duration::from_millis(5)),
                _ => break None,
            }
        };
        let _ = self.child.kill();
        let said = self.stderr_text();
        let mut text = status.map_or_else(|| format!("it stopped responding ({error})"), ended);
        if !said.is_empty() {
            text = format!("{text}: {said}");
        }
        ExchangeError::Exited(text)
    }

    /// What the helper wrote to standard error, at most 400 bytes. Called only after it has exited.
    fn stderr_text(&mut self) -> String {
        let _ = self.child.wait();
        let mut text = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            let _ = stderr.take(400).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).trim().replace('\n', " ")
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command to start, and the channel for the result.
type SpawnRequest = (Command, Sender<io::Result<Child>>);

/// Starts `command` on a thread that lives as long as this process.
///
/// Linux kills a helper when the *thread* that started it ends (PR_SET_PDEATHSIG), and helpers
/// outlive the threads that first need them. A child of `fork` has no such thread yet.
fn spawn(command: Command) -> io::Result<Child> {
    static STARTER: Mutex<Option<(u32, Sender<SpawnRequest>)>> = Mutex::new(None);
    let process = std::process::id();
    let (reply, started) = mpsc::channel();
    {
        // The sender is valid at every unlock, so a poisoned lock can be used.
        let mut starter = STARTER.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = match starter.take() {
            Some((of, requests)) if of == process => requests,
            _ => {
                let (requests, received) = mpsc::channel::<SpawnRequest>();
                thread::Builder::new()
                    .name("tl-start-helpers".to_owned())
                    .spawn(move || {
                        for (mut command, reply) in received {
                            let started = retry_open(RETRY_LIMIT, || command.spawn());
                            // The caller no longer waits for this process.
                            if let Err(mpsc::SendError(Ok(mut child))) = reply.send(started) {
                                let _ = child.kill();
                                let _ = child.wait();
                            }
                        }
                    })?;
                requests
            }
        };
        let sent = requests.send((command, reply));
        *starter = Some((process, requests));
        sent.map_err(|_| io::Error::other("the thread that starts helpers has ended"))?;
    }
    started
        .recv()
        .map_err(|_| io::Error::other("the thread that starts helpers has ended"))?
}

fn ended(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("it was killed by signal {signal}"),
        (None, Some(code)) => format!("it exited with code {code}"),
        (None, None) => "it exited".to_owned(),
    }
}

/// The socket, with the remaining time as read timeout.
struct UntilDeadline<'a> {
    socket: &'a UnixStream,
    until: Instant,
}

impl Read for UntilDeadline<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        match (&*self.socket).read(into) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(io::ErrorKind::TimedOut.into())
            }
            other => other,
        }
    }
}

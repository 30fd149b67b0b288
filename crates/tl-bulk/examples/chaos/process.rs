//! `tl` processes.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Where and how the processes of a round run.
pub(crate) struct Setting {
    pub(crate) tl: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) variables: Vec<(String, String)>,
}

/// A running `tl`.
pub(crate) struct Tl {
    child: Child,
    started: Instant,
    log: PathBuf,
}

impl Setting {
    /// Starts `tl`. `limits` are commands of the shell before it, such as `ulimit -n 256`.
    pub(crate) fn start(&self, name: &str, limits: &str, arguments: &[&str]) -> Tl {
        let log = self.folder.join(format!("{name}.log"));
        let out = File::create(&log).unwrap();
        let mut command = Command::new("sh");
        let limits = if limits.is_empty() { "true" } else { limits };
        command
            .args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")])
            .arg(&self.tl)
            .args(arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("XDG_STATE_HOME", self.folder.join("state"))
            .env("XDG_CACHE_HOME", self.folder.join("cache"))
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out);
        Tl {
            child: command.spawn().unwrap(),
            started: Instant::now(),
            log,
        }
    }
}

impl Tl {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        signal_process(self.pid(), signal);
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It did not end in time.
    pub(crate) fn wait(mut self, limit: Duration) -> Result<ExitStatus, String> {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Ok(status);
            }
            if self.started.elapsed() > limit {
                self.signal(Signal::QUIT);
                let _ = self.child.kill();
                let _ = self.child.wait();
                return Err(format!(
                    "`tl` did not end within {limit:?}\n{}",
                    tail(&self.log)
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.log.clone()
    }
}

/// Sends a signal to a process that may have ended.
pub(crate) fn signal_process(pid: Pid, signal: Signal) {
    let _ = kill_process(pid, signal);
}

pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit code".to_owned(),
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(12);
    lines[first..]
        .iter()
        .map(|line| format!("    {}", line.chars().take(300).collect::<String>()))
        .collect::<Vec<_>>()
        .join("\n")
}

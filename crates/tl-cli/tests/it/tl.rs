//! Runs `tl`. Every run is checked: it ends before its deadline, does not panic, and does not print
//! a key.

use std::io::{Read, Seek, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Part of every key in the tests. It must not appear in any output.
pub(crate) const SECRET: &str = "SECRET0123456789";

/// A key that only a scripted server accepts.
pub(crate) const KEY: &str = "tlk_SECRET0123456789";

/// A key that the emulator accepts.
pub(crate) const EMULATOR_KEY: &str = "tlk_emulator_SECRET0123456789";

/// A run takes one or two seconds; one that takes this long hangs.
const DEADLINE: Duration = Duration::from_secs(60);

thread_local! {
    /// The state directory of a test, which has its own thread.
    static STATE: tempfile::TempDir = state();
}

/// A state directory. Some tests run the command as another user.
fn state() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let all = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder.path(), all).expect("the folder is ours");
    }
    folder
}

/// Result of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

/// A `tl` command with an empty environment.
pub(crate) struct Tl {
    command: Command,
}

impl Tl {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        Self::at(Path::new(env!("CARGO_BIN_EXE_tl")), arguments)
    }

    /// Another copy of the program.
    pub(crate) fn at(program: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TL_PROBE", env!("CARGO_BIN_EXE_tl-probe"))
            .env(
                "XDG_CACHE_HOME",
                concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"),
            )
            // The ledger of a test knows only what this test has ingested.
            .env(
                "XDG_STATE_HOME",
                STATE.with(|state| state.path().to_owned()),
            )
            // No configuration of the person who runs the tests.
            .env(
                "XDG_CONFIG_HOME",
                concat!(env!("CARGO_TARGET_TMPDIR"), "/no-config"),
            )
            .args(arguments)
            .stdin(Stdio::null());
        // Coverage and sanitizers need these variables.
        for name in ["LLVM_PROFILE_FILE", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        Self { command }
    }

    /// Sets the base URL and the key.
    pub(crate) fn to(self, base_url: &str, key: &str) -> Self {
        self.env("TWELVELABS_BASE_URL", base_url)
            .env("TWELVE_LABS_API_KEY", key)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the working directory, so that no temporary path appears in the output.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets standard input to `text`.
    pub(crate) fn input(mut self, text: &str) -> Self {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(text.as_bytes())
            .and_then(|()| file.rewind())
            .expect("it can be written");
        self.command.stdin(file);
        self
    }

    pub(crate) fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// Runs the command to completion.
    pub(crate) fn run(mut self) -> Run {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::start(&mut self.command).finish()
    }

    /// Runs the command and checks its exit code.
    pub(crate) fn code(self, code: i32) -> Run {
        let run = self.run();
        assert_eq!(run.code, code, "{}", run.text());
        run
    }
}

/// A running `tl`.
pub(crate) struct Running {
    pub(crate) child: Child,
    since: Instant,
    stdout: Option<thread::JoinHandle<String>>,
    stderr: Option<thread::JoinHandle<String>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::adopt(command.spawn().expect("the program starts"))
    }

    /// Wraps a process that was already started.
    pub(crate) fn adopt(mut child: Child) -> Self {
        let stdout = child.stdout.take().map(reader);
        let stderr = child.stderr.take().map(reader);
        Self {
            child,
            since: Instant::now(),
            stdout,
            stderr,
        }
    }

    /// Sends SIGINT, like Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.signal(rustix::process::Signal::INT);
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the program still runs");
    }

    /// Waits for the exit.
    pub(crate) fn finish(self) -> Run {
        self.finish_within(DEADLINE)
    }

    /// Waits for the exit with a deadline.
    pub(crate) fn finish_within(mut self, deadline: Duration) -> Run {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                break status;
            }
            if self.since.elapsed() > deadline {
                let _ = self.child.kill();
                panic!("`tl` did not end within {deadline:?}");
            }
            thread::sleep(Duration::from_millis(5));
        };
        let text = |reader: Option<thread::JoinHandle<String>>| {
            reader.map_or_else(String::new, |reader| {
                reader.join().expect("the reader ends")
            })
        };
        let run = Run {
            code: status.code().unwrap_or(-1),
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
            took: self.since.elapsed(),
        };
        let all = format!("{}{}", run.stdout, run.stderr);
        assert!(!all.contains(SECRET), "the key is shown: {all}");
        assert!(!all.contains("panicked at"), "a panic: {all}");
        run
    }
}

fn reader(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A broken stream counts as one that ended.
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8(bytes).expect("the output is UTF-8")
    })
}

impl Run {
    /// All output, for a snapshot or a message.
    pub(crate) fn text(&self) -> String {
        format!(
            "exit: {}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }

    /// The only JSON document on standard output.
    pub(crate) fn json(&self) -> Value {
        let lines = self.json_lines();
        assert_eq!(lines.len(), 1, "one document: {}", self.text());
        lines.into_iter().next().expect("one line")
    }

    /// Every line of standard output as JSON; no other output is allowed.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("no JSON ({error}): {line}\n{}", self.text()))
            })
            .collect()
    }

    /// The first line of standard output.
    pub(crate) fn first_line(&self) -> &str {
        self.stdout.lines().next().unwrap_or_default()
    }
}

/// Snapshot of a run without what differs between runs: ids, times, durations, ports.
macro_rules! snapshot {
    ($run:expr) => {
        insta::with_settings!({filters => $crate::tl::FILTERS.to_vec(), omit_expression => true}, {
            insta::assert_snapshot!($run.text());
        });
    };
    ($name:expr, $run:expr) => {
        insta::with_settings!({filters => $crate::tl::FILTERS.to_vec(), omit_expression => true}, {
            insta::assert_snapshot!($name, $run.text());
        });
    };
}
pub(crate) use snapshot;

/// What differs between runs.
pub(crate) const FILTERS: &[(&str, &str)] = &[
    (r"\b[0-9a-f]{24}\b", "[ID]"),
    (r"\d{4}-\d{2}-\d{2}T[0-9:.]+Z", "[TIME]"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
    // The number depends on the operating system.
    (r"\(os error \d+\)", "(os error [N])"),
    (r"\b\d+\.\d s\b", "[N] s"),
    (
        r#""(after|check|upload|processing|indexing)":[0-9.e-]+"#,
        r#""$1":"[N]""#,
    ),
];

//! Child processes: the command line is printed, the output streams, the exit code is checked, the wait can end.
//!
//! Which program is run, and why, is the business of the verbs.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// How often a child with a deadline is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long the rest of a stream is waited for when its child has ended.
const LEFT_BEHIND: Duration = Duration::from_secs(1);

/// How many lines of each stream are quoted of a child that failed.
const QUOTED_LINES: usize = 3;

/// A child process to be run.
#[derive(Debug)]
pub(crate) struct Program {
    command: Command,
    line: String,
    deadline: Option<Duration>,
}

/// What a child said, whether it succeeded or not.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Cargo, the same one that runs us.
pub(crate) fn cargo() -> Program {
    let path = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut program = Program::new(path);
    program.line = "cargo".into();
    // Cargo exports its view of *this* package to us. A build script that watches one of these
    // would see a change between `cargo xtask test` and the developer's own `cargo build`.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        }) {
            program.command.env_remove(name);
        }
    }
    program
}

impl Program {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(&program);
        // A question to nobody would wait for ever.
        command.stdin(Stdio::null());
        Self {
            command,
            line: program.as_ref().to_string_lossy().into_owned(),
            deadline: None,
        }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.line.push(' ');
        self.line.push_str(&quoted(&arg.as_ref().to_string_lossy()));
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        for arg in args {
            self = self.arg(arg);
        }
        self
    }

    /// Sets a variable for the child, and shows it in the printed command line.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let value = value.as_ref();
        self.line = format!("{name}={} {}", quoted(&value.to_string_lossy()), self.line);
        self.command.env(name, value);
        self
    }

    /// Sets or removes a variable for the child without a word.
    pub(crate) fn quiet_env(mut self, name: &OsStr, value: Option<&OsStr>) -> Self {
        match value {
            Some(value) => self.command.env(name, value),
            None => self.command.env_remove(name),
        };
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Ends the child when it has run for so long.
    pub(crate) fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Prints the command line, runs it with its output on our terminal.
    ///
    /// # Errors
    /// It cannot be started, ends with another code than 0, or does not end in time.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        eprintln!("$ {}", self.line);
        let child = self.command.spawn().map_err(|e| self.not_started(&e))?;
        let status = self.wait(child)?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("`{}` ended with {status}", self.line)))
        }
    }

    /// As [`Program::run`], and the failure carries the last lines that the child said.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub(crate) fn run_and_quote(mut self) -> Result<(), Failure> {
        eprintln!("$ {}", self.line);
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(|e| self.not_started(&e))?;
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let readers = [
            PassedOn::start(stdout, io::stdout()),
            PassedOn::start(stderr, io::stderr()),
        ];
        let status = self.wait(child)?;
        let words = readers.map(PassedOn::last_words).concat().join(" | ");
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "`{}` ended with {status}: {words}",
            self.line
        )))
    }

    /// Prints the command line, runs it with stderr on our terminal, and returns stdout.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub(crate) fn run_and_read(mut self) -> Result<String, Failure> {
        eprintln!("$ {}", self.line);
        self.command.stdout(Stdio::piped());
        let said = self.say()?;
        if said.success {
            Ok(said.stdout)
        } else {
            Err(Failure::new(format!("`{}` failed", self.line)))
        }
    }

    /// Runs it silently and returns stdout.
    ///
    /// # Errors
    /// As [`Program::run`]; the failure carries the last line of stderr.
    pub(crate) fn read(mut self) -> Result<String, Failure> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let said = self.say()?;
        if said.success {
            return Ok(said.stdout);
        }
        let last = said.stderr.lines().rfind(|line| !line.trim().is_empty());
        Err(Failure::new(format!(
            "`{}` failed: {}",
            self.line,
            last.unwrap_or("it said nothing")
        )))
    }

    /// Runs it silently; a failing child is an answer like any other.
    ///
    /// # Errors
    /// It cannot be started, or does not end in time.
    pub(crate) fn listen(mut self) -> Result<Said, Failure> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.say()
    }

    fn say(&mut self) -> Result<Said, Failure> {
        let mut child = self.command.spawn().map_err(|e| self.not_started(&e))?;
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let reader = thread::spawn(move || text_of(stderr));
        let writer = thread::spawn(move || text_of(stdout));
        let status = self.wait(child)?;
        let read = |thread: thread::JoinHandle<String>| {
            thread
                .join()
                .expect("reading a pipe into a string does not panic")
        };
        Ok(Said {
            success: status.success(),
            stdout: read(writer),
            stderr: read(reader),
        })
    }

    fn wait(&self, mut child: Child) -> Result<ExitStatus, Failure> {
        let lost = |e| Failure::io(format!("lost sight of `{}`", self.line), &e);
        let Some(deadline) = self.deadline else {
            return child.wait().map_err(lost);
        };
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().map_err(lost)? {
                return Ok(status);
            }
            if start.elapsed() >= deadline {
                child.kill().map_err(lost)?;
                child.wait().map_err(lost)?;
                return Err(Failure::new(format!(
                    "`{}` did not end within {} s and was stopped",
                    self.line,
                    deadline.as_secs()
                )));
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    fn not_started(&self, error: &io::Error) -> Failure {
        Failure::io(format!("could not start `{}`", self.line), error)
    }
}

/// A stream of a child that is passed on line by line, and its last lines that say something.
struct PassedOn {
    last: Arc<Mutex<VecDeque<String>>>,
    reader: thread::JoinHandle<()>,
}

impl PassedOn {
    fn start(
        pipe: Option<impl Read + Send + 'static>,
        mut to: impl Write + Send + 'static,
    ) -> Self {
        let last = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&last);
        let reader = thread::spawn(move || {
            let Some(pipe) = pipe else { return };
            let mut pipe = BufReader::new(pipe);
            let mut bytes = Vec::new();
            while matches!(pipe.read_until(b'\n', &mut bytes), Ok(1..)) {
                // A terminal that has gone is no reason to stop listening.
                let _ = to.write_all(&bytes).and_then(|()| to.flush());
                let line = String::from_utf8_lossy(&bytes).trim().to_owned();
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if !line.is_empty() {
                    kept.push_back(line);
                }
                if kept.len() > QUOTED_LINES {
                    kept.pop_front();
                }
                bytes.clear();
            }
        });
        Self { last, reader }
    }

    /// What was said last. Something that the child has left behind may hold the stream open: it is not waited for.
    fn last_words(self) -> Vec<String> {
        let start = Instant::now();
        while !self.reader.is_finished() && start.elapsed() < LEFT_BEHIND {
            thread::sleep(LOOK_AGAIN);
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter().cloned().collect()
    }
}

fn text_of(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What was read before an error is all that can be shown of it.
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The argument as it would be typed into a shell.
fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.to_owned()
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_printed_as_they_would_be_typed() {
        assert_eq!(quoted("--all-features"), "--all-features");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_failing_child_is_named_with_its_command_line_and_last_words() {
        let failure = Program::new("/bin/sh")
            .args(["-c", "echo first >&2; echo 'disk is full' >&2; exit 3"])
            .read()
            .unwrap_err()
            .to_string();
        assert!(failure.starts_with("`/bin/sh -c "), "{failure}");
        assert!(failure.ends_with("failed: disk is full"), "{failure}");
    }

    #[test]
    fn a_missing_program_is_said_to_be_not_startable() {
        let failure = Program::new("/nowhere/program").run().unwrap_err();
        assert!(
            failure
                .to_string()
                .starts_with("could not start `/nowhere/program`"),
            "{failure}"
        );
    }

    #[test]
    fn a_child_past_its_deadline_is_stopped() {
        let start = Instant::now();
        let failure = Program::new("/bin/sleep")
            .arg("60")
            .deadline(Duration::from_millis(100))
            .run()
            .unwrap_err();
        assert!(failure.to_string().contains("was stopped"), "{failure}");
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_failing_child_is_quoted_with_the_end_of_both_streams() {
        let failure = Program::new("/bin/sh")
            .args(["-c", "printf '%s\\n' 1 2 3 4 '' 5; echo 'what' >&2; exit 3"])
            .run_and_quote()
            .unwrap_err()
            .to_string();
        assert!(
            failure.ends_with("exit status: 3: 3 | 4 | 5 | what"),
            "{failure}"
        );
        assert!(Program::new("/bin/true").run_and_quote().is_ok());
    }

    #[test]
    fn what_a_child_leaves_behind_is_not_waited_for() {
        let start = Instant::now();
        let failure = Program::new("/bin/sh")
            .args(["-c", "sleep 60 & echo $!; exit 3"])
            .run_and_quote()
            .unwrap_err()
            .to_string();
        assert!(start.elapsed() < Duration::from_secs(30));
        let left = failure.rsplit(' ').next().unwrap();
        Program::new("/bin/kill").arg(left).run().unwrap();
    }

    #[test]
    fn variables_reach_the_child() {
        let said = Program::new("/bin/sh")
            .args(["-c", "printf %s \"$TL_XTASK_WORD\""])
            .env("TL_XTASK_WORD", "two words")
            .listen()
            .unwrap();
        assert_eq!((said.success, said.stdout.as_str()), (true, "two words"));
    }
}

//! Errors of a run of `ffmpeg`.

use std::fmt;
use std::io;

/// Kind of a [`ProgramError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProgramErrorKind {
    /// `ffmpeg` was not found. Install it; a retry does not help.
    Missing,
    /// `ffmpeg` reported a failure or could not be started. [`ProgramError::log`] has its messages.
    Failed,
    /// The program was not started because it could not be confined. [`ProgramError::log`] has the
    /// reason.
    NotConfined,
    /// The deadline expired; the program was killed.
    DeadlinePassed,
    /// The caller canceled, or the program was interrupted by a signal.
    Canceled,
    /// The output already exists, and the job does not allow overwriting it.
    Exists,
    /// The output could not be created, completed or read.
    Output,
}

/// A run of `ffmpeg` failed. No output is left behind.
///
/// `Display` shows what happened, the last messages of the program, and what to do next.
#[derive(Debug)]
pub struct ProgramError {
    kind: ProgramErrorKind,
    what: String,
    log: Vec<String>,
    source: Option<io::Error>,
}

impl ProgramError {
    pub(super) fn new(kind: ProgramErrorKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            log: Vec::new(),
            source: None,
        }
    }

    pub(super) fn missing(what: impl Into<String>) -> Self {
        Self::new(ProgramErrorKind::Missing, what)
    }

    pub(super) fn output(what: impl Into<String>, source: &io::Error) -> Self {
        Self::new(ProgramErrorKind::Output, what).with_source(source)
    }

    pub(super) fn with_source(mut self, source: &io::Error) -> Self {
        self.source = Some(io::Error::new(source.kind(), source.to_string()));
        self
    }

    pub(super) fn with_log(mut self, log: Vec<String>) -> Self {
        // A message with a trailing newline leaves a line that contains only its log level.
        let says = |line: &String| {
            let text = line.trim_start().strip_prefix('[');
            text.and_then(|rest| rest.split_once(']'))
                .is_none_or(|(_, text)| !text.trim().is_empty())
        };
        self.log = log.into_iter().filter(says).collect();
        self
    }

    /// Kind of the error.
    pub fn kind(&self) -> ProgramErrorKind {
        self.kind
    }

    /// What happened, as a clause without the program's log.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The last lines that the program wrote to standard error, oldest first, at most twenty.
    pub fn log(&self) -> &[String] {
        &self.log
    }

    /// What to do next, as a sentence.
    pub fn next(&self) -> &'static str {
        let says = |words: &str| self.log.iter().any(|line| line.contains(words));
        match self.kind {
            ProgramErrorKind::Missing => {
                "Install it (Debian, Ubuntu: `apt-get install ffmpeg`; macOS: `brew install ffmpeg`; Windows: \
                 `winget install ffmpeg`), or set FFMPEG to its path."
            }
            ProgramErrorKind::Failed if says("Unknown encoder") => {
                "This ffmpeg was built without the encoder; install a complete build (with libx264 and aac)."
            }
            ProgramErrorKind::Failed if says("No space left") => {
                "Free disk space, or write to another disk."
            }
            ProgramErrorKind::Failed => {
                "Run the command manually for its full output, or fix the file in a video editor."
            }
            ProgramErrorKind::NotConfined => {
                "Use a Linux kernel with Landlock and seccomp (5.13 or newer), or omit `--require-sandbox`."
            }
            ProgramErrorKind::DeadlinePassed => "Allow more time, or run it on a faster machine.",
            ProgramErrorKind::Canceled => "Run it again; nothing was left behind.",
            ProgramErrorKind::Exists => "Choose another name, or allow overwriting.",
            ProgramErrorKind::Output => "Check that the directory is writable and has free space.",
        }
    }
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.what)?;
        if let Some(last) = self.log.last() {
            write!(f, " ffmpeg: {}.", last.trim_end_matches('.'))?;
        }
        write!(f, " {}", self.next())
    }
}

impl std::error::Error for ProgramError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

//! One call of `ffmpeg`: inputs, arguments, and how long it may take. Outputs are named where it is run.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::Fix;

/// The containers an input may be: those a probe accepts. None of them opens other files or the network.
const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,gif,h264,hevc,m4v,\
                       dv,ivf,obu,mp3,wav,aac,flac,nut,rm,wtv,yuv4mpegpipe";

/// Largest single allocation of the program: a frame of 16384x16384 in 16 bits fits, a lying sample table does not.
const MAX_ALLOCATION_BYTES: &str = "2147483648";

/// Ends a run from another thread. Clones share one flag.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A handle that has not been used.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends every run that was given this handle, within 50 ms, and every later one at once.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was used.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One call of `ffmpeg`, without its output.
#[derive(Debug, Clone, Default)]
pub struct Job {
    arguments: Vec<OsString>,
    pub(super) expected_seconds: Option<f64>,
    pub(super) deadline: Option<Duration>,
    pub(super) cancel: Cancel,
    pub(super) overwrites: bool,
    pub(super) readable: Vec<PathBuf>,
    pub(super) max_memory: Option<u64>,
}

impl Job {
    /// A job without inputs and arguments, deadline and expectations.
    pub fn new() -> Self {
        Self::default()
    }

    /// The job that `fix` describes, on the file `input`.
    pub fn of_fix(fix: &Fix, input: &Path) -> Self {
        let mut job = Self::new();
        let mut words = fix.argv.iter().skip(1).peekable();
        while let Some(word) = words.next() {
            match word.as_str() {
                // Said for every job, and what exists is judged where the job is run.
                "-nostdin" | "-n" | "-y" => {}
                "-i" if words.peek().is_some_and(|next| *next == Fix::INPUT) => {
                    words.next();
                    job = job.input(input);
                }
                Fix::OUTPUT => {}
                _ => job = job.arg(word),
            }
        }
        job
    }

    /// Adds a media file as the next input. Options for it, such as `-ss`, come before, as arguments.
    #[must_use]
    pub fn input(mut self, path: impl AsRef<Path>) -> Self {
        let words = [
            "-protocol_whitelist",
            "file",
            "-format_whitelist",
            FORMATS,
            "-i",
        ];
        self.arguments.extend(words.map(OsString::from));
        let path = absolute(path.as_ref());
        self.arguments.push(as_file(&path));
        self.reads(path)
    }

    /// Names a file that the program reads beside its inputs. A confined program can open no other file.
    #[must_use]
    pub fn reads(mut self, path: impl AsRef<Path>) -> Self {
        self.readable.push(absolute(path.as_ref()));
        self
    }

    /// Private memory that a confined program may use, in bytes. By default 8 GiB.
    #[must_use]
    pub fn max_memory(mut self, bytes: u64) -> Self {
        self.max_memory = Some(bytes);
        self
    }

    /// Adds an argument as it is.
    #[must_use]
    pub fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.arguments.push(word.as_ref().to_owned());
        self
    }

    /// Adds arguments as they are.
    #[must_use]
    pub fn args<W: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.arguments
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// How much media the job will write, in seconds, so that progress can be told as a share.
    #[must_use]
    pub fn expects_seconds(mut self, seconds: f64) -> Self {
        self.expected_seconds =
            Some(seconds).filter(|seconds| seconds.is_finite() && *seconds > 0.0);
        self
    }

    /// The time after which the run is ended. None by default.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The handle that ends the run early.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Allows an existing output file to be replaced, once the new one is whole. Not so by default.
    #[must_use]
    pub fn overwriting(mut self, overwrites: bool) -> Self {
        self.overwrites = overwrites;
        self
    }

    /// The whole argument list after the program's name and before the output.
    pub fn argv(&self) -> Vec<OsString> {
        // The temporary file is new, so `-y` replaces nothing of the user's.
        let progress = ["-y", "-stats_period", "0.25", "-progress", "pipe:1"];
        self.with(&progress)
    }

    /// The argument list where standard output carries the result, so that there is no progress.
    pub(super) fn argv_for_lines(&self) -> Vec<OsString> {
        let mut argv = self.with(&[]);
        argv.push(OsString::from("pipe:1"));
        argv
    }

    fn with(&self, more: &[&str]) -> Vec<OsString> {
        let before = [
            "-nostdin",
            "-hide_banner",
            "-loglevel",
            "level+warning",
            "-nostats",
            "-max_alloc",
            MAX_ALLOCATION_BYTES,
        ];
        before
            .iter()
            .chain(more)
            .map(OsString::from)
            .chain(self.arguments.iter().cloned())
            .collect()
    }
}

/// The name as a file, never as an option, an address or a device.
pub(super) fn as_file(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

fn absolute(path: &Path) -> PathBuf {
    // Fails only for an empty path, which ffmpeg then refuses by name.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

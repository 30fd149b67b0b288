//! One call of `ffmpeg`: inputs, arguments and limits. The output is passed to the methods that run
//! it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::remedy::fix::Fix;

/// The allowed input containers: those that a probe accepts. None of them opens other files or the
/// network.
const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,gif,h264,hevc,m4v,\
                       dv,ivf,obu,mp3,wav,aac,flac,nut,rm,wtv,yuv4mpegpipe";

/// Largest single allocation of the program. It suffices for a frame of 16384x16384 at 16 bits, but
/// not for a sample table with a false size.
const MAX_ALLOCATION_BYTES: &str = "2147483648";

/// Cancels a run from another thread. Clones share one flag.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Creates a handle that is not canceled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels every run that uses this handle, within 50 ms, and every later one immediately.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`Cancel::cancel`] has been called.
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
    /// Creates a job without inputs, arguments, deadline and expected duration.
    pub fn new() -> Self {
        Self::default()
    }

    /// The job that applies `fix` to the file `input`.
    pub fn of_fix(fix: &Fix, input: &Path) -> Self {
        let mut job = Self::new();
        let mut words = fix.argv.iter().skip(1).peekable();
        while let Some(word) = words.next() {
            match word.as_str() {
                // These are set for every job. Whether to overwrite is decided when the job runs.
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

    /// Adds a media file as the next input. Add options for it, such as `-ss`, before it as
    /// arguments.
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

    /// Declares a file that the program reads in addition to its inputs. A confined program cannot
    /// open any other file.
    #[must_use]
    pub fn reads(mut self, path: impl AsRef<Path>) -> Self {
        self.readable.push(absolute(path.as_ref()));
        self
    }

    /// Private memory that a confined program may use, in bytes. Default: 8 GiB.
    #[must_use]
    pub fn max_memory(mut self, bytes: u64) -> Self {
        self.max_memory = Some(bytes);
        self
    }

    /// Adds an argument unchanged.
    #[must_use]
    pub fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.arguments.push(word.as_ref().to_owned());
        self
    }

    /// Adds arguments unchanged.
    #[must_use]
    pub fn args<W: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.arguments
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Expected duration of the output in seconds, to report progress as a fraction.
    #[must_use]
    pub fn expects_seconds(mut self, seconds: f64) -> Self {
        self.expected_seconds =
            Some(seconds).filter(|seconds| seconds.is_finite() && *seconds > 0.0);
        self
    }

    /// Maximum run time. Default: none.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The handle that cancels the run.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Allows replacing an existing output file once the new one is complete. Default: not allowed.
    #[must_use]
    pub fn overwriting(mut self, overwrites: bool) -> Self {
        self.overwrites = overwrites;
        self
    }

    /// The argument list between the program's name and the output.
    pub fn argv(&self) -> Vec<OsString> {
        // The temporary file is new, so `-y` does not overwrite a file of the user.
        let progress = ["-y", "-stats_period", "0.25", "-progress", "pipe:1"];
        self.with(&progress)
    }

    /// The argument list if standard output carries the result, so that there is no progress.
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

/// An absolute path, which `ffmpeg` cannot interpret as an option, a URL or a device.
pub(super) fn as_file(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

fn absolute(path: &Path) -> PathBuf {
    // Fails only for an empty path, which `ffmpeg` then rejects.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

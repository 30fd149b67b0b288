//! Runs the `ffmpeg` program with progress, deadline and cancellation, and writes outputs
//! atomically. A [`Fix`](crate::Fix), `split` or the caller provides the arguments.
//!
//! ```no_run
//! use std::path::Path;
//! use tl_validate::program::{Ffmpeg, Job};
//!
//! let ffmpeg = Ffmpeg::find()?;
//! let job = Job::new().input("clip.mkv").args(["-map", "0:V:0", "-c", "copy", "-f", "mp4"]);
//! ffmpeg.write(&job, Path::new("clip.mp4"), &mut |progress| eprintln!("{:.1} s", progress.out_seconds))?;
//! # Ok::<(), tl_validate::program::ProgramError>(())
//! ```
//!
//! Every call blocks until the program has exited. From async code, call it on a blocking thread.
//! The program gets no standard input and only the environment variables that it needs to start.
//! Its inputs can only be files of known container formats. It is killed if the call ends early.
//! For untrusted media, [`Ffmpeg::confined_by`] adds a sandbox.

mod error;
mod job;
mod output;
mod progress;
mod run;

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

pub use error::{ProgramError, ProgramErrorKind};
pub use job::{Cancel, Job};
pub use progress::Progress;

pub use output::put_in_place;
use output::{Scratch, TempOutput};
use run::Call;

use crate::sandbox::confinement::Confinement;

/// Timeout of `ffmpeg -version`, which takes 30 to 100 ms.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Default limit on the private memory of a confined program. Encoding 4K with look-ahead takes 1
/// to 3 GB.
const MAX_MEMORY_BYTES: u64 = 8 << 30;

/// Address space per byte of private memory. Threads reserve far more than they use: 64 MiB each in
/// glibc.
const ADDRESS_SPACE_FACTOR: u64 = 4;

/// The largest file that a confined program may write: larger than the size limit of every route,
/// with room for unexpected output.
const MAX_OUTPUT_BYTES: u64 = 64 << 30;

/// How far a small result may exceed its limit before the program is killed.
const MAX_EXCESS_BYTES: u64 = 16 << 20;

/// CPU time per second of media. Software encoding of 4K takes 10 to 40 s on one processor.
const CPU_SECONDS_PER_SECOND: u64 = 500;

/// CPU time for a run of unknown length, such as listing the packets of a large file.
const BASE_CPU_SECONDS: u64 = 4 * 3600;

/// The `ffmpeg` program on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ffmpeg {
    path: PathBuf,
    launcher: Option<Launcher>,
}

/// The helper that confines the program (see [`Ffmpeg::confined_by`]).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Launcher {
    path: PathBuf,
    required: bool,
}

impl Ffmpeg {
    /// The environment variable with the path of the program, if it is not on `PATH`.
    pub const VARIABLE: &'static str = "FFMPEG";

    /// Finds the program: the one named by `FFMPEG`, or else the first `ffmpeg` on `PATH`.
    ///
    /// # Errors
    /// [`ProgramErrorKind::Missing`] with installation instructions.
    pub fn find() -> Result<Self, ProgramError> {
        let named = std::env::var_os(Self::VARIABLE).filter(|value| !value.is_empty());
        Self::find_in(named, std::env::var_os("PATH"))
    }

    fn find_in(named: Option<OsString>, search: Option<OsString>) -> Result<Self, ProgramError> {
        if let Some(named) = named {
            let path = PathBuf::from(named);
            // A bare name is looked up on `PATH`, like `ffmpeg` itself.
            if path.components().count() > 1 || path.is_absolute() {
                return Self::at(path);
            }
            return on_path(&path, search).map(Self::of).ok_or_else(|| {
                ProgramError::missing(format!(
                    "`{}`, named by FFMPEG, is not on PATH",
                    path.display()
                ))
            });
        }
        let name = format!("ffmpeg{}", std::env::consts::EXE_SUFFIX);
        on_path(Path::new(&name), search)
            .map(Self::of)
            .ok_or_else(|| ProgramError::missing("the program `ffmpeg` was not found on PATH"))
    }

    /// The program at `path`.
    ///
    /// # Errors
    /// [`ProgramErrorKind::Missing`] if the file does not exist.
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, ProgramError> {
        let path = path.into();
        let absolute = std::path::absolute(&path).unwrap_or(path);
        if absolute.is_file() {
            Ok(Self::of(absolute))
        } else {
            Err(ProgramError::missing(format!(
                "`{}` is not a file",
                absolute.display()
            )))
        }
    }

    fn of(path: PathBuf) -> Self {
        Self {
            path,
            launcher: None,
        }
    }

    /// Starts the program through `launcher`, a helper such as `tl-probe`. Use this for untrusted
    /// media.
    ///
    /// On Linux the program can then open only its inputs, its output and the system's libraries
    /// (Landlock), cannot open connections or start processes (seccomp), has no capabilities except
    /// the one to open files of other users, and is killed when this process ends. Memory, CPU time
    /// and file sizes are limited on every Unix. Protections that an older kernel does not support
    /// are skipped, unless `required` is set.
    #[must_use]
    pub fn confined_by(mut self, launcher: impl Into<PathBuf>, required: bool) -> Self {
        self.launcher = Some(Launcher {
            path: launcher.into(),
            required,
        });
        self
    }

    /// Whether the program is started through a helper that confines it.
    pub fn is_confined(&self) -> bool {
        self.launcher.is_some()
    }

    /// Path of the program.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version reported by the program, such as `5.1.9-0+deb12u1`.
    ///
    /// # Errors
    /// [`ProgramErrorKind::Failed`] if it does not run or is not `ffmpeg`.
    pub fn version(&self) -> Result<String, ProgramError> {
        let mut command = Command::new(&self.path);
        command.arg("-version").stdout(Stdio::piped());
        let job = Job::new().deadline(VERSION_TIMEOUT);
        let mut first = None;
        // This call reads no media.
        let call = Call {
            command,
            confined: false,
        };
        run::run(call, &job, &mut |line| {
            if first.is_none() {
                first = Some(line.to_owned());
            }
        })?;
        let first = first.unwrap_or_default();
        first
            .strip_prefix("ffmpeg version ")
            .and_then(|rest| rest.split_whitespace().next())
            .map(str::to_owned)
            .ok_or_else(|| {
                ProgramError::new(
                    ProgramErrorKind::Failed,
                    format!(
                        "`{}` is not ffmpeg: it printed `{first}`",
                        self.path.display()
                    ),
                )
            })
    }

    /// Runs `job` and writes the file `output` atomically, through a temporary file.
    ///
    /// Returns the size of the file in bytes. The job (`-f`) or the file name determines the
    /// format.
    ///
    /// # Errors
    /// Every [`ProgramErrorKind`]. No partial file is left behind, and an existing file is not
    /// changed.
    pub fn write(
        &self,
        job: &Job,
        output: &Path,
        tell: &mut dyn FnMut(Progress),
    ) -> Result<u64, ProgramError> {
        let output = TempOutput::file(output, job.overwrites)?;
        let mut call = self.call(job, output.temporary(), MAX_OUTPUT_BYTES);
        call.command
            .args(job.argv())
            .arg(job::as_file(output.temporary()));
        Self::follow(call, job, tell)?;
        output.persist()
    }

    /// Runs `job` inside a new temporary directory, which is renamed to `folder` on success. The
    /// job specifies its outputs itself, relative to the directory. Its inputs are made absolute.
    ///
    /// # Errors
    /// Every [`ProgramErrorKind`]. No partial directory is left behind, and an existing one is not
    /// changed.
    pub fn write_folder(
        &self,
        job: &Job,
        folder: &Path,
        tell: &mut dyn FnMut(Progress),
    ) -> Result<(), ProgramError> {
        let output = TempOutput::folder(folder)?;
        let mut call = self.call(job, output.temporary(), MAX_OUTPUT_BYTES);
        call.command
            .args(job.argv())
            .current_dir(output.temporary());
        Self::follow(call, job, tell)?;
        output.persist().map(|_| ())
    }

    /// Runs `job` and passes each line of its standard output to `line`, for example for lists of
    /// packets.
    ///
    /// # Errors
    /// Every [`ProgramErrorKind`] except those about outputs.
    pub fn lines(&self, job: &Job, line: &mut dyn FnMut(&str)) -> Result<(), ProgramError> {
        let mut call = self.call(job, None, 0);
        call.command.args(job.argv_for_lines());
        run::run(call, job, line)
    }

    /// Runs `job` and returns its standard output, at most `max_bytes`. For images and other small
    /// results.
    ///
    /// # Errors
    /// Every [`ProgramErrorKind`]. [`ProgramErrorKind::Output`] also if the output is empty or
    /// larger than `max_bytes`.
    pub fn bytes(&self, job: &Job, max_bytes: u64) -> Result<Vec<u8>, ProgramError> {
        let scratch = Scratch::new()?;
        // A slightly oversized output is reported below; `bound` only keeps a much larger one from
        // filling the disk.
        let bound = max_bytes.saturating_add(MAX_EXCESS_BYTES);
        let mut call = self.call(job, scratch.path().parent(), bound);
        call.command
            .args(job.argv())
            .arg(job::as_file(scratch.path()));
        Self::follow(call, job, &mut |_| {})?;
        let mut bytes = Vec::new();
        let read = File::open(scratch.path()).and_then(|file| {
            file.take(max_bytes.saturating_add(1))
                .read_to_end(&mut bytes)
        });
        match read {
            Ok(_) => {}
            // If there is no frame to write, the program creates no file and succeeds: the output
            // has 0 bytes.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(ProgramError::output(
                    "ffmpeg succeeded, but its result cannot be read",
                    &error,
                ));
            }
        }
        if bytes.is_empty() || bytes.len() as u64 > max_bytes {
            return Err(ProgramError::new(
                ProgramErrorKind::Output,
                format!(
                    "ffmpeg wrote {} bytes (allowed: 1 to {max_bytes})",
                    bytes.len()
                ),
            ));
        }
        Ok(bytes)
    }

    /// The start of the command line: the program, or the launcher that restricts it to the inputs
    /// of `job` and to `output`.
    fn call<'a>(&self, job: &Job, output: impl Into<Option<&'a Path>>, file_bytes: u64) -> Call {
        let Some(launcher) = &self.launcher else {
            return Call {
                command: Command::new(&self.path),
                confined: false,
            };
        };
        let data_bytes = job.max_memory.unwrap_or(MAX_MEMORY_BYTES);
        let confinement = Confinement {
            data_bytes,
            address_space_bytes: data_bytes.saturating_mul(ADDRESS_SPACE_FACTOR),
            cpu_seconds: cpu_seconds(job),
            file_bytes,
            parent: std::process::id(),
            required: launcher.required,
            readable: job.readable.clone(),
            writable: output.into().map(Path::to_owned).into_iter().collect(),
        };
        let mut command = Command::new(&launcher.path);
        command.args(confinement.to_arguments()).arg(&self.path);
        Call {
            command,
            confined: true,
        }
    }

    fn follow(call: Call, job: &Job, tell: &mut dyn FnMut(Progress)) -> Result<(), ProgramError> {
        let mut reader = progress::Reader::new(job.expected_seconds);
        run::run(call, job, &mut |line| {
            if let Some(progress) = reader.line(line) {
                tell(progress);
            }
        })
    }
}

/// The CPU time limit of a run, summed over all threads: every processor until the deadline, or
/// otherwise many times what the slowest encoder needs for the expected duration.
fn cpu_seconds(job: &Job) -> u64 {
    if let Some(deadline) = job.deadline {
        let processors = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        return deadline
            .as_secs()
            .saturating_add(1)
            .saturating_mul(processors);
    }
    // The cast saturates; the value is finite and positive.
    let expected = job.expected_seconds.unwrap_or(0.0).ceil() as u64;
    expected
        .saturating_mul(CPU_SECONDS_PER_SECOND)
        .saturating_add(BASE_CPU_SECONDS)
}

fn on_path(name: &Path, search: Option<OsString>) -> Option<PathBuf> {
    // A relative entry of PATH would make the result depend on the working directory.
    std::env::split_paths(&search?)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| is_program(path))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

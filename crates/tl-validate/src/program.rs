//! Running the `ffmpeg` program: finding it, one call with progress, deadline and canceling, and a result that is either
//! whole or absent. What the call does is said elsewhere: by a [`Fix`](crate::Fix), by `split`, or by the caller.
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
//! Every call blocks until the program has ended; from asynchronous code call it on a thread that may block. The program
//! gets no standard input, no environment but what it needs to start, inputs that can be files of known containers only,
//! and it is killed when the call ends early. For media from strangers, [`Ffmpeg::confined_by`] adds a sandbox.

mod error;
mod job;
mod place;
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

pub use place::put_in_place;
use place::{Place, Scratch};
use run::Call;

use crate::confine::Confinement;

/// How long `ffmpeg -version` may take; it takes 30 to 100 ms.
const VERSION_PATIENCE: Duration = Duration::from_secs(10);

/// Private memory of a confined program where a job sets no other. Encoding 4K with look-ahead takes 1 to 3 GB.
const MAX_MEMORY_BYTES: u64 = 8 << 30;

/// Address space per byte of private memory. Threads reserve far more of it than they use: 64 MiB each in glibc.
const ADDRESS_SPACE_FACTOR: u64 = 4;

/// The largest file that a confined program may write: beyond what any route of the platform takes, with room for what a
/// plan did not expect.
const MAX_OUTPUT_BYTES: u64 = 64 << 30;

/// How much a small result may exceed its bound before the program is killed.
const MAX_EXCESS_BYTES: u64 = 16 << 20;

/// CPU time for a second of media. Encoding 4K by software takes 10 to 40 s on one processor.
const CPU_SECONDS_PER_SECOND: u64 = 500;

/// CPU time for a run whose length is not known, such as listing the packets of a large file.
const BASE_CPU_SECONDS: u64 = 4 * 3600;

/// The `ffmpeg` program of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ffmpeg {
    path: PathBuf,
    launcher: Option<Launcher>,
}

/// The helper that confines the program, see [`Ffmpeg::confined_by`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct Launcher {
    path: PathBuf,
    required: bool,
}

impl Ffmpeg {
    /// The variable that names the program, where it is not on the search path.
    pub const VARIABLE: &'static str = "FFMPEG";

    /// Finds the program: the one named by `FFMPEG`, else the first `ffmpeg` on `PATH`.
    ///
    /// # Errors
    /// [`ProgramErrorKind::Missing`], which says how to install it.
    pub fn find() -> Result<Self, ProgramError> {
        let named = std::env::var_os(Self::VARIABLE).filter(|value| !value.is_empty());
        Self::find_in(named, std::env::var_os("PATH"))
    }

    fn find_in(named: Option<OsString>, search: Option<OsString>) -> Result<Self, ProgramError> {
        if let Some(named) = named {
            let path = PathBuf::from(named);
            // A bare name is looked for like `ffmpeg` itself.
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
    /// [`ProgramErrorKind::Missing`] when there is no file.
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

    /// Starts the program through `launcher`, a helper such as `tl-probe`, for media from strangers.
    ///
    /// On Linux the program can then open only its inputs, its output and the system's libraries (Landlock), makes no
    /// connections and starts no processes (seccomp), has no capabilities but the right to open files of other users, and
    /// ends with this process. Its memory, CPU time and the size of its files are bounded everywhere. What an older kernel
    /// lacks is left out, unless `required`.
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

    /// Where the program is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The program's own name for its version, such as `5.1.9-0+deb12u1`.
    ///
    /// # Errors
    /// [`ProgramErrorKind::Failed`] when it does not run or is no `ffmpeg`.
    pub fn version(&self) -> Result<String, ProgramError> {
        let mut command = Command::new(&self.path);
        command.arg("-version").stdout(Stdio::piped());
        let job = Job::new().deadline(VERSION_PATIENCE);
        let mut first = None;
        // It reads no media.
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
                    format!("`{}` is not ffmpeg: it says `{first}`", self.path.display()),
                )
            })
    }

    /// Runs `job` into the file `output`, which comes to be there whole, under a temporary name before.
    ///
    /// Gives the size of the file in bytes. Its format follows from the job (`-f`) or from the name.
    ///
    /// # Errors
    /// Every [`ProgramErrorKind`]; no partial file stays behind, and an existing one stays as it was.
    pub fn write(
        &self,
        job: &Job,
        output: &Path,
        tell: &mut dyn FnMut(Progress),
    ) -> Result<u64, ProgramError> {
        let place = Place::file(output, job.overwrites)?;
        let mut call = self.call(job, place.temporary(), MAX_OUTPUT_BYTES);
        call.command
            .args(job.argv())
            .arg(job::as_file(place.temporary()));
        Self::follow(call, job, tell)?;
        place.keep()
    }

    /// Runs `job` inside a new folder that becomes `folder` when all is good. The job names its outputs itself, relative
    /// to the folder; its inputs are made absolute.
    ///
    /// # Errors
    /// Every [`ProgramErrorKind`]; no partial folder stays behind, and an existing one is not touched.
    pub fn write_folder(
        &self,
        job: &Job,
        folder: &Path,
        tell: &mut dyn FnMut(Progress),
    ) -> Result<(), ProgramError> {
        let place = Place::folder(folder)?;
        let mut call = self.call(job, place.temporary(), MAX_OUTPUT_BYTES);
        call.command.args(job.argv()).current_dir(place.temporary());
        Self::follow(call, job, tell)?;
        place.keep().map(|_| ())
    }

    /// Runs `job` and gives each line of what it writes to `line`, as text: for lists of packets and the like.
    ///
    /// # Errors
    /// Every [`ProgramErrorKind`] but those about outputs.
    pub fn lines(&self, job: &Job, line: &mut dyn FnMut(&str)) -> Result<(), ProgramError> {
        let mut call = self.call(job, None, 0);
        call.command.args(job.argv_for_lines());
        run::run(call, job, line)
    }

    /// Runs `job` and gives what it wrote, at most `max_bytes`: for pictures and other small results.
    ///
    /// # Errors
    /// Every [`ProgramErrorKind`]; [`ProgramErrorKind::Output`] also when there are more bytes than allowed, or none.
    pub fn bytes(&self, job: &Job, max_bytes: u64) -> Result<Vec<u8>, ProgramError> {
        let scratch = Scratch::new()?;
        // What is a little too large is reported below; what is far too large fills no disk.
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
            // Without a frame to write, the program makes no file and ends well: that is a result of 0 bytes.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(ProgramError::output(
                    "ffmpeg ended well, but its result cannot be read",
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

    /// The start of the command line: the program, or the launcher that confines it to what `job` reads and to `output`.
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

/// What the threads of a run may use together: each processor until the deadline, or else many times what the slowest
/// encoder needs for the expected media.
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
    // A relative entry of PATH would make the program depend on where `tl` is run.
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

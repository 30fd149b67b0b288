//! Output directory of FFmpeg: target paths, progress, and protection of existing files.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;
use tl_validate::program::{Cancel, Ffmpeg, Progress, put_in_place};

use crate::context::Context;
use crate::failure::Failure;
use crate::ffmpeg::error::ffmpeg_failure;
use crate::ffmpeg::sandbox;
use crate::runtime::interrupt;
use crate::text::path_name::path_name;
use crate::ui::escape::plain_line;

/// FFmpeg, the output directory, and cancellation by a signal.
pub(crate) struct OutputDir<'a> {
    pub(crate) ffmpeg: Ffmpeg,
    pub(crate) cancel: Cancel,
    context: &'a Context,
    folder: PathBuf,
    force: bool,
    /// Files written by this run. They are never overwritten, even with `--force`.
    written: Vec<PathBuf>,
}

impl<'a> OutputDir<'a> {
    /// Finds `ffmpeg`, creates the directory, and listens for signals.
    pub(crate) fn new(
        context: &'a Context,
        folder: &Path,
        force: bool,
        require_sandbox: bool,
    ) -> Result<Self, Failure> {
        let ffmpeg = sandbox::ffmpeg(require_sandbox)?;
        fs::create_dir_all(folder).map_err(|error| {
            Failure::usage(format!(
                "failed to create the directory `{}`",
                folder.display()
            ))
            .with_source(&error)
            .hint("pass another directory to --out")
        })?;
        Ok(Self {
            ffmpeg,
            cancel: interrupt::listen()?,
            context,
            folder: folder.to_owned(),
            force,
            written: Vec::new(),
        })
    }

    /// Returns the target path with this name. Fails if it would overwrite a file of the user.
    pub(crate) fn target(&self, source: &Path, name: &str) -> Result<PathBuf, Failure> {
        let target = self.folder.join(name);
        if self.written.contains(&target) {
            return Err(Failure::usage(format!(
                "`{}` was already written for another file with the same name",
                target.display()
            ))
            .with_file(&path_name(source))
            .hint("run the command once per file, with different --out directories"));
        }
        if is_same_file(source, &target) {
            return Err(Failure::usage(format!(
                "`{}` is the source file, which is never modified",
                target.display()
            ))
            .hint("pass another directory to --out"));
        }
        if !self.force && target.symlink_metadata().is_ok() {
            return Err(
                Failure::usage(format!("`{}` already exists", target.display()))
                    .hint("pass --force to overwrite it, or another directory to --out"),
            );
        }
        if target.is_dir() {
            return Err(
                Failure::usage(format!("`{}` is a directory", target.display()))
                    .hint("pass another directory to --out"),
            );
        }
        Ok(target)
    }

    /// Creates a temporary directory next to the targets for unchecked results. It is removed on
    /// drop.
    pub(crate) fn temp_dir(&self) -> Result<TempDir, Failure> {
        tempfile::Builder::new()
            .prefix(".tl-tmp-")
            .tempdir_in(&self.folder)
            .map_err(|error| {
                Failure::usage(format!(
                    "failed to write to the directory `{}`",
                    self.folder.display()
                ))
                .with_source(&error)
                .hint("pass another directory to --out")
            })
    }

    /// Moves a checked file to its target.
    pub(crate) fn persist(&mut self, from: &Path, target: &Path) -> Result<(), Failure> {
        put_in_place(from, target, self.force).map_err(|error| ffmpeg_failure(&error))?;
        self.written.push(target.to_owned());
        Ok(())
    }

    /// Returns the progress bar for `name`, visible only on a terminal.
    pub(crate) fn progress(&self, name: &str) -> JobProgress {
        let bar = (std::io::stderr().is_terminal() && !self.context.output.is_quiet()).then(|| {
            let bar = ProgressBar::new(1000);
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent}% {wide_msg}") {
                bar.set_style(style);
            }
            self.context.output.bars().add(bar)
        });
        JobProgress {
            bar,
            name: plain_line(name),
        }
    }
}

/// Progress of one file.
pub(crate) struct JobProgress {
    bar: Option<ProgressBar>,
    name: String,
}

impl JobProgress {
    pub(crate) fn update(&self, progress: &Progress) {
        let Some(bar) = &self.bar else { return };
        if let Some(fraction) = progress.fraction {
            // The fraction is between 0 and 1.
            bar.set_position((fraction * 1000.0) as u64);
        }
        let speed = progress
            .speed
            .map(|speed| format!(", {speed:.1}x"))
            .unwrap_or_default();
        bar.set_message(format!(
            "{}: {:.0} s{speed}",
            self.name, progress.out_seconds
        ));
    }
}

impl Drop for JobProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Whether both paths lead to the same file, links included.
fn is_same_file(a: &Path, b: &Path) -> bool {
    let (Ok(a_meta), Ok(b_meta)) = (a.metadata(), b.metadata()) else {
        return false;
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        a_meta.dev() == b_meta.dev() && a_meta.ino() == b_meta.ino()
    }
    #[cfg(not(unix))]
    {
        let _ = (a_meta, b_meta);
        a.canonicalize().ok() == b.canonicalize().ok()
    }
}

/// The file name without its extension.
pub(crate) fn file_stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

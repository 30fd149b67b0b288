//! Sandbox of untrusted media: `ffmpeg` runs through the helper, and `--require-sandbox` is checked
//! before anything is read.

use tl_validate::program::Ffmpeg;

use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ffmpeg::error::ffmpeg_failure;

/// Returns `ffmpeg`, started through the helper if there is one.
///
/// Without a helper, it runs unconfined unless `required`.
pub(crate) fn ffmpeg(required: bool) -> Result<Ffmpeg, Failure> {
    let ffmpeg = Ffmpeg::find().map_err(|error| ffmpeg_failure(&error))?;
    match launcher() {
        Ok(launcher) => Ok(ffmpeg.confined_by(launcher, required)),
        Err(missing) if required => Err(missing),
        Err(_) => Ok(ffmpeg),
    }
}

#[cfg(unix)]
fn launcher() -> Result<std::path::PathBuf, Failure> {
    Ok(tl_validate::worker::find_helper(None)?)
}

#[cfg(not(unix))]
fn launcher() -> Result<std::path::PathBuf, Failure> {
    Err(incomplete("no sandbox helper on this operating system"))
}

/// Error of `--require-sandbox`.
pub(crate) fn incomplete(state: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        "sandbox_incomplete",
        format!("incomplete media sandbox: {state}"),
    )
    .hint("use a Linux kernel with Landlock and seccomp (5.13 or newer), or omit --require-sandbox")
}

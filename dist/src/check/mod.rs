//! Installs each package in a clean environment and uses it. The output is a transcript.
//!
//! Tarball and `.deb` are installed in a chroot with the smallest Debian that has an older C library
//! than the machine that builds; the wheel and the npm packages in an empty folder, without the
//! environment of the caller and without network.

mod bindings;
mod chroot;
mod node;
mod python;
mod release;
mod shell;
mod sources;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::cmd;

use crate::package::Kind;
use crate::workspace::Workspace;

/// Runs the checks of these kinds, or of all. With `--release` first, requires that the packages
/// name their publisher.
///
/// # Errors
/// If a package is missing, cannot be installed, or does not do what it should.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    let (for_release, kinds) = match arguments {
        ["--release", kinds @ ..] => (true, kinds),
        kinds => (false, kinds),
    };
    let kinds = Kind::named(kinds)?;
    if for_release {
        release::check(workspace, &kinds)?;
    }
    let clips = Clips::make(workspace)?;
    for kind in kinds {
        let file = crate::package::file_of(workspace, kind);
        ensure!(
            file.is_file(),
            "no {}\n  hint: run `cargo run -p tl-dist -- package` first",
            file.display()
        );
        println!(
            "== {}",
            file.file_name().unwrap_or_default().to_string_lossy()
        );
        match kind {
            Kind::Tarball => chroot::tarball(workspace, &file, &clips)
                .and_then(|()| chroot::container(workspace, &file, &clips)),
            Kind::Deb => chroot::deb(workspace, &file, &clips),
            Kind::Wheel => python::wheel(workspace, &file, &clips),
            Kind::Bindings => bindings::wheel(workspace, &file, &clips),
            Kind::Npm => node::npm(workspace, &file, &clips),
            Kind::Sources => sources::archive(workspace, &file),
        }
        .with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// A clip that passes and one that is too small, made with the machine's `ffmpeg`.
pub(crate) struct Clips {
    pub(crate) good: PathBuf,
    pub(crate) small: PathBuf,
}

impl Clips {
    fn make(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.fresh("clips")?;
        let clip = |name: &str, size: &str| -> Result<PathBuf> {
            let path = folder.join(name);
            let sh = &workspace.sh;
            let source = format!("testsrc2=size={size}:rate=25:duration=6");
            cmd!(
                sh,
                "ffmpeg -nostdin -loglevel error -y -f lavfi -i {source} -f lavfi -i sine=duration=6 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -shortest {path}"
            )
            .quiet()
            .run()?;
            Ok(path)
        };
        Ok(Self {
            good: clip("good.mp4", "640x360")?,
            small: clip("small.mp4", "160x120")?,
        })
    }

    fn copy_to(&self, workspace: &Workspace, folder: &Path) -> Result<()> {
        for clip in [&self.good, &self.small] {
            workspace.sh.copy_file(clip, folder)?;
        }
        Ok(())
    }
}

/// Commands that use an installed `tl`, with the exit code that each must have. They run in a folder
/// with both clips.
const FIRST_USE: [(&str, i32); 6] = [
    ("tl --version", 0),
    ("tl-probe --version", 0),
    ("tl validate good.mp4", 0),
    ("tl validate small.mp4", 3),
    ("tl emulator exec -- tl index create films", 0),
    (
        "tl emulator exec -- sh -c 'tl ingest good.mp4 --index $(tl -q index create films) --wait'",
        0,
    ),
];

//! `tl-VERSION-ARCH-linux.tar.gz`: a folder with `install.sh` and the files of a prefix.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::cmd;

use super::{set_mode, tree};
use crate::binaries::Binaries;
use crate::release::Release;
use crate::workspace::{ARCH, Workspace};

fn name(workspace: &Workspace) -> String {
    format!("tl-{}-{ARCH}-linux", workspace.version())
}

pub(super) fn file_name(workspace: &Workspace) -> String {
    format!("{}.tar.gz", name(workspace))
}

pub(super) fn make(workspace: &Workspace, built: &Binaries) -> Result<PathBuf> {
    let sh = &workspace.sh;
    let (work, name) = (workspace.fresh("tarball")?, name(workspace));
    let folder = work.join(&name);
    tree::write(workspace, built, &folder)?;
    // Also beside the tarball, for an installation by one command.
    let script = Release::read(workspace)?
        .fill(include_str!("../../install.sh"))
        .replace("@VERSION@", workspace.version());
    for place in [
        folder.join("install.sh"),
        workspace.packages().join("install.sh"),
    ] {
        sh.write_file(&place, &script)?;
        set_mode(&place, 0o755)?;
    }
    set_mode(&folder, 0o755)?;
    let archive = workspace.packages().join(file_name(workspace));
    pack(workspace, &work, &name, &archive)?;
    Ok(archive)
}

/// A compressed tar archive that depends on the content alone. `-n` omits the time from gzip's
/// header.
fn pack(workspace: &Workspace, from: &Path, name: &str, archive: &Path) -> Result<()> {
    let sh = &workspace.sh;
    let tar = archive.with_extension("");
    pack_tar(workspace, from, name, &tar)?;
    cmd!(sh, "gzip -9 --no-name --force {tar}").quiet().run()?;
    Ok(())
}

/// A tar archive that depends on the content and the modes alone.
pub(super) fn pack_tar(workspace: &Workspace, from: &Path, name: &str, tar: &Path) -> Result<()> {
    let sh = &workspace.sh;
    let time = format!("@{}", workspace.epoch);
    cmd!(
        sh,
        "tar --create --file {tar} --directory {from} --sort=name --format=gnu --mtime={time} --owner=root:0 --group=root:0 {name}"
    )
    .quiet()
    .run()?;
    Ok(())
}

//! A Debian package, made by `dpkg-deb`. cargo-deb would build the programs itself, with the system's
//! FFmpeg, and does not know these binaries; beyond that it writes the same three files as below.

use std::path::PathBuf;

use anyhow::{Result, bail};
use xshell::cmd;

use super::{NAME, set_mode, tree};
use crate::binaries::{Binaries, GLIBC};
use crate::release::Release;
use crate::workspace::{ARCH, Workspace};

pub(super) fn file_name(workspace: &Workspace) -> String {
    format!(
        "{NAME}_{}_{}.deb",
        workspace.version(),
        architecture().unwrap_or(ARCH)
    )
}

/// Debian's name of the processor.
fn architecture() -> Result<&'static str> {
    Ok(match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => bail!("Debian's name of the processor `{other}` is not known"),
    })
}

pub(super) fn make(workspace: &Workspace, built: &Binaries) -> Result<PathBuf> {
    let sh = &workspace.sh;
    let root = workspace.fresh("deb")?.join("root");
    let usr = root.join("usr");
    tree::write(workspace, built, &usr)?;
    let docs = usr.join("share/doc").join(NAME);
    let release = Release::read(workspace)?;
    let copyright = release.fill(include_str!("../../deb/copyright"));
    sh.write_file(docs.join("copyright"), copyright)?;
    set_mode(&docs.join("copyright"), 0o644)?;
    // Debian compresses manual pages and the changelog.
    for folder in [usr.join("share/man/man1"), docs.clone()] {
        for file in sh.read_dir(folder)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(".1") || name == "CHANGELOG.md" {
                cmd!(sh, "gzip -9 --no-name {file}").quiet().run()?;
            }
        }
    }
    let zsh = usr.join("share/zsh");
    sh.create_dir(zsh.join("vendor-completions"))?;
    std::fs::rename(
        zsh.join("site-functions/_tl"),
        zsh.join("vendor-completions/_tl"),
    )?;
    sh.remove_path(zsh.join("site-functions"))?;
    let installed = cmd!(sh, "du --summarize --apparent-size --block-size=1024 {usr}")
        .quiet()
        .read()?;
    let control = release
        .fill(include_str!("../../deb/control"))
        .replace("@VERSION@", workspace.version())
        .replace("@ARCHITECTURE@", architecture()?)
        .replace("@GLIBC@", GLIBC)
        .replace("@SIZE@", installed.split_whitespace().next().unwrap_or("0"));
    let debian = root.join("DEBIAN");
    sh.write_file(debian.join("control"), control)?;
    for folder in [&root, &usr, &debian] {
        set_mode(folder, 0o755)?;
    }
    set_mode(&zsh.join("vendor-completions"), 0o755)?;
    set_mode(&debian.join("control"), 0o644)?;
    let package = workspace.packages().join(file_name(workspace));
    // It takes times from SOURCE_DATE_EPOCH only for newer files.
    let time = format!("@{}", workspace.epoch);
    let each = "{}";
    cmd!(
        sh,
        "find {root} -exec touch --no-dereference --date={time} {each} +"
    )
    .quiet()
    .run()?;
    cmd!(
        sh,
        "dpkg-deb --build --root-owner-group -Zgzip {root} {package}"
    )
    .quiet()
    .ignore_stdout()
    .run()?;
    Ok(package)
}

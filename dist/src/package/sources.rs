//! `tl-VERSION-sources.tar`: the sources of everything that is linked into `tl-probe`, so that the
//! packages come with them, as the LGPL 2.1 allows in section 6 (d): "equivalent access to copy the
//! above specified materials from the same place".
//!
//! | Folder | Content |
//! |---|---|
//! | `libraries` | the archives of FFmpeg and zlib, verified by their hashes |
//! | `libc` | Debian's source package of the C library, verified by apt |
//! | `crates` | the Rust crates in `tl-probe`, verified by `Cargo.lock` |
//! | `tl` | this repository: `tl`, `tl-probe`, patches, configuration, and `dist`, which links them |

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use xshell::cmd;

use crate::workspace::Workspace;
use crate::{digest, ffmpeg};

const README: &str = include_str!("../../ffmpeg/RELINK.txt");

fn name(workspace: &Workspace) -> String {
    format!("tl-{}-sources", workspace.version())
}

pub(super) fn file_name(workspace: &Workspace) -> String {
    format!("{}.tar", name(workspace))
}

pub(super) fn make(workspace: &Workspace) -> Result<PathBuf> {
    let sh = &workspace.sh;
    let (work, name) = (workspace.fresh("sources")?, name(workspace));
    let folder = work.join(&name);
    let libraries = folder.join("libraries");
    sh.create_dir(&libraries)?;
    for archive in ffmpeg::archives(workspace)? {
        sh.copy_file(archive, &libraries)?;
    }
    copy_libc(workspace, &folder.join("libc"))?;
    copy_crates(workspace, &folder.join("crates"))?;
    let tree = folder.join("tl");
    sh.create_dir(&tree)?;
    let archive = work.join("tl.tar");
    cmd!(sh, "git archive --output {archive} HEAD")
        .quiet()
        .run()
        .context("the sources of tl are those of the last commit, so git is needed")?;
    cmd!(sh, "tar --extract --file {archive} --directory {tree}")
        .quiet()
        .run()?;
    sh.write_file(folder.join("README.txt"), README)?;
    let packed = workspace.packages().join(file_name(workspace));
    // The archives in it are compressed already.
    super::tarball::pack_tar(workspace, &work, &name, &packed)?;
    Ok(packed)
}

/// The source package of the C library that the linker of this machine takes.
fn copy_libc(workspace: &Workspace, to: &Path) -> Result<()> {
    let sh = &workspace.sh;
    let format = "${source:Package}=${source:Version}";
    let package = cmd!(sh, "dpkg-query --show --showformat={format} libc6-dev")
        .quiet()
        .read()
        .context("the source of the C library is known on Debian only")?;
    let package = package.trim();
    let kept = workspace
        .folder
        .join("sources")
        .join(package.replace('=', "_"));
    if !kept.join("finished").exists() {
        sh.remove_path(&kept)?;
        sh.create_dir(&kept)?;
        fetch_libc(workspace, package, &kept)?;
        sh.write_file(kept.join("finished"), "")?;
    }
    sh.create_dir(to)?;
    let mut copied = 0;
    for file in sh.read_dir(&kept)? {
        if file.is_file() && !file.ends_with("finished") {
            sh.copy_file(&file, to)?;
            copied += 1;
        }
    }
    ensure!(copied >= 3, "{package} has {copied} source files");
    Ok(())
}

/// Downloads with its own list of sources, because a machine rarely has `deb-src` entries. apt
/// verifies the signature of the list, and the hashes in it.
fn fetch_libc(workspace: &Workspace, package: &str, to: &Path) -> Result<()> {
    let sh = &workspace.sh;
    let apt = workspace.fresh("apt")?;
    let lists = apt.join("lists");
    sh.create_dir(lists.join("partial"))?;
    let release = sh.read_file("/etc/os-release")?;
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .context("/etc/os-release has no VERSION_CODENAME")?;
    let entries: Vec<String> = [
        ("debian", codename.to_owned()),
        ("debian", format!("{codename}-updates")),
        ("debian-security", format!("{codename}-security")),
    ]
    .into_iter()
    .map(|(archive, suite)| format!("deb-src http://deb.debian.org/{archive} {suite} main\n"))
    .collect();
    let list = apt.join("sources.list");
    sh.write_file(&list, entries.concat())?;
    // `_apt`, the user that apt downloads as, may not enter the folder.
    let options = [
        format!("Dir::Etc::SourceList={}", list.display()),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        format!("Dir::State::Lists={}", lists.display()),
        format!("Dir::Cache={}", apt.display()),
        "APT::Sandbox::User=root".to_owned(),
    ];
    let options = &options
        .into_iter()
        .flat_map(|option| ["-o".to_owned(), option])
        .collect::<Vec<String>>();
    cmd!(sh, "apt-get {options...} --quiet=2 update")
        .quiet()
        .ignore_stdout()
        .run()?;
    let _there = sh.push_dir(to);
    cmd!(
        sh,
        "apt-get {options...} --quiet=2 source --download-only --only-source {package}"
    )
    .quiet()
    .ignore_stdout()
    .run()
    .with_context(|| {
        format!("{package} is not in Debian's archive any more: update libc6-dev and build again")
    })?;
    Ok(())
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    /// Crates of the workspace have none.
    checksum: Option<String>,
}

/// The crates that are compiled for `tl-probe`, as cargo downloaded them.
fn copy_crates(workspace: &Workspace, to: &Path) -> Result<()> {
    let sh = &workspace.sh;
    sh.create_dir(to)?;
    let lock: Lock = toml::from_str(&sh.read_file(workspace.root.join("Cargo.lock"))?)?;
    let cache = workspace.cargo_home()?.join("registry/cache");
    let registries = sh.read_dir(&cache).unwrap_or_default();
    let format = "{p}";
    let tree = cmd!(
        sh,
        "cargo tree --quiet --locked --package tl-dist-probe --edges normal,build --prefix none --no-dedupe --format {format}"
    )
    .quiet()
    .read()?;
    let mut copied = 0;
    for locked in &lock.package {
        let Some(checksum) = &locked.checksum else {
            continue;
        };
        let (name, version) = (&locked.name, &locked.version);
        let mark = format!("{name} v{version}");
        if !tree.lines().any(|line| is_package(line, &mark)) {
            continue;
        }
        let file = format!("{name}-{version}.crate");
        let found = registries
            .iter()
            .map(|registry| registry.join(&file))
            .find(|path| path.is_file());
        let Some(found) = found else {
            bail!("{file} is not in {}", cache.display());
        };
        let sha256 = digest::hex_of_file(&found)?;
        ensure!(
            sha256 == *checksum,
            "{file}: SHA-256 {sha256}, expected {checksum}"
        );
        sh.copy_file(&found, to)?;
        copied += 1;
    }
    ensure!(copied > 0, "cargo tree lists no crates");
    Ok(())
}

/// Whether a line of `cargo tree` is the package `mark`, which notes such as `(proc-macro)` follow.
fn is_package(line: &str, mark: &str) -> bool {
    line.strip_prefix(mark)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::is_package;

    #[test]
    fn versions_are_compared_as_a_whole() {
        assert!(is_package("serde v1.0.2", "serde v1.0.2"));
        assert!(is_package(
            "serde_derive v1.0.2 (proc-macro)",
            "serde_derive v1.0.2"
        ));
        assert!(!is_package("serde v1.0.22", "serde v1.0.2"));
        assert!(!is_package("serde_json v1.0.2", "serde v1.0.2"));
    }
}

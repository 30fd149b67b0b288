//! Packages of the two programs. Every file in a package has the time of the last commit, the owner
//! root and a fixed mode, so that two builds are equal.

mod archive;
mod bindings;
mod deb;
mod npm;
mod sources;
mod tarball;
mod tree;
mod wheel;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::binaries::{self, Binaries};
use crate::release::Release;
use crate::workspace::Workspace;
use crate::{digest, ffmpeg};

/// The name of the packages: that of the crate, see `docs/decisions/11-package-names.md`.
pub(crate) const NAME: &str = "twelvelabs-cli";

/// Kinds of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Tarball,
    Deb,
    Wheel,
    /// The Python module of the check, `bindings/python`.
    Bindings,
    Npm,
    /// The sources of the libraries that are linked statically.
    Sources,
}

impl Kind {
    const ALL: [(&'static str, Self); 6] = [
        ("tarball", Self::Tarball),
        ("deb", Self::Deb),
        ("wheel", Self::Wheel),
        ("bindings", Self::Bindings),
        ("npm", Self::Npm),
        ("sources", Self::Sources),
    ];

    /// All kinds, by name.
    pub(crate) fn names() -> impl Iterator<Item = (&'static str, Self)> {
        Self::ALL.into_iter()
    }

    /// The kinds with these names; all of them without any.
    pub(crate) fn named(names: &[&str]) -> Result<Vec<Self>> {
        if names.is_empty() {
            return Ok(Self::ALL.map(|(_, kind)| kind).to_vec());
        }
        let find = |name: &&str| match Self::ALL.iter().find(|(known, _)| known == name) {
            Some((_, kind)) => Ok(*kind),
            None => bail!(
                "no kind of package `{name}` (there are: {})",
                Self::ALL.map(|(name, _)| name).join(", ")
            ),
        };
        names.iter().map(find).collect()
    }
}

/// Makes packages and lists them in `SHA256SUMS`.
/// With `--prebuilt` first, of the programs that are there already.
pub(crate) fn make(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    let (prebuilt, kinds) = match arguments {
        ["--prebuilt", kinds @ ..] => (true, kinds),
        kinds => (false, kinds),
    };
    let kinds = Kind::named(kinds)?;
    let built = if prebuilt {
        binaries::existing(workspace)?
    } else {
        binaries::build(workspace)?
    };
    workspace.sh.create_dir(workspace.packages())?;
    let built = Binaries {
        notices: write_notices(workspace, &built)?,
        ..built
    };
    for kind in kinds {
        for file in one(workspace, &built, kind)? {
            println!("{}", file.display());
        }
    }
    write_sums(workspace)
}

/// Copies what describes the build, and adds `NOTICE.txt`, which names the place of the sources.
fn write_notices(workspace: &Workspace, built: &Binaries) -> Result<PathBuf> {
    let sh = &workspace.sh;
    let notices = workspace.fresh("notices")?;
    for file in sh.read_dir(&built.notices)? {
        sh.copy_file(file, &notices)?;
    }
    let text = Release::read(workspace)?
        .fill(&ffmpeg::notice())
        .replace("@SOURCES@", &sources::file_name(workspace));
    sh.write_file(notices.join("NOTICE.txt"), text)?;
    Ok(notices)
}

fn one(workspace: &Workspace, built: &Binaries, kind: Kind) -> Result<Vec<PathBuf>> {
    Ok(match kind {
        Kind::Tarball => vec![tarball::make(workspace, built)?],
        Kind::Deb => vec![deb::make(workspace, built)?],
        Kind::Wheel => vec![wheel::make(workspace, built)?],
        Kind::Bindings => vec![bindings::make(workspace, built)?],
        Kind::Npm => npm::make(workspace, built)?,
        Kind::Sources => vec![sources::make(workspace)?],
    })
}

/// The file that is the package of this kind and version.
pub(crate) fn file_of(workspace: &Workspace, kind: Kind) -> PathBuf {
    let packages = workspace.packages();
    match kind {
        Kind::Tarball => packages.join(tarball::file_name(workspace)),
        Kind::Deb => packages.join(deb::file_name(workspace)),
        Kind::Wheel => packages.join(wheel::file_name(workspace)),
        Kind::Bindings => packages.join(bindings::file_name(workspace)),
        Kind::Npm => packages.join(npm::file_name(workspace, NAME)),
        Kind::Sources => packages.join(sources::file_name(workspace)),
    }
}

/// In the format of `sha256sum --check`.
pub(crate) fn write_sums(workspace: &Workspace) -> Result<()> {
    let packages = workspace.packages();
    let mut lines = Vec::new();
    for path in workspace.sh.read_dir(&packages)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name != SUMS {
            lines.push(format!("{}  {name}\n", digest::hex_of_file(&path)?));
        }
    }
    workspace
        .sh
        .write_file(packages.join(SUMS), lines.concat())?;
    Ok(())
}

pub(crate) const SUMS: &str = "SHA256SUMS";

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_by_name() {
        assert_eq!(Kind::named(&["deb"]).unwrap(), [Kind::Deb]);
        assert_eq!(Kind::named(&[]).unwrap().len(), Kind::ALL.len());
        assert!(
            Kind::named(&["rpm"])
                .unwrap_err()
                .to_string()
                .contains("tarball, deb")
        );
    }
}

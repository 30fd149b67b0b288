//! Source archives: where they are, and the hash that they must have.

use std::path::PathBuf;

use anyhow::{Result, bail};
use xshell::cmd;

use super::LinkedLibrary;
use crate::digest;
use crate::workspace::Workspace;

pub(super) struct Source {
    name: &'static str,
    /// Tried in this order. Debian's pool drops a file when its last release with it ends, and the
    /// archive of snapshots (by SHA-1) keeps it.
    addresses: [&'static str; 2],
    /// From the signed `.dsc` of Debian's source package.
    pub(super) sha256: &'static str,
    /// The folder in the archive.
    pub(super) folder: &'static str,
}

/// The version of Debian 12, which the dynamic build links too: the facts of both must be equal.
pub(super) const FFMPEG: Source = Source {
    name: "ffmpeg_5.1.9.orig.tar.xz",
    addresses: [
        "https://deb.debian.org/debian/pool/main/f/ffmpeg/ffmpeg_5.1.9.orig.tar.xz",
        "https://snapshot.debian.org/file/c42a24a256e3e9f4b989835bcd1e3b1dbe9bb853",
    ],
    sha256: "d9b593bb2ba93d4b50f74177e0cdcd41747e708596367deed0c30348a71dd176",
    folder: "ffmpeg-5.1.9",
};

pub(super) const ZLIB: Source = Source {
    name: "zlib_1.2.13.dfsg.orig.tar.bz2",
    addresses: [
        "https://deb.debian.org/debian/pool/main/z/zlib/zlib_1.2.13.dfsg.orig.tar.bz2",
        "https://snapshot.debian.org/file/4fec854a7c5fe543e44c12afa365642c0e6b5ded",
    ],
    sha256: "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1",
    folder: "zlib-1.2.13.dfsg",
};

impl Source {
    /// The library that is built from this source.
    pub(super) const fn linked(
        &self,
        name: &'static str,
        version: &'static str,
        license: &'static str,
    ) -> LinkedLibrary {
        LinkedLibrary {
            name,
            version,
            license,
            address: self.addresses[0],
            sha256: self.sha256,
        }
    }

    /// The verified archive in `target/dist/sources`.
    ///
    /// # Errors
    /// If no address has it, or the bytes are others.
    pub(super) fn fetch(&self, workspace: &Workspace) -> Result<PathBuf> {
        let sh = &workspace.sh;
        let folder = workspace.folder.join("sources");
        sh.create_dir(&folder)?;
        let archive = folder.join(self.name);
        if archive.exists() && digest::hex_of_file(&archive)? == self.sha256 {
            return Ok(archive);
        }
        let part = folder.join(format!("{}.part", self.name));
        let mut seen = Vec::new();
        for address in self.addresses {
            let curl = cmd!(
                sh,
                "curl --silent --show-error --fail --location --retry 3 --max-time 600 --output {part} {address}"
            );
            if let Err(error) = curl.quiet().run() {
                seen.push(format!("{address}: {error}"));
                continue;
            }
            let sha256 = digest::hex_of_file(&part)?;
            if sha256 == self.sha256 {
                std::fs::rename(&part, &archive)?;
                return Ok(archive);
            }
            seen.push(format!(
                "{address}: SHA-256 {sha256}, expected {}",
                self.sha256
            ));
        }
        bail!("{} cannot be fetched:\n  {}", self.name, seen.join("\n  "))
    }

    /// Name, address and hash.
    pub(super) fn describe(&self) -> String {
        format!(
            "{}\n    {}\n    SHA-256 {}",
            self.name, self.addresses[0], self.sha256
        )
    }
}

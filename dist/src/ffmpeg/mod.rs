//! A minimal static FFmpeg, built from pinned sources. `source` fetches and verifies; this module
//! patches, configures and builds.
//!
//! The result is a prefix of static archives. Its name contains a hash of everything that determines
//! it, so that a changed recipe is built again and an unchanged one is not.

mod source;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::cmd;

use crate::digest;
use crate::workspace::Workspace;
use source::{FFMPEG, Source, ZLIB};

/// Each with the name under which it is shipped.
const PATCHES: [(&str, &str); 3] = [
    (
        "ffmpeg-av1-pixel-format.patch",
        include_str!("../../ffmpeg/av1-pixel-format.patch"),
    ),
    (
        "ffmpeg-parameters-without-decoding.patch",
        include_str!("../../ffmpeg/parameters-without-decoding.patch"),
    ),
    (
        "ffmpeg-unused-work.patch",
        include_str!("../../ffmpeg/unused-work.patch"),
    ),
];
const CONFIGURE: &str = include_str!("../../ffmpeg/configure.txt");
/// Before `configure.txt`. Paths are relative to the build folder, because FFmpeg embeds the line in
/// the library.
const SET_UP: [&str; 3] = [
    "--prefix=/usr/local",
    "--extra-cflags=-ffunction-sections -fdata-sections -I../prefix/include",
    "--extra-ldflags=-L../prefix/lib",
];

/// A library that is linked into `tl-probe`, for its bill of materials.
pub(crate) struct LinkedLibrary {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) license: &'static str,
    pub(crate) address: &'static str,
    pub(crate) sha256: &'static str,
}

/// FFmpeg and what is linked with it.
pub(crate) const LIBRARIES: [LinkedLibrary; 2] = [
    FFMPEG.linked("ffmpeg", "5.1.9", "LGPL-2.1-or-later"),
    ZLIB.linked("zlib", "1.2.13", "Zlib"),
];

/// A built FFmpeg.
pub(crate) struct StaticFfmpeg {
    /// Contains `lib`, `include` and `lib/pkgconfig`.
    pub(crate) prefix: PathBuf,
    /// License texts, sources, patch and configuration, to ship with the binaries.
    pub(crate) notices: PathBuf,
}

/// Builds FFmpeg, unless the same recipe has been built before.
///
/// # Errors
/// If a source cannot be fetched or has another hash, or a tool is missing (nasm, make, a C
/// compiler, patch, tar, curl).
pub(crate) fn build(workspace: &Workspace) -> Result<StaticFfmpeg> {
    let recipe = [
        &PATCHES.map(|(_, patch)| patch).concat(),
        CONFIGURE,
        FFMPEG.sha256,
        ZLIB.sha256,
        &SET_UP.concat(),
    ]
    .concat();
    let folder = workspace
        .folder
        .join("ffmpeg")
        .join(&digest::hex(recipe.as_bytes())[..16]);
    let built = StaticFfmpeg {
        prefix: folder.join("prefix"),
        notices: folder.join("notices"),
    };
    let finished = folder.join("finished");
    if finished.exists() {
        return Ok(built);
    }
    workspace.sh.remove_path(&folder)?;
    workspace.sh.create_dir(&built.prefix)?;
    let zlib = unpack(workspace, &ZLIB, &folder)?;
    let ffmpeg = unpack(workspace, &FFMPEG, &folder)?;
    build_zlib(workspace, &zlib, &built.prefix)?;
    build_ffmpeg(workspace, &ffmpeg, &folder)?;
    install(workspace, &folder, &built.prefix)?;
    write_notices(workspace, &zlib, &ffmpeg, &built.notices)?;
    workspace.sh.write_file(finished, "")?;
    Ok(built)
}

fn unpack(workspace: &Workspace, source: &Source, folder: &Path) -> Result<PathBuf> {
    let archive = source.fetch(workspace)?;
    let sh = &workspace.sh;
    cmd!(sh, "tar -xf {archive} -C {folder}").quiet().run()?;
    Ok(folder.join(source.folder))
}

fn jobs() -> String {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .to_string()
}

fn build_zlib(workspace: &Workspace, zlib: &Path, prefix: &Path) -> Result<()> {
    let sh = &workspace.sh;
    let jobs = jobs();
    let _there = sh.push_dir(zlib);
    let _flags = sh.push_env("CFLAGS", "-O3 -fPIC");
    cmd!(sh, "./configure --static")
        .quiet()
        .ignore_stdout()
        .run()?;
    cmd!(sh, "make -s -j{jobs} libz.a")
        .quiet()
        .ignore_stdout()
        .run()?;
    sh.create_dir(prefix.join("lib"))?;
    sh.create_dir(prefix.join("include"))?;
    for (file, to) in [
        ("libz.a", "lib"),
        ("zlib.h", "include"),
        ("zconf.h", "include"),
    ] {
        sh.copy_file(zlib.join(file), prefix.join(to))?;
    }
    Ok(())
}

/// The options of `configure.txt`.
fn options() -> impl Iterator<Item = &'static str> {
    CONFIGURE
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn build_ffmpeg(workspace: &Workspace, ffmpeg: &Path, folder: &Path) -> Result<()> {
    let sh = &workspace.sh;
    let jobs = jobs();
    {
        let _there = sh.push_dir(ffmpeg);
        for (_, patch) in PATCHES {
            cmd!(sh, "patch --silent -p1").stdin(patch).quiet().run()?;
        }
    }
    let build = folder.join("build");
    sh.create_dir(&build)?;
    let _there = sh.push_dir(build);
    let configure = Path::new("..").join(FFMPEG.folder).join("configure");
    let options = options();
    cmd!(sh, "{configure} {SET_UP...} {options...}")
        .quiet()
        .ignore_stdout()
        .run()
        .context("FFmpeg's configure failed; its reasons are at the end of ffbuild/config.log")?;
    eprintln!("building FFmpeg: a few minutes");
    cmd!(sh, "make -s -j{jobs}")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()?;
    let stage = folder.join("stage");
    cmd!(sh, "make -s install-libs install-headers DESTDIR={stage}")
        .quiet()
        .ignore_stdout()
        .run()?;
    Ok(())
}

/// Copies what was installed for `/usr/local` to the prefix, and corrects the folder in the files of
/// pkg-config.
fn install(workspace: &Workspace, folder: &Path, prefix: &Path) -> Result<()> {
    let sh = &workspace.sh;
    let installed = folder.join("stage/usr/local");
    cmd!(sh, "cp -R {installed}/. {prefix}").quiet().run()?;
    for file in sh.read_dir(prefix.join("lib/pkgconfig"))? {
        let text = sh.read_file(&file)?;
        let prefix = prefix.display().to_string();
        sh.write_file(&file, text.replace("/usr/local", &prefix))?;
    }
    Ok(())
}

/// What the LGPL asks a distributor of a statically linked library to pass on.
fn write_notices(workspace: &Workspace, zlib: &Path, ffmpeg: &Path, notices: &Path) -> Result<()> {
    let sh = &workspace.sh;
    sh.create_dir(notices)?;
    sh.copy_file(ffmpeg.join("COPYING.LGPLv2.1"), notices)?;
    let zlib_header = sh.read_file(zlib.join("zlib.h"))?;
    let license = zlib_header
        .split_once("/*")
        .and_then(|(_, rest)| rest.split_once("*/"))
        .context("zlib.h has no license comment")?
        .0;
    sh.write_file(notices.join("zlib-LICENSE.txt"), license.trim())?;
    for (name, patch) in PATCHES {
        sh.write_file(notices.join(name), patch)?;
    }
    let line: Vec<&str> = SET_UP.into_iter().chain(options()).collect();
    sh.write_file(
        notices.join("ffmpeg-configure.txt"),
        format!("{}\n", line.join("\n")),
    )?;
    Ok(())
}

/// The text of `NOTICE.txt` with names, addresses and hashes of the sources.
pub(crate) fn notice() -> String {
    include_str!("../../ffmpeg/NOTICE.txt")
        .replace("@FFMPEG@", &FFMPEG.describe())
        .replace("@ZLIB@", &ZLIB.describe())
}

/// The verified source archives of the libraries that are linked statically.
pub(crate) fn archives(workspace: &Workspace) -> Result<[PathBuf; 2]> {
    Ok([FFMPEG.fetch(workspace)?, ZLIB.fetch(workspace)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_sources() {
        for library in LIBRARIES {
            assert!(
                library.address.contains(library.version),
                "{}",
                library.name
            );
        }
    }

    #[test]
    fn configuration_is_lgpl_and_has_no_network() {
        let options: Vec<&str> = options().collect();
        for forbidden in [
            "--enable-gpl",
            "--enable-nonfree",
            "--enable-version3",
            "--enable-network",
        ] {
            assert!(!options.contains(&forbidden), "{forbidden}");
        }
        for needed in [
            "--disable-network",
            "--disable-everything",
            "--disable-autodetect",
        ] {
            assert!(options.contains(&needed), "{needed}");
        }
        assert!(!options.iter().any(|option| option.contains("protocol")));
    }

    #[test]
    fn configuration_embeds_no_absolute_path() {
        let line = SET_UP.into_iter().chain(options());
        for option in line.filter(|option| *option != "--prefix=/usr/local") {
            assert!(!option.contains("=/") && !option.contains("I/"), "{option}");
        }
    }
}

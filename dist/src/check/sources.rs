//! The archive of sources: complete, and with the hashes that the build requires.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::cmd;

use crate::workspace::Workspace;
use crate::{digest, ffmpeg};

pub(super) fn archive(workspace: &Workspace, file: &Path) -> Result<()> {
    let sh = &workspace.sh;
    let work = workspace.fresh("sources-check")?;
    cmd!(
        sh,
        "tar --extract --file {file} --directory {work} --strip-components=1"
    )
    .quiet()
    .run()?;
    for archive in ffmpeg::archives(workspace)? {
        let name = archive.file_name().context("an archive has a name")?;
        let there = work.join("libraries").join(name);
        ensure!(
            digest::hex_of_file(&there)? == digest::hex_of_file(&archive)?,
            "{} is another file",
            there.display()
        );
        println!("  {}", name.to_string_lossy());
    }
    check_libc(workspace, &work.join("libc"))?;
    let crates = sh.read_dir(work.join("crates"))?;
    let names: Vec<String> = crates
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    for needed in ["ffmpeg-sys-next-", "ffmpeg-next-", "serde_json-"] {
        ensure!(
            names.iter().any(|name| name.starts_with(needed)),
            "no crate {needed}*"
        );
    }
    println!("  {} crates", names.len());
    for needed in [
        "README.txt",
        "tl/dist/ffmpeg/configure.txt",
        "tl/dist/probe/Cargo.toml",
        "tl/crates/tl-cli/src/bin/tl-probe.rs",
        "tl/Cargo.lock",
    ] {
        ensure!(work.join(needed).is_file(), "no {needed}");
    }
    Ok(())
}

/// The files of the source package are those that its description lists.
fn check_libc(workspace: &Workspace, folder: &Path) -> Result<()> {
    let files = workspace.sh.read_dir(folder)?;
    let description = files
        .iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "dsc"))
        .context("no .dsc of the C library")?;
    let listed = listed_hashes(&workspace.sh.read_file(description)?);
    ensure!(
        listed.len() >= 2,
        "{} lists no files",
        description.display()
    );
    for (name, sha256) in &listed {
        ensure!(
            digest::hex_of_file(&folder.join(name))? == *sha256,
            "{name} is another file than {} lists",
            description.display()
        );
        println!("  {name}");
    }
    Ok(())
}

/// Names and hashes of the field `Checksums-Sha256` of a `.dsc`.
fn listed_hashes(description: &str) -> BTreeMap<String, String> {
    description
        .lines()
        .skip_while(|line| *line != "Checksums-Sha256:")
        .skip(1)
        .map_while(|line| line.strip_prefix(' '))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let sha256 = words.next()?.to_owned();
            Some((words.nth(1)?.to_owned(), sha256))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::listed_hashes;

    #[test]
    fn only_the_sha256_field_is_read() {
        let text = "Files:\n aa 1 x\nChecksums-Sha256:\n bb 12 x.orig.tar.xz\n cc 3 x.debian.tar.xz\nSection: libs\n dd 4 y\n";
        let listed: Vec<_> = listed_hashes(text).into_iter().collect();
        let pair = |name: &str, hash: &str| (name.to_owned(), hash.to_owned());
        assert_eq!(
            listed,
            [pair("x.debian.tar.xz", "cc"), pair("x.orig.tar.xz", "bb")]
        );
    }
}

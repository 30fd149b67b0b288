//! Makes the packages, or `tl-probe` alone, a second time, from a copy of the sources in another
//! folder, and compares the hashes.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use xshell::cmd;

use crate::package::{self, Kind, SUMS};
use crate::workspace::Workspace;
use crate::{binaries, digest};

/// Everything. The bindings are made again in the same folder, but from nothing: they are a workspace
/// of their own, and cargo hashes the path of a crate outside of the workspace into its symbols.
///
/// # Errors
/// If the first packages are missing, or a hash differs.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let sh = &workspace.sh;
    let first = sh.read_file(workspace.packages().join(SUMS))?;
    let second = copy(workspace)?;
    let kinds = Kind::names().filter(|(_, kind)| *kind != Kind::Bindings);
    let kinds: Vec<&str> = kinds.map(|(name, _)| name).collect();
    package::make(&second, &kinds)?;
    sh.remove_path(workspace.bindings_target())?;
    package::make(workspace, &["--prebuilt", "bindings"])?;
    let bindings = package::file_of(workspace, Kind::Bindings);
    sh.copy_file(bindings, second.packages())?;
    package::write_sums(&second)?;
    let again = sh.read_file(second.packages().join(SUMS))?;
    let mut differing = 0;
    for (one, other) in first.lines().zip(again.lines()) {
        differing += usize::from(!compare(one, other));
    }
    ensure!(
        first.lines().count() == again.lines().count(),
        "the lists of packages differ"
    );
    ensure!(differing == 0, "{differing} packages differ");
    Ok(())
}

/// FFmpeg and `tl-probe` alone, which takes minutes instead of half an hour.
///
/// # Errors
/// If the program cannot be built, or the hash differs.
pub(crate) fn probe(workspace: &Workspace) -> Result<()> {
    let first = binaries::build_probe_only(workspace)?;
    let second = copy(workspace)?;
    let again = binaries::build_probe_only(&second)?;
    let line =
        |path: &Path| -> Result<String> { Ok(format!("{}  tl-probe", digest::hex_of_file(path)?)) };
    ensure!(
        compare(&line(&first)?, &line(&again)?),
        "the programs differ: {} and {}",
        first.display(),
        again.display()
    );
    Ok(())
}

/// Prints the comparison of two lines with a hash.
fn compare(one: &str, other: &str) -> bool {
    let same = one == other;
    println!("{} {one}", if same { "same     " } else { "DIFFERENT" });
    same
}

/// The sources in a folder of another name and depth.
fn copy(workspace: &Workspace) -> Result<Workspace> {
    let sh = &workspace.sh;
    let root = workspace
        .fresh("second")?
        .join("a-folder-with-another-name");
    let from = &workspace.root;
    // Tracked files only: what is not committed is not in the packages of a release.
    cmd!(sh, "git clone --quiet --local --no-hardlinks {from} {root}")
        .quiet()
        .run()?;
    let target: PathBuf = root.join("target/dist");
    let second = Workspace::of(root, target)?;
    // The archives are verified by their hashes, so they need not be fetched again.
    let sources = workspace.folder.join("sources");
    let to = &second.folder;
    cmd!(sh, "cp -R {sources} {to}").quiet().run()?;
    Ok(second)
}

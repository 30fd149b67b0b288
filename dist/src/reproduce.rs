//! Makes all packages a second time, from a copy of the sources in another folder, and compares the
//! hashes.

use anyhow::{Result, ensure};
use xshell::cmd;

use crate::package::{self, SUMS};
use crate::workspace::Workspace;

/// # Errors
/// If the first packages are missing, or a hash differs.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let sh = &workspace.sh;
    let first = sh.read_file(workspace.packages().join(SUMS))?;
    let root = workspace
        .fresh("second")?
        .join("a-folder-with-another-name");
    let from = &workspace.root;
    // Tracked files only: what is not committed is not in the packages of a release.
    cmd!(sh, "git clone --quiet --local --no-hardlinks {from} {root}")
        .quiet()
        .run()?;
    let second = Workspace::of(root.clone(), root.join("target/dist"))?;
    // The archives are verified by their hashes, so they need not be fetched again.
    let sources = workspace.folder.join("sources");
    let to = &second.folder;
    cmd!(sh, "cp -R {sources} {to}").quiet().run()?;
    package::make(&second, &[])?;
    let again = sh.read_file(second.packages().join(SUMS))?;
    let mut differing = 0;
    for (one, other) in first.lines().zip(again.lines()) {
        let same = one == other;
        differing += usize::from(!same);
        println!("{} {one}", if same { "same     " } else { "DIFFERENT" });
    }
    ensure!(
        first.lines().count() == again.lines().count(),
        "the lists of packages differ"
    );
    ensure!(differing == 0, "{differing} packages differ");
    Ok(())
}

//! `ci package`: every published package can be packed, with its license and its front page.
//!
//! It packs without a build, which checks that dependencies have versions. `cargo publish` builds
//! each package before it uploads it.

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::workspace::Workspace;

/// Files that each package contains.
const FILES: [&str; 3] = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"];

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let mut pack = workspace.cargo("package --no-verify --allow-dirty --quiet");
    let mut findings = Vec::new();
    for package in workspace
        .packages
        .iter()
        .filter(|package| package.is_published)
    {
        let list = workspace.cargo("package --list --allow-dirty --quiet --package");
        findings.extend(missing(
            &package.name,
            &list.arg(&package.name).quiet().read()?,
        ));
        pack = pack.args(["--package", &package.name]);
    }
    pack.run()?;
    verdict("package", &findings)?;
    control(
        "package",
        &missing("control", "README.md"),
        "no LICENSE-MIT",
    )
}

/// The files that a package with this list of files lacks.
fn missing(package: &str, list: &str) -> Vec<String> {
    let lacks = |file: &&str| !list.lines().any(|line| line == *file);
    let missing = FILES.into_iter().filter(lacks);
    missing
        .map(|file| format!("{package}: the package has no {file}"))
        .collect()
}

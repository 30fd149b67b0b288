//! The checks that cargo itself does: `fmt`, `clippy`, `doc`.

use crate::failure::Failure;
use crate::shell;
use crate::workspace::Workspace;

pub(crate) fn fmt(workspace: &Workspace) -> Result<(), Failure> {
    shell::cargo().args(["fmt", "--all", "--check"]).run()?;
    // The fuzz targets are a workspace of their own.
    shell::cargo()
        .arg("fmt")
        .arg("--manifest-path")
        .arg(workspace.root.join("fuzz/Cargo.toml"))
        .args(["--", "--check"])
        .run()
}

pub(crate) fn clippy(_: &Workspace) -> Result<(), Failure> {
    shell::cargo()
        .args(["clippy", "--workspace", "--all-targets", "--all-features"])
        .args(["--", "-D", "warnings"])
        .run()
}

pub(crate) fn doc(_: &Workspace) -> Result<(), Failure> {
    shell::cargo()
        .env("RUSTDOCFLAGS", "-D warnings")
        .args(["doc", "--workspace", "--all-features", "--no-deps"])
        .run()
}

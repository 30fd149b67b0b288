//! `ci fuzz`: every fuzz target compiles. Fuzzing itself is `cargo xtask fuzz`, on a nightly toolchain.

use crate::failure::Failure;
use crate::fuzz::{manifest, targets};
use crate::shell;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    // A workspace without targets would compile for nothing.
    targets(workspace)?;
    shell::cargo()
        // Checking links nothing. Without this the build script of libfuzzer-sys compiles C++,
        // which would make a C++ compiler a need of every check.
        .env(
            "CUSTOM_LIBFUZZER_PATH",
            "/checked/but/not/linked/libFuzzer.a",
        )
        .args(["check", "--bins", "--manifest-path"])
        .arg(manifest(workspace))
        .arg("--target-dir")
        .arg(&workspace.target)
        .run()
}

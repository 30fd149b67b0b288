//! `ci fuzz`: every fuzz target compiles. Fuzzing itself is `cargo fuzz run TARGET`, on a nightly toolchain.

use crate::failure::Failure;
use crate::shell;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let manifest = workspace.root.join("fuzz/Cargo.toml");
    let fuzz = Workspace::at(&manifest)?;
    let targets: Vec<&String> = fuzz
        .packages
        .iter()
        .flat_map(|package| &package.binaries)
        .collect();
    if targets.is_empty() {
        return Err(Failure::new("fuzz/Cargo.toml names no fuzz target"));
    }
    shell::cargo()
        // Checking links nothing. Without this the build script of libfuzzer-sys compiles C++,
        // which would make a C++ compiler a need of every check.
        .env(
            "CUSTOM_LIBFUZZER_PATH",
            "/checked/but/not/linked/libFuzzer.a",
        )
        .args(["check", "--bins", "--manifest-path"])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&workspace.target)
        .run()
}

//! `cargo xtask fuzz [SECONDS] [TARGET]...`: runs fuzz targets, seeded with the corpus, within bounds
//! on memory and time.
//!
//! `ci fuzz` only compiles the targets. Fuzzing needs a nightly toolchain and cargo-fuzz, which
//! nothing else here needs: they are asked for and not installed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use xshell::cmd;

use crate::corpus;
use crate::failure::{Failure, usage};
use crate::steps::Steps;
use crate::workspace::Workspace;

/// Time for each target unless another is given.
const SECONDS: u32 = 60;

/// Larger files are no seeds: most of their bytes are frames, which no target reads.
const SEED_BYTES: u64 = 64 * 1024;

/// Bounds on an input of [`SEED_BYTES`]: MiB for one allocation and for all of them, and seconds.
/// A sanitized build is about five times as slow as a release, and keeps freed memory for a while.
const BOUNDS: [&str; 3] = ["-malloc_limit_mb=300", "-rss_limit_mb=2048", "-timeout=15"];

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let (seconds, wanted) = split(arguments);
    let workspace = Workspace::here()?;
    let known = targets(&workspace)?;
    if let Some(unknown) = wanted.iter().find(|target| !known.contains(target)) {
        let known = known.join(", ");
        return Err(usage(format!(
            "no fuzz target `{unknown}`: choose from {known}"
        )));
    }
    let sh = &workspace.sh;
    cmd!(sh, "rustup run nightly cargo fuzz --version").quiet().read().context(
        "fuzzing needs nightly and cargo-fuzz\n  hint: run `rustup toolchain install nightly && \
         cargo install cargo-fuzz --locked`",
    )?;
    let folder = workspace.target.join("fuzz");
    let seeds = seeds(&workspace, &folder)?;
    let mut steps = Steps::default();
    for target in if wanted.is_empty() { &known } else { wanted } {
        let fuzz = || fuzz(&workspace, &folder, target, &seeds, seconds);
        steps.run(target, fuzz);
    }
    steps.finish()
}

/// The time for each target, and the targets. No targets means all of them.
fn split(arguments: &[String]) -> (u32, &[String]) {
    let first = arguments.first().and_then(|first| first.parse().ok());
    first.map_or((SECONDS, arguments), |seconds| (seconds, &arguments[1..]))
}

/// The names of all fuzz targets.
fn targets(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let fuzz = Workspace::at(&manifest(workspace))?;
    let packages = fuzz.packages.into_iter();
    let targets: Vec<String> = packages.flat_map(|package| package.binaries).collect();
    ensure!(
        !targets.is_empty(),
        "fuzz/Cargo.toml declares no fuzz target"
    );
    Ok(targets)
}

/// The package of the fuzz targets, which is a separate workspace.
fn manifest(workspace: &Workspace) -> PathBuf {
    workspace.root.join("fuzz/Cargo.toml")
}

/// `ci fuzz`: every fuzz target compiles.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    // Without a target, nothing would be compiled.
    targets(workspace)?;
    let check = workspace.cargo("check --bins --manifest-path fuzz/Cargo.toml --target-dir");
    check
        .arg(&workspace.target)
        // A check links nothing. Without this variable the build script of libfuzzer-sys compiles
        // C++, and every check would need a C++ compiler.
        .env(
            "CUSTOM_LIBFUZZER_PATH",
            "/checked/but/not/linked/libFuzzer.a",
        )
        .run()?;
    Ok(())
}

/// The small files of the corpus, and the rule packs. A target drops a seed that it cannot use.
fn seeds(workspace: &Workspace, folder: &Path) -> Result<PathBuf, Failure> {
    let media = corpus::default_folder(workspace);
    corpus::make(workspace, &media)?;
    let seeds = workspace.sh.create_dir(folder.join("seeds"))?;
    for folder in [media, workspace.root.join("crates/tl-validate/rules")] {
        for file in workspace.sh.read_dir(folder)? {
            let metadata = fs::metadata(&file)?;
            if metadata.is_file() && metadata.len() <= SEED_BYTES {
                workspace.sh.copy_file(file, &seeds)?;
            }
        }
    }
    Ok(seeds)
}

/// Fuzzes one target. New seeds are kept for the next run; crashes are files that the output names.
fn fuzz(
    workspace: &Workspace,
    folder: &Path,
    target: &str,
    seeds: &Path,
    seconds: u32,
) -> Result<(), Failure> {
    let sh = &workspace.sh;
    let grown = sh.create_dir(folder.join("grown").join(target))?;
    let own = workspace
        .root
        .join("crates/tl-fuzz-targets/seeds")
        .join(target);
    let crashes = sh.create_dir(folder.join("crashes"))?;
    let artifacts = format!("-artifact_prefix={}/{target}-", crashes.display());
    let (length, time) = (
        format!("-max_len={SEED_BYTES}"),
        format!("-max_total_time={seconds}"),
    );
    let build = folder.join("build");
    cmd!(
        sh,
        "rustup run nightly cargo fuzz run --fuzz-dir fuzz --target-dir {build} {target}"
    )
    .args([&grown, seeds, &own])
    .arg("--")
    .args(BOUNDS)
    .args([length, time, artifacts])
    .run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leading_number_is_the_time() {
        let words: Vec<String> = ["5", "rules", "header"].map(String::from).into();
        assert_eq!(split(&words), (5, &words[1..]));
        assert_eq!(split(&words[1..]), (SECONDS, &words[1..]));
        assert_eq!(split(&[]), (SECONDS, &[][..]));
    }
}

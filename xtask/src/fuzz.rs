//! `cargo xtask fuzz [TARGET]...`: runs fuzz targets, seeded with the corpus, within bounds on
//! memory and time.
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

const USAGE: &str = "usage: cargo xtask fuzz [TARGET]... [--seconds N]";

/// Time for each target unless another is given.
const SECONDS: u32 = 60;

/// Larger files are no seeds: most of their bytes are frames, which no target reads.
const SEED_BYTES: u64 = 64 * 1024;

/// Bounds on an input of [`SEED_BYTES`]: MiB for one allocation and for all of them, and seconds.
/// A sanitized build is about five times as slow as a release, and keeps freed memory for a while.
const BOUNDS: [&str; 3] = ["-malloc_limit_mb=300", "-rss_limit_mb=2048", "-timeout=15"];

/// A parsed command line; no targets means all of them.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    targets: Vec<String>,
    seconds: u32,
}

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let request = parse(arguments)?;
    let workspace = Workspace::here()?;
    let known = targets(&workspace)?;
    let selected = select(&request.targets, &known)?;
    let sh = &workspace.sh;
    cmd!(sh, "rustup run nightly cargo fuzz --version").quiet().read().context(
        "fuzzing needs nightly and cargo-fuzz\n  hint: run `rustup toolchain install nightly && \
         cargo install cargo-fuzz --locked`",
    )?;
    let folder = workspace.target.join("fuzz");
    let seeds = seeds(&workspace, &folder)?;
    let mut steps = Steps::default();
    for target in selected {
        let fuzz = || fuzz(&workspace, &folder, target, &seeds, request.seconds);
        steps.run(target, fuzz);
    }
    steps.finish()
}

fn parse(arguments: &[String]) -> Result<Request, Failure> {
    let mut request = Request {
        targets: Vec::new(),
        seconds: SECONDS,
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == "--seconds" {
            let number = words.next().and_then(|word| word.parse().ok());
            request.seconds = number
                .filter(|seconds| *seconds > 0)
                .ok_or_else(|| usage(format!("--seconds: not a number from 1\n{USAGE}")))?;
        } else if word.starts_with('-') {
            return Err(usage(format!("unexpected argument `{word}`\n{USAGE}")));
        } else {
            request.targets.push(word.clone());
        }
    }
    Ok(request)
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

fn select<'a>(wanted: &'a [String], known: &'a [String]) -> Result<&'a [String], Failure> {
    match wanted.iter().find(|target| !known.contains(target)) {
        Some(unknown) => Err(usage(format!(
            "no fuzz target `{unknown}`: choose from {}\n{USAGE}",
            known.join(", ")
        ))),
        None if wanted.is_empty() => Ok(known),
        None => Ok(wanted),
    }
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
    .args([&grown, seeds])
    .arg("--")
    .args(BOUNDS)
    .args([length, time, artifacts])
    .run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn targets_and_time_are_accepted_in_any_order() {
        let request = parse(&words("rules --seconds 5 header")).unwrap();
        let expected = Request {
            targets: words("rules header"),
            seconds: 5,
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn wrong_arguments_are_refused_by_name() {
        for (text, part) in [
            ("--seconds", "not a number"),
            ("--seconds 0", "not a number"),
            ("--minutes 1", "`--minutes`"),
        ] {
            let refused = parse(&words(text)).unwrap_err().to_string();
            assert!(refused.contains(part), "{refused}");
        }
        let known = words("rules media");
        let refused = select(&words("madia"), &known).unwrap_err().to_string();
        assert!(
            refused.contains("`madia`: choose from rules, media"),
            "{refused}"
        );
        assert_eq!(select(&[], &known).unwrap(), known);
        assert_eq!(select(&known[1..], &known).unwrap(), ["media"]);
    }
}

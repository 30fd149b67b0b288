//! `cargo xtask fuzz [TARGET]...`: each fuzz target for a while, begun from the corpus, with bounds on memory and time.
//!
//! What a target demands lives in `fuzz`; `ci fuzz` only compiles them. Fuzzing needs a nightly toolchain and cargo-fuzz,
//! which nothing else here does, so they are asked for and not installed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::corpus;
use crate::failure::Failure;
use crate::shell::Program;
use crate::steps::Steps;
use crate::workspace::{Workspace, make_folder};

const USAGE: &str = "`cargo xtask fuzz [TARGET]... [--seconds N]`";

/// How long each target runs, unless somebody says otherwise.
const SECONDS: u32 = 60;

/// Larger files are no seeds: most of their bytes are frames, and no target looks into those.
const SEED_BYTES: u64 = 64 * 1024;

/// What no input of [`SEED_BYTES`] may take: one allocation and all of them together, in MiB, and the time in seconds.
/// A sanitized build is about five times as slow as a release, and keeps freed memory for a while.
const BOUNDS: [&str; 3] = ["-malloc_limit_mb=300", "-rss_limit_mb=2048", "-timeout=15"];

/// What a run was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    /// None for all of them.
    targets: Vec<String>,
    seconds: u32,
}

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let wanted = wanted(arguments)?;
    let workspace = Workspace::here()?;
    let known = targets(&workspace)?;
    let chosen = chosen(&wanted.targets, &known)?;
    cargo_fuzz().arg("--version").read().map_err(|failure| {
        Failure::new(format!(
            "{failure}\n  fuzzing needs a nightly toolchain and cargo-fuzz: \
            `rustup toolchain install nightly` and `cargo install cargo-fuzz --locked`"
        ))
    })?;
    let ground = workspace.target.join("fuzz");
    let seeds = seeds(&workspace, &ground)?;
    let mut steps = Steps::default();
    for target in chosen {
        steps.run(target, || {
            one(&workspace, &ground, target, &seeds, wanted.seconds)
        });
    }
    steps.finish()
}

fn wanted(arguments: &[String]) -> Result<Wanted, Failure> {
    let mut wanted = Wanted {
        targets: Vec::new(),
        seconds: SECONDS,
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => {
                let number = words.next().and_then(|word| word.parse().ok());
                wanted.seconds = number.filter(|seconds| *seconds > 0).ok_or_else(|| {
                    Failure::usage(format!("`--seconds` takes a number from 1: {USAGE}"))
                })?;
            }
            word if word.starts_with('-') => {
                return Err(Failure::usage(format!("`{word}` is unknown: {USAGE}")));
            }
            target => wanted.targets.push(target.to_owned()),
        }
    }
    Ok(wanted)
}

/// The names of all fuzz targets.
pub(crate) fn targets(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let fuzz = Workspace::at(&manifest(workspace))?;
    let targets: Vec<String> = fuzz
        .packages
        .into_iter()
        .flat_map(|package| package.binaries)
        .collect();
    if targets.is_empty() {
        return Err(Failure::new("fuzz/Cargo.toml names no fuzz target"));
    }
    Ok(targets)
}

/// The package of the fuzz targets, which is a workspace of its own.
pub(crate) fn manifest(workspace: &Workspace) -> PathBuf {
    workspace.root.join("fuzz/Cargo.toml")
}

fn chosen<'a>(wanted: &'a [String], known: &'a [String]) -> Result<&'a [String], Failure> {
    match wanted.iter().find(|target| !known.contains(target)) {
        Some(odd) => Err(Failure::usage(format!(
            "there is no fuzz target `{odd}`, but {}: {USAGE}",
            known.join(", ")
        ))),
        None if wanted.is_empty() => Ok(known),
        None => Ok(wanted),
    }
}

/// `cargo fuzz` on the nightly toolchain, whatever toolchain runs us.
fn cargo_fuzz() -> Program {
    Program::new("rustup").args(["run", "nightly", "cargo", "fuzz"])
}

/// The small files of the corpus, and the rule packs: a target that cannot use a seed drops it at once.
fn seeds(workspace: &Workspace, ground: &Path) -> Result<PathBuf, Failure> {
    let media = corpus::default_folder(workspace);
    corpus::make(&media)?;
    let seeds = ground.join("seeds");
    make_folder(&seeds)?;
    let rules = workspace.root.join("crates/tl-validate/rules");
    for folder in [media, rules] {
        copy_small(&folder, &seeds)
            .map_err(|e| Failure::io(format!("could not copy from {}", folder.display()), &e))?;
    }
    Ok(seeds)
}

fn copy_small(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        if meta.is_file() && meta.len() <= SEED_BYTES {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Fuzzes one target. What it found interesting is kept for the next run; what broke it, in a file that the output names.
fn one(
    workspace: &Workspace,
    ground: &Path,
    target: &str,
    seeds: &Path,
    seconds: u32,
) -> Result<(), Failure> {
    let grown = ground.join("grown").join(target);
    let broken = ground.join("broken");
    make_folder(&grown)?;
    make_folder(&broken)?;
    cargo_fuzz()
        .arg("run")
        .arg("--fuzz-dir")
        .arg(workspace.root.join("fuzz"))
        .arg("--target-dir")
        .arg(ground.join("build"))
        .arg(target)
        .arg(grown)
        .arg(seeds)
        .arg("--")
        .args(BOUNDS)
        .arg(format!("-max_len={SEED_BYTES}"))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/{target}-", broken.display()))
        .run()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn targets_and_time_may_stand_in_any_order() {
        let all = Wanted {
            targets: Vec::new(),
            seconds: SECONDS,
        };
        assert_eq!(wanted(&[]).unwrap(), all);
        let two = Wanted {
            targets: words("rules header"),
            seconds: 5,
        };
        assert_eq!(wanted(&words("rules --seconds 5 header")).unwrap(), two);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (text, part) in [
            ("--seconds", "a number"),
            ("--seconds 0", "a number"),
            ("--seconds soon", "a number"),
            ("--minutes 1", "`--minutes` is unknown"),
        ] {
            let refused = wanted(&words(text)).unwrap_err().to_string();
            assert!(refused.contains(part), "{refused}");
        }
        let known = words("rules media");
        let refused = chosen(&words("madia"), &known).unwrap_err().to_string();
        assert!(refused.contains("`madia`, but rules, media"), "{refused}");
    }

    #[test]
    fn no_name_means_every_target() {
        let known = words("rules media");
        assert_eq!(chosen(&[], &known).unwrap(), known);
        let one = words("media");
        assert_eq!(chosen(&one, &known).unwrap(), one);
    }
}

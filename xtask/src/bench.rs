//! `cargo xtask bench NAME`: builds what a suite of `benches` needs, and runs it.

use std::path::{Path, PathBuf};

use crate::corpus;
use crate::failure::{Failure, usage};
use crate::programs::Programs;
use crate::python;
use crate::workspace::Workspace;

const USAGE: &str =
    "usage: cargo xtask bench upload|validate|emulator|answers [--quick] [--write] [--strict]";

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some((name, flags)) = arguments.split_first() else {
        return Err(usage(format!("no suite given\n{USAGE}")));
    };
    let flags = flags.iter().map(|flag| match flag.as_str() {
        "--quick" | "--write" | "--strict" => Ok(format!("{}=yes", flag.trim_start_matches('-'))),
        _ => Err(usage(format!("unexpected argument `{flag}`\n{USAGE}"))),
    });
    let flags: Vec<String> = flags.collect::<Result<_, _>>()?;
    let workspace = Workspace::here()?;
    let mut paths: Vec<(&str, PathBuf)> = vec![
        ("root", workspace.root.clone()),
        ("folder", workspace.target.join("bench")),
    ];
    let mut add = |name, programs: &Programs| -> Result<(), Failure> {
        paths.push((name, programs.path(name)?.to_owned()));
        Ok(())
    };
    match name.as_str() {
        "upload" | "answers" => {}
        "validate" => {
            let probes = Programs::release(&workspace, "tl-validate", "ffmpeg,worker")?;
            add("measure", &probes)?;
            add("probe_helper", &probes)?;
            add(
                "tl",
                &Programs::release(&workspace, "twelvelabs-cli", "ffmpeg")?,
            )?;
            let corpus = corpus::default_folder(&workspace);
            corpus::make(&workspace, &corpus)?;
            paths.push(("corpus", corpus));
        }
        "emulator" => add("load", &Programs::release(&workspace, "tl-emulator", "")?)?,
        _ => return Err(usage(format!("no suite `{name}`\n{USAGE}"))),
    }
    if name != "emulator" {
        let bin = python::environment(&workspace, "bench", Path::new("benches/requirements.txt"))?;
        paths.push(("python", bin.join("python")));
    }
    let suite = Programs::release(&workspace, "tl-bench", "")?;
    let words = paths
        .iter()
        .map(|(name, path)| format!("{name}={}", path.display()));
    let command = workspace
        .sh
        .cmd(suite.path("tl-bench")?)
        .args(["suite", name]);
    Ok(command.args(words).args(flags).run()?)
}

//! Self-contained binaries of `tl`, and packages made of them: `cargo run -p tl-dist -- COMMAND`.
//!
//! | Module | Content |
//! |---|---|
//! | [`ffmpeg`] | a minimal static FFmpeg: pinned sources, patch, configuration |
//! | [`binaries`] | `tl` and `tl-probe`, linked with it |
//! | [`package`] | tarball, `.deb`, wheel, npm package |
//! | [`check`] | installs each package in a clean environment and uses it |
//! | [`parity`] | compares the facts of two helpers, field by field |
//! | [`release`] | what the packages state about their publisher |
//! | [`sbom`] | the bill of materials of each program (CycloneDX) |
//! | [`checklist`] | what a release needs, as far as a program can tell |
//! | [`reproduce`] | builds twice and compares the hashes |
//! | [`workspace`], [`digest`] | folders, versions, child processes; SHA-256 |
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program writes to its terminal"
)]

mod binaries;
mod check;
mod checklist;
mod digest;
mod ffmpeg;
mod package;
mod parity;
mod release;
mod reproduce;
mod sbom;
mod workspace;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use workspace::Workspace;

const USAGE: &str = "usage: cargo run -p tl-dist -- COMMAND
  ffmpeg                 Build the static FFmpeg in target/dist/ffmpeg
  build [probe]          Build tl and tl-probe, or tl-probe alone, in target/dist/bin
  package [--prebuilt] [KIND]...
                         Build (not if --prebuilt) and make packages in target/dist/packages:
                         tarball, deb, wheel, bindings, npm, sources
  check [--release] [KIND]...
                         Install packages in clean environments and use them; with --release,
                         require that they are complete and name their publisher
  parity PROBE [--damaged] PATH...
                         Compare the facts of the helper PROBE with those of the built one; with
                         --damaged, of damaged copies too
  release-check          Name what a release still needs (docs/release.md)
  sbom                   Write the bills of materials into target/dist/sbom
  reproduce [probe]      Make everything, or tl-probe alone, again in another folder and compare
                         the hashes";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tl-dist: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let workspace = Workspace::here()?;
    match words.as_slice() {
        ["ffmpeg"] => ffmpeg::build(&workspace).map(drop),
        ["build"] => binaries::build(&workspace).map(drop),
        ["build", "probe"] => binaries::build_probe_only(&workspace).map(drop),
        ["package", kinds @ ..] => package::make(&workspace, kinds),
        ["check", kinds @ ..] => check::run(&workspace, kinds),
        ["parity", probe, paths @ ..] if !paths.is_empty() => {
            parity::run(&workspace, Path::new(probe), paths)
        }
        ["release-check"] => checklist::run(&workspace),
        ["sbom"] => {
            let folder = workspace.folder.join("sbom");
            workspace.sh.create_dir(&folder)?;
            sbom::write(&workspace, &folder)
        }
        ["reproduce", "probe"] => reproduce::probe(&workspace),
        ["reproduce"] => reproduce::run(&workspace),
        _ => bail!("unknown arguments\n{USAGE}"),
    }
}

//! `cargo xtask ci STEP`: the table of checks.
//!
//! A check of an invariant has a positive control: the same check runs on a case that is wrong on
//! purpose, and the step fails if the case passes.

mod deny;
mod deps;
mod features;
mod language;
mod package;
mod purity;
mod python;
pub(crate) mod surface;
pub(crate) mod test;
mod tidy;

use anyhow::{Context, bail};

use crate::beside;
use crate::demo;
use crate::failure::{Failure, usage};
use crate::fuzz;
use crate::setup;
use crate::shell::run_logged;
use crate::steps::Steps;
use crate::workspace::Workspace;

type Check = fn(&Workspace) -> Result<(), Failure>;

/// In the order of `ci all`: fast checks first, then what shares build artifacts, the tests last.
const STEPS: &[(&str, Check)] = &[
    ("fmt", fmt),
    ("language", language::run),
    ("deps", deps::run),
    ("deny", deny::run),
    ("tidy", tidy::run),
    ("package", package::run),
    ("clippy", clippy),
    ("purity", purity::run),
    ("features", features::run),
    ("doc", doc),
    ("surface", surface::run),
    ("fuzz", fuzz::check),
    ("python", python::run),
    ("site", beside::site),
    ("demo", |workspace| demo::demo(workspace, &[])),
    ("endurance", demo::endurance),
    ("chaos", |workspace| {
        run_logged(vec![beside::short_chaos(workspace)?], python::LIMIT)
    }),
    ("test", |workspace| test::run(workspace, &[])),
];

/// Not part of `all`: it fetches the RustSec database from github.com.
const ADVISORIES: (&str, Check) = ("advisories", deny::advisories);

const USAGE: &str = "usage: cargo xtask ci STEP
  fmt         The code is formatted
  language    Spelling, and phrases that have a plainer replacement (typos)
  deps        Dependencies between crates, and dependencies that a crate must not have
  deny        Licenses, bans and sources of all dependencies (cargo-deny)
  tidy        File heads and lengths, leftovers, names and commands in the documents
  package     Every published package can be packed, with its README and licenses
  clippy      No warning in any target
  purity      tl-http, tl-protocol and tl-model read no clock, randomness, file or socket
  features    Any two features compile without a warning (cargo-hack)
  doc         The documentation builds without a warning
  surface     Public signatures name no third-party type, except the agreed ones
  fuzz        Every fuzz target compiles
  python      The official Python client and generated requests against the emulator
  site        The documentation site is built, and its links lead somewhere
  demo        `cargo xtask demo` without its set-up
  endurance   3 GB through both clients while the platform and the client are killed
  chaos       Three minutes of `cargo xtask chaos`
  test        Every test and every example in the documentation
  all         Every step above, in this order
  advisories  Known vulnerabilities of all dependencies (needs github.com)";

/// The names that may follow `cargo xtask ci`.
pub(crate) fn step_names() -> impl Iterator<Item = &'static str> {
    let steps = STEPS.iter().chain([&ADVISORIES]);
    steps.map(|(name, _)| *name).chain(["all"])
}

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let [name] = arguments else {
        return Err(usage(format!("`ci` takes one step\n{USAGE}")));
    };
    if name == "all" {
        return run_all(&Workspace::here()?);
    }
    let step = STEPS.iter().chain([&ADVISORIES]);
    let step = step.into_iter().find(|(known, _)| known == name);
    let (_, check) = step.ok_or_else(|| usage(format!("no step `{name}`\n{USAGE}")))?;
    check(&Workspace::here()?).with_context(|| match setup::missing().join(", ") {
        none if none.is_empty() => format!("ci {name}"),
        missing => format!("ci {name} (missing: {missing}; `cargo xtask setup` installs it)"),
    })
}

/// Every step, chaos beside the Python suites; one that fails does not stop the next.
pub(crate) fn run_all(workspace: &Workspace) -> Result<(), Failure> {
    let Some(((last, check), steps)) = STEPS.split_last() else {
        bail!("no steps");
    };
    let mut run = Steps::default();
    for (name, check) in steps {
        match *name {
            // These wait for time to pass, so that they run at once.
            "python" => run.run("python, chaos", || {
                let mut commands = python::suites(workspace)?;
                commands.push(beside::short_chaos(workspace)?);
                run_logged(commands, python::LIMIT)
            }),
            "chaos" => {}
            _ => run.run(name, || check(workspace)),
        }
    }
    run.run_last(last, || check(workspace))
}

fn fmt(workspace: &Workspace) -> Result<(), Failure> {
    workspace.cargo("fmt --all --check").run()?;
    // The fuzz targets are a separate workspace.
    Ok(workspace
        .cargo("fmt --manifest-path fuzz/Cargo.toml -- --check")
        .run()?)
}

fn clippy(workspace: &Workspace) -> Result<(), Failure> {
    let clippy = workspace.cargo("clippy --workspace --all-targets --all-features");
    Ok(clippy.args(["--", "-D", "warnings"]).run()?)
}

fn doc(workspace: &Workspace) -> Result<(), Failure> {
    let doc = workspace.cargo("doc --workspace --all-features --no-deps");
    Ok(doc.env("RUSTDOCFLAGS", "-D warnings").run()?)
}

/// Prints the findings of a check, and fails if there are any.
fn verdict(what: &str, findings: &[String]) -> Result<(), Failure> {
    let Some(first) = findings.first() else {
        eprintln!("{what}: ok");
        return Ok(());
    };
    for finding in findings {
        eprintln!("{what}: {finding}");
    }
    match findings.len() {
        1 => bail!("{what}: {first}"),
        count => bail!("{what}: {count} findings, the first: {first}"),
    }
}

/// A positive control: the check must report something that contains `expected` about a case that
/// is wrong on purpose.
fn control(what: &str, findings: &[String], expected: &str) -> Result<(), Failure> {
    let Some(finding) = findings.iter().find(|finding| finding.contains(expected)) else {
        let count = findings.len();
        bail!("{what}: the check cannot fail: none of {count} findings contains `{expected}`");
    };
    eprintln!("{what}: the control is refused: {finding}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_that_passes_fails_the_step() {
        assert!(control("x", &["has tokio".into()], "tokio").is_ok());
        let failure = control("x", &[], "tokio").unwrap_err().to_string();
        assert!(failure.contains("the check cannot fail"), "{failure}");
    }

    #[test]
    fn findings_fail_a_step_and_are_counted() {
        assert!(verdict("x", &[]).is_ok());
        let two = ["one".to_owned(), "two".to_owned()];
        let failure = verdict("x", &two).unwrap_err().to_string();
        assert_eq!(failure, "x: 2 findings, the first: one");
    }

    #[test]
    fn every_step_is_listed_and_the_tests_are_last() {
        for name in step_names() {
            assert!(USAGE.contains(&format!("\n  {name} ")), "{name}");
        }
        assert_eq!(STEPS.last().map(|(name, _)| *name), Some("test"));
    }
}

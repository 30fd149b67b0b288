//! `ci features`: none, one or two features of each crate compile without a warning of the compiler.
//! Lints run on all features together (`ci clippy`): they would take three times as long here.
//!
//! Combinations of three and more take four times as long. Code for three features is in `ci clippy`.
//! cargo-hack skips combinations that are equal because a feature implies another.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::python::tool;
use crate::shell::without_package_variables;
use crate::workspace::Workspace;

/// `tls-aws-lc` compiles many C files, and `parquet` many crates. `ci clippy` has them together with
/// all features, and the test `hosts` of tl-client `tls-aws-lc` without `tls-ring`. Only one file has
/// code for `parquet`.
const EXCLUDED: &str = "default,tls-aws-lc,parquet";

/// The features that tl-client only passes on: it has no code for them. Its 864 combinations with
/// them would take longer than all tests.
const PASSED_ON: &str = "stream,tls-ring,native-roots,tower,tracing,webhook";

/// A crate that does not compile with one feature, and has a warning with another.
const BROKEN: &str = "#[cfg(all(feature = \"left\", not(feature = \"right\")))]
compile_error!(\"left without right\");
#[cfg(all(feature = \"right\", not(feature = \"left\")))]
fn unused() {}
";

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let features = "[features]\nleft = []\nright = []\n";
    let dir = workspace.control_crate("control-features", features, BROKEN)?;
    let manifest = dir.join("Cargo.toml").display().to_string();
    let findings = check(workspace, EXCLUDED, &["--manifest-path", &manifest])?;
    let left = "--no-default-features --features left`";
    control("features", &findings, left)?;
    control("features", &findings, "function `unused` is never used")?;
    ensure!(
        findings.len() == 2,
        "features: not two findings, but {findings:?}"
    );

    let others = ["--workspace", "--exclude", "tl-client"];
    let mut findings = check(workspace, EXCLUDED, &others)?;
    let excluded = format!("{EXCLUDED},{PASSED_ON}");
    findings.extend(check(workspace, &excluded, &["--package", "tl-client"])?);
    verdict("features", &findings)
}

/// The combinations that do not compile, and the warnings.
fn check(workspace: &Workspace, excluded: &str, packages: &[&str]) -> Result<Vec<String>, Failure> {
    let command = workspace.sh.cmd(tool(workspace, "cargo-hack")?);
    let command = without_package_variables(command)
        .args("hack check --feature-powerset --depth 2".split(' '))
        .args(["--exclude-features", excluded])
        .args(["--keep-going", "--target-dir"])
        .arg(&workspace.target)
        .args(packages);
    let mut child = Command::from(command).stderr(Stdio::piped()).spawn()?;
    let mut text = String::new();
    for line in BufReader::new(child.stderr.take().context("no output")?).lines() {
        let line = line?;
        eprintln!("{line}");
        text.extend([line.as_str(), "\n"]);
    }
    let status = child.wait()?;
    let mut findings = findings(&text);
    if findings.is_empty() && !status.success() {
        findings.push(format!("cargo-hack ended with {status}"));
    }
    Ok(findings)
}

/// The findings in the output of cargo-hack, each once: cargo repeats a warning that it has cached.
///
/// A warning of the compiler names a place in the next line, and one of cargo-hack does not.
fn findings(text: &str) -> Vec<String> {
    let next = text.lines().skip(1).chain([""]);
    let is_finding = |(line, next): &(&str, &str)| {
        let is_warning = line.starts_with("warning: ") && next.trim_start().starts_with("--> ");
        is_warning || line.starts_with("error: process didn't exit successfully")
    };
    let lines = text.lines().zip(next).filter(is_finding);
    let mut findings: Vec<String> = lines.map(|(line, _)| line.to_owned()).collect();
    findings.sort_unstable();
    findings.dedup();
    findings
}

//! `ci features`: none, one or two features of each crate compile without a warning, and so do all
//! together (`ci clippy`).
//!
//! Combinations of three and more take four times as long. Code for three features is in `ci clippy`.
//! cargo-hack skips combinations that are equal because a feature implies another.

use anyhow::ensure;
use xshell::Cmd;

use crate::ci::control;
use crate::failure::Failure;
use crate::python::tool;
use crate::shell::without_package_variables;
use crate::workspace::Workspace;

/// `tls-aws-lc` compiles many C files. `ci clippy` has it together with all features, and the test
/// `hosts` of tl-client without `tls-ring`.
const EXCLUDED: &str = "default,tls-aws-lc";

/// The features that tl-client only passes on: it has no code for them. Its 864 combinations with
/// them would take longer than all tests.
const PASSED_ON: &str = "stream,tls-ring,native-roots,tower,tracing,webhook";

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let broken = "#[cfg(all(feature = \"left\", not(feature = \"right\")))]\n\
                  compile_error!(\"left without right\");\n";
    let features = "[features]\nleft = []\nright = []\n";
    let dir = workspace.control_crate("control-features", features, broken)?;
    let manifest = dir.join("Cargo.toml").display().to_string();
    let command = hack(workspace, EXCLUDED, &["--manifest-path", &manifest])?;
    let output = command.quiet().ignore_status().output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let prefix = "error: process didn't exit successfully";
    let failed = text.lines().filter(|line| line.starts_with(prefix));
    let failed: Vec<String> = failed.map(String::from).collect();
    ensure!(
        failed.len() == 1,
        "features: not one, but {failed:?} failed"
    );
    let expected = "--no-default-features --features left --";
    control("features", &failed, expected)?;

    hack(
        workspace,
        EXCLUDED,
        &["--workspace", "--exclude", "tl-client"],
    )?
    .run()?;
    let excluded = format!("{EXCLUDED},{PASSED_ON}");
    Ok(hack(workspace, &excluded, &["--package", "tl-client"])?.run()?)
}

fn hack<'a>(
    workspace: &'a Workspace,
    excluded: &str,
    packages: &[&str],
) -> Result<Cmd<'a>, Failure> {
    let command = workspace.sh.cmd(tool(workspace, "cargo-hack")?);
    Ok(without_package_variables(command)
        .args("hack clippy --feature-powerset --depth 2".split(' '))
        .args(["--exclude-features", excluded])
        .args(["--keep-going", "--target-dir"])
        .arg(&workspace.target)
        .args(packages)
        .args(["--", "-D", "warnings"]))
}

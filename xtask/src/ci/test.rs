//! The step `test`: every test, and every example in the documentation.

use crate::failure::Failure;
use crate::programs::Programs;
use crate::python;
use crate::shell::without_package_variables;
use crate::workspace::Workspace;

/// Every test and documentation example; or with arguments, the tests that they select.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let programs = Programs::build(workspace)?;
    let probe = programs.path("tl-probe")?;
    let nextest = python::tool(workspace, "cargo-nextest")?;
    let everything: &[&str] = if arguments.is_empty() {
        &["--workspace"]
    } else {
        &[]
    };
    let doctests = if arguments.is_empty() {
        let doctests = workspace.cargo("test --doc --no-fail-fast --all-features --workspace");
        doctests.env("TL_PROBE", probe).run()
    } else {
        Ok(())
    };
    // Last, and even after a failed example: its closing lines are what a reader looks for.
    without_package_variables(workspace.sh.cmd(nextest))
        .args(["nextest", "run", "--no-fail-fast", "--all-features"])
        .args(["--config-file", "xtask/nextest.toml"])
        .args(everything)
        .args(arguments)
        .env("TL_PROBE", probe)
        .run()?;
    Ok(doctests?)
}

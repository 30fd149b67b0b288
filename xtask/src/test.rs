//! `cargo xtask test`: sets the machine up, then runs every check and every test. `.ci/run` is this.

use crate::ci;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::needs::{Need, Seen};
use crate::passed_on;
use crate::programs::Programs;
use crate::setup;
use crate::shell;
use crate::workspace::Workspace;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let arguments = passed_on("test", arguments)?;
    let workspace = Workspace::here()?;
    setup::ensure(&workspace)?;
    if arguments.is_empty() {
        ci::run_all(&workspace)
    } else {
        run_tests(&workspace, arguments)
    }
}

/// Every test and documentation example; or with arguments for the test runner, the tests they choose.
pub(crate) fn run_tests(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let programs = Programs::build()?;
    let probe = programs.path("tl-probe")?;
    let has_nextest = match Need::Nextest.look(&Machine::this(), workspace.rust_version()?) {
        Seen::Present(_) => true,
        Seen::Missing(_) => {
            eprintln!("cargo-nextest is not installed: the same tests run by `cargo test`");
            false
        }
    };
    let selection: &[&str] = if arguments.is_empty() {
        &["--workspace", "--all-features"]
    } else {
        &["--all-features"]
    };
    if !has_nextest {
        // One call for unit, integration and documentation tests.
        return shell::cargo()
            .env("TL_PROBE", probe)
            .arg("test")
            .args(selection)
            .args(if arguments.is_empty() {
                &["--no-fail-fast"] as &[&str]
            } else {
                &[]
            })
            .args(arguments)
            .run();
    }
    let doctests = if arguments.is_empty() {
        shell::cargo()
            .env("TL_PROBE", probe)
            .args(["test", "--doc", "--no-fail-fast"])
            .args(selection)
            .run()
    } else {
        Ok(())
    };
    // Last, and even after a failed example: its closing lines are what a reader looks for.
    shell::cargo()
        .env("TL_PROBE", probe)
        .args(["nextest", "run", "--no-fail-fast"])
        .arg("--config-file")
        .arg(workspace.root.join("xtask/nextest.toml"))
        .args(selection)
        .args(arguments)
        .run()
        .and(doctests)
}

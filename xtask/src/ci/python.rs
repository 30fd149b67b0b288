//! `ci python`: the official Python and JavaScript clients and generated requests run against
//! `tl emulator`.
//!
//! The suites are in `crates/tl-emulator/tests/python`.

use std::time::Duration;

use xshell::cmd;

use crate::failure::Failure;
use crate::programs::Programs;
use crate::python::{environment, packages};
use crate::shell::{Logged, run_logged};
use crate::workspace::Workspace;

/// A suite takes one or two minutes on an idle machine; one that takes this long hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(1800);

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    run_logged(suites(workspace)?, LIMIT)
}

/// The suites, ready to run. Each has processes that wait for each other, and leaves a core idle.
pub(crate) fn suites(workspace: &Workspace) -> Result<Vec<Logged>, Failure> {
    let suites = workspace.root.join("crates/tl-emulator/tests/python");
    let bin = environment(workspace, "emulator", &suites.join("requirements.txt"))?;
    let old_client = packages(
        workspace,
        "emulator-old-client",
        &bin,
        &suites.join("requirements-old.txt"),
    )?;
    let js_client = workspace.sh.create_dir(workspace.target.join("js"))?;
    for file in ["package.json", "package-lock.json"] {
        workspace.sh.copy_file(suites.join(file), &js_client)?;
    }
    cmd!(
        workspace.sh,
        "npm install --silent --no-audit --no-fund --prefix {js_client}"
    )
    .run()?;
    let programs = Programs::build(workspace)?;
    let (tl, probe) = (programs.path("tl")?, programs.path("tl-probe")?);
    let _folder = workspace.sh.push_dir(&suites);
    let suite = |script: &[&str]| {
        let python = workspace.sh.cmd(bin.join("python"));
        python
            .env("TL", tl)
            .env("TL_PROBE", probe)
            .env("OLD_CLIENT", &old_client)
            .env("JS_CLIENT", &js_client)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUNBUFFERED", "1")
            .args(script)
    };
    let log = |name: &str| workspace.target.join("xtask").join(name);
    Ok(vec![
        Logged::new(suite(&["-m", "pytest", "."]), log("client.log")),
        Logged::new(suite(&["fuzz.py"]), log("generated.log")),
    ])
}

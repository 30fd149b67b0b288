//! The wheel in an empty virtual environment, without network except for pytest.

use std::path::Path;

use anyhow::{Result, ensure};
use xshell::cmd;

use super::{Clips, FIRST_USE, shell};
use crate::workspace::Workspace;

/// Uses every fixture. The client is the standard library, so that nothing else is installed.
const TESTS: &str = include_str!("../../python/tests/test_plugin.py");

pub(super) fn wheel(workspace: &Workspace, wheel: &Path, clips: &Clips) -> Result<()> {
    let sh = &workspace.sh;
    let work = workspace.fresh("python")?;
    clips.copy_to(workspace, &work)?;
    sh.copy_file(wheel, &work)?;
    sh.write_file(work.join("test_plugin.py"), TESTS)?;
    let python = cmd!(sh, "python3 -c 'import sys; print(sys.executable)'")
        .quiet()
        .read()?;
    let bin = work.join("venv/bin");
    let run = |path: &str, line: &str, code: i32| -> Result<String> {
        let wrapper = ["sh", "-c"].map(String::from);
        let variables = [
            ("PATH", path.to_owned()),
            ("HOME", work.display().to_string()),
            ("LC_ALL", "C.UTF-8".to_owned()),
        ];
        let line = format!("cd {} && {line}", work.display());
        shell::expect(&wrapper, &variables, &line, code)
    };
    let system = "/usr/bin:/bin";
    let venv = format!("{}:{system}", bin.display());
    run(system, &format!("{python} -m venv venv"), 0)?;
    run(&venv, "pip install --quiet --no-index --no-deps *.whl", 0)?;
    for (line, code) in FIRST_USE {
        run(&venv, line, code)?;
    }
    // The folder of scripts is not in the path.
    run(
        system,
        "venv/bin/python -m twelvelabs_cli validate small.mp4",
        3,
    )?;
    run(
        &venv,
        "pip install --quiet --no-index --no-deps --target apart *.whl",
        0,
    )?;
    run(
        system,
        "PYTHONPATH=apart venv/bin/python -m twelvelabs_cli --version",
        0,
    )?;
    run(
        &venv,
        "pip install --quiet --disable-pip-version-check pytest",
        0,
    )?;
    let seen = run(&venv, "pytest -q -p no:cacheprovider test_plugin.py", 0)?;
    ensure!(seen.contains("6 passed"), "not all tests ran");
    // No emulator is left.
    run(
        &venv,
        "pip uninstall --quiet --yes twelvelabs-cli && ! command -v tl",
        0,
    )?;
    Ok(())
}

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
    action(workspace, &work, &|line, code| run(&venv, line, code))?;
    pre_commit(workspace, &|line, code| run(&venv, line, code))?;
    run(
        &venv,
        "pip uninstall --quiet --yes twelvelabs-cli && ! command -v tl",
        0,
    )?;
    Ok(())
}

type Run<'a> = dyn Fn(&str, i32) -> Result<String> + 'a;

/// The step of `action.yml` with the variables that GitHub sets.
fn action(workspace: &Workspace, work: &Path, run: &Run<'_>) -> Result<()> {
    let script = workspace.root.join("dist/action/validate.sh");
    let script = script.display();
    let step = |paths: &str| {
        format!(
            "RUNNER_TEMP=$PWD GITHUB_OUTPUT=$PWD/outputs TL_ARGUMENTS='--no-cache' TL_PATHS={paths} {script}"
        )
    };
    run(&step("'good.mp4 \"small.mp4\"'"), 0)?;
    let outputs = run("cat outputs", 0)?;
    ensure!(
        outputs.contains("code=1"),
        "a refused file is reported as code 1"
    );
    let sarif = workspace.sh.read_file(work.join("tl.sarif"))?;
    let sarif: serde_json::Value = serde_json::from_str(&sarif)?;
    let results = sarif["runs"][0]["results"].as_array().map_or(0, Vec::len);
    ensure!(
        sarif["version"] == "2.1.0" && results == 1,
        "one finding is expected, in SARIF 2.1.0"
    );
    // What is not a finding fails the step.
    run(&step("none-such.mp4"), 2)?;
    Ok(())
}

/// The hook of `.pre-commit-hooks.yaml`, in a repository with a refused file.
fn pre_commit(workspace: &Workspace, run: &Run<'_>) -> Result<()> {
    let root = workspace.root.display();
    run(
        "pip install --quiet --disable-pip-version-check pre-commit",
        0,
    )?;
    run(
        "mkdir videos && cd videos && git init --quiet && cp ../small.mp4 ../good.mp4 . && git add .",
        0,
    )?;
    let hook = format!("cd videos && pre-commit try-repo {root} tl-validate --files");
    let seen = run(&format!("{hook} small.mp4"), 1)?;
    ensure!(seen.contains("360"), "the hook shows the finding");
    run(&format!("{hook} good.mp4"), 0)?;
    Ok(())
}

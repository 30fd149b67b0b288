//! The programs of this workspace, built with the features and profile of the tests, so that nothing is compiled twice.

use std::path::PathBuf;

use serde_json::Value;

use crate::failure::Failure;
use crate::shell;

/// The built programs that the demo and the tests run.
#[derive(Debug)]
pub(crate) struct Programs {
    executables: Vec<(String, PathBuf)>,
}

impl Programs {
    /// Builds every binary and example of the workspace.
    pub(crate) fn build() -> Result<Self, Failure> {
        let messages = shell::cargo()
            .args([
                "build",
                "--workspace",
                "--all-features",
                "--bins",
                "--examples",
                "--message-format=json-render-diagnostics",
            ])
            .run_and_read()?;
        Ok(Self::of_messages(&messages))
    }

    /// Builds the programs and examples of one package with these features, optimized, for measuring.
    pub(crate) fn of_package(package: &str, features: &[&str]) -> Result<Self, Failure> {
        let messages = shell::cargo()
            .args([
                "build",
                "--release",
                "--bins",
                "--examples",
                "--package",
                package,
            ])
            .args(["--features", &features.join(",")])
            .arg("--message-format=json-render-diagnostics")
            .run_and_read()?;
        Ok(Self::of_messages(&messages))
    }

    fn of_messages(messages: &str) -> Self {
        let executables = messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|message| message["reason"] == "compiler-artifact")
            .filter_map(|message| {
                let name = message["target"]["name"].as_str()?.to_owned();
                let path = PathBuf::from(message["executable"].as_str()?);
                Some((name, path))
            })
            .collect();
        Self { executables }
    }

    /// The path of a binary or example.
    pub(crate) fn path(&self, name: &str) -> Result<&PathBuf, Failure> {
        self.executables
            .iter()
            .find(|(built, _)| built == name)
            .map(|(_, path)| path)
            .ok_or_else(|| Failure::new(format!("the workspace builds no program `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_found_among_the_messages_of_cargo() {
        let programs = Programs::of_messages(
            r#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"tl"},"executable":"/t/debug/tl"}
{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(programs.path("tl").unwrap(), &PathBuf::from("/t/debug/tl"));
        assert_eq!(
            programs.path("demo").unwrap_err().to_string(),
            "the workspace builds no program `demo`"
        );
    }
}

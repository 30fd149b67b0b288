//! What the packages state about their publisher: `dist/release.toml`, or environment variables.
//!
//! Packages can be made without it, for tests; they then contain an address below
//! [`PLACEHOLDER`], which `check --release` refuses.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::workspace::Workspace;

/// A host that cannot exist (RFC 2606).
pub(crate) const PLACEHOLDER: &str = "unpublished.invalid";

/// The parameters of a release. A value that is not set is a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    /// `Name <address>`
    pub(crate) maintainer: String,
    /// The URL of the repository.
    pub(crate) repository: String,
    /// The URL of the folder with the packages of this version.
    pub(crate) downloads: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    maintainer: String,
    repository: String,
    downloads: String,
}

impl Release {
    /// # Errors
    /// If the file cannot be read, or a value is set and not of the form that it must have.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        let path = workspace.root.join("dist/release.toml");
        let text = workspace.sh.read_file(&path)?;
        Self::of(&text, workspace.version(), |name| std::env::var(name).ok())
            .with_context(|| path.display().to_string())
    }

    fn of(text: &str, version: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let file: Settings = toml::from_str(text)?;
        let value = |name: &str, of_file: String, placeholder: String| {
            let set = variable(name).unwrap_or(of_file);
            let set = set.trim();
            if set.is_empty() {
                placeholder
            } else {
                set.replace("@VERSION@", version)
            }
        };
        let release = Self {
            maintainer: value(
                "TL_RELEASE_MAINTAINER",
                file.maintainer,
                format!("The tl developers <tl@{PLACEHOLDER}>"),
            ),
            repository: value(
                "TL_RELEASE_REPOSITORY",
                file.repository,
                format!("https://{PLACEHOLDER}/tl"),
            ),
            downloads: value(
                "TL_RELEASE_DOWNLOADS",
                file.downloads,
                format!("https://{PLACEHOLDER}/tl/v{version}"),
            ),
        };
        release.validate()?;
        Ok(release)
    }

    fn validate(&self) -> Result<()> {
        let address = self
            .maintainer
            .strip_suffix('>')
            .and_then(|rest| rest.split_once(" <"));
        ensure!(
            address.is_some_and(|(name, address)| !name.is_empty()
                && address.split('@').filter(|part| !part.is_empty()).count() == 2),
            "maintainer: `{}` is not of the form `Name <address>`",
            self.maintainer
        );
        for (name, url) in [
            ("repository", &self.repository),
            ("downloads", &self.downloads),
        ] {
            let is_plain = url
                .chars()
                .all(|c| c.is_ascii_graphic() && !"\"'\\`$".contains(c));
            ensure!(
                url.starts_with("https://") && is_plain && !url.ends_with('/'),
                "{name}: `{url}` is not an https URL without a trailing slash"
            );
        }
        Ok(())
    }

    /// # Errors
    /// Names every value that is not set.
    pub(crate) fn require_complete(&self) -> Result<()> {
        let missing: Vec<&str> = [
            ("maintainer", &self.maintainer),
            ("repository", &self.repository),
            ("downloads", &self.downloads),
        ]
        .into_iter()
        .filter(|(_, value)| value.contains(PLACEHOLDER))
        .map(|(name, _)| name)
        .collect();
        if !missing.is_empty() {
            bail!(
                "the release is not described: {} not set\n  hint: set it in dist/release.toml, or in TL_RELEASE_{}",
                missing.join(", "),
                missing[0].to_uppercase()
            );
        }
        Ok(())
    }

    /// Replaces `@MAINTAINER@`, `@REPOSITORY@` and `@DOWNLOADS@`.
    pub(crate) fn fill(&self, template: &str) -> String {
        template
            .replace("@MAINTAINER@", &self.maintainer)
            .replace("@REPOSITORY@", &self.repository)
            .replace("@DOWNLOADS@", &self.downloads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "maintainer = \"\"\nrepository = \"\"\ndownloads = \"\"";

    #[test]
    fn unset_values_are_placeholders_that_a_release_refuses() {
        let release = Release::of(EMPTY, "1.2.3", |_| None).unwrap();
        assert_eq!(release.downloads, "https://unpublished.invalid/tl/v1.2.3");
        let error = release.require_complete().unwrap_err().to_string();
        assert!(
            error.contains("maintainer, repository, downloads not set"),
            "{error}"
        );
        let hint = "hint: set it in dist/release.toml, or in TL_RELEASE_MAINTAINER";
        assert!(error.contains(hint), "{error}");
    }

    #[test]
    fn variables_take_precedence_over_the_file() {
        let set = |name: &str| {
            Some(
                match name {
                    "TL_RELEASE_MAINTAINER" => "Ada Lovelace <ada@example.org>",
                    "TL_RELEASE_REPOSITORY" => "https://example.org/tl",
                    _ => "https://example.org/tl/v@VERSION@",
                }
                .to_owned(),
            )
        };
        let release = Release::of(EMPTY, "1.2.3", set).unwrap();
        release.require_complete().unwrap();
        assert_eq!(release.downloads, "https://example.org/tl/v1.2.3");
        assert_eq!(
            release.fill("@MAINTAINER@ @REPOSITORY@"),
            "Ada Lovelace <ada@example.org> https://example.org/tl"
        );
    }

    #[test]
    fn values_of_another_form_are_refused() {
        for (name, wrong) in [
            ("TL_RELEASE_MAINTAINER", "ada@example.org"),
            ("TL_RELEASE_MAINTAINER", "Ada <ada>"),
            ("TL_RELEASE_REPOSITORY", "http://example.org/tl"),
            ("TL_RELEASE_DOWNLOADS", "https://example.org/tl/"),
            ("TL_RELEASE_DOWNLOADS", "https://example.org/$(id)"),
        ] {
            let set = |asked: &str| (asked == name).then(|| wrong.to_owned());
            assert!(Release::of(EMPTY, "1.2.3", set).is_err(), "{wrong}");
        }
        assert!(Release::of("owner = \"x\"", "1.2.3", |_| None).is_err());
    }
}

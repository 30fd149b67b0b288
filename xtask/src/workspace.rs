//! The packages of the workspace, from `cargo metadata`.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde_json::Value;
use xshell::{Cmd, Shell};

use crate::failure::Failure;
use crate::shell;

/// A workspace and its own packages, without their dependencies.
pub(crate) struct Workspace {
    /// A shell whose current folder is the root.
    pub(crate) sh: Shell,
    pub(crate) root: PathBuf,
    /// Where cargo builds; follows `CARGO_TARGET_DIR`.
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package of the workspace.
#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of its `Cargo.toml`.
    pub(crate) dir: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) binaries: Vec<String>,
    pub(crate) is_published: bool,
    /// A library that is published.
    pub(crate) is_published_library: bool,
}

/// A direct dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// The table of `Cargo.toml` that names a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Dev,
    Build,
}

impl Package {
    /// Whether it has a dependency of this kind.
    pub(crate) fn has(&self, kind: Kind, name: &str) -> bool {
        self.dependencies
            .iter()
            .any(|dependency| dependency.kind == kind && dependency.name == name)
    }
}

impl Workspace {
    /// The workspace of the current folder.
    ///
    /// # Errors
    /// `cargo metadata` fails.
    pub(crate) fn here() -> Result<Self, Failure> {
        Self::read(None)
    }

    /// The workspace of another `Cargo.toml`.
    ///
    /// # Errors
    /// `cargo metadata` fails.
    pub(crate) fn at(manifest: &Path) -> Result<Self, Failure> {
        Self::read(Some(manifest))
    }

    fn read(manifest: Option<&Path>) -> Result<Self, Failure> {
        let sh = Shell::new()?;
        let mut metadata = shell::cargo(&sh, "metadata --no-deps --format-version 1").quiet();
        if let Some(manifest) = manifest {
            metadata = metadata.arg("--manifest-path").arg(manifest);
        }
        let text = metadata.read()?;
        let value: Value =
            serde_json::from_str(&text).context("`cargo metadata` printed no JSON")?;
        let packages = list(&value["packages"]).iter().map(package);
        let root = PathBuf::from(text_of(&value["workspace_root"])?);
        sh.change_dir(&root);
        Ok(Self {
            target: text_of(&value["target_directory"])?.into(),
            packages: packages.collect::<Result<_, _>>()?,
            sh,
            root,
        })
    }

    /// `cargo` with these words.
    pub(crate) fn cargo(&self, words: &str) -> Cmd<'_> {
        shell::cargo(&self.sh, words)
    }

    /// The package of this name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn package(&self, name: &str) -> Result<&Package, Failure> {
        self.packages
            .iter()
            .find(|package| package.name == name)
            .ok_or_else(|| anyhow!("the workspace has no package `{name}`"))
    }

    /// A path below the root, as reports show it.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }

    /// An empty folder below the target folder.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf, Failure> {
        let dir = self.target.join("xtask").join(name);
        self.sh.remove_path(&dir)?;
        Ok(self.sh.create_dir(dir)?)
    }

    /// A crate that is wrong on purpose, for the positive control of a check.
    pub(crate) fn control_crate(
        &self,
        name: &str,
        manifest: &str,
        code: &str,
    ) -> Result<PathBuf, Failure> {
        let dir = self.scratch(name)?;
        let head = "version = \"0.0.0\"\nedition = \"2024\"\n";
        let manifest = format!("[package]\nname = \"{name}\"\n{head}{manifest}\n[workspace]\n");
        self.sh.write_file(dir.join("Cargo.toml"), manifest)?;
        self.sh.write_file(dir.join("src/lib.rs"), code)?;
        Ok(dir)
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text_of(value: &Value) -> Result<String, Failure> {
    let text = value
        .as_str()
        .context("`cargo metadata` lacks an expected text")?;
    Ok(text.to_owned())
}

fn package(value: &Value) -> Result<Package, Failure> {
    let dependency = |value: &Value| {
        Ok::<_, Failure>(Dependency {
            name: text_of(&value["name"])?,
            kind: match value["kind"].as_str() {
                None => Kind::Normal,
                Some("dev") => Kind::Dev,
                Some(_) => Kind::Build,
            },
        })
    };
    let targets = |kind: &'static str| {
        let targets = list(&value["targets"]).iter();
        targets.filter(move |target| list(&target["kind"]).iter().any(|found| found == kind))
    };
    let manifest = PathBuf::from(text_of(&value["manifest_path"])?);
    // `publish = false` is an empty list of registries.
    let is_published = value["publish"].is_null();
    Ok(Package {
        name: text_of(&value["name"])?,
        dir: manifest.parent().map(Path::to_path_buf).unwrap_or_default(),
        dependencies: list(&value["dependencies"])
            .iter()
            .map(dependency)
            .collect::<Result<_, _>>()?,
        binaries: targets("bin")
            .map(|target| text_of(&target["name"]))
            .collect::<Result<_, _>>()?,
        is_published,
        is_published_library: is_published && targets("lib").next().is_some(),
    })
}

//! The packages of this workspace as `cargo metadata` tells them, and where cargo builds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::Failure;
use crate::shell;

/// A workspace and its own packages; not their dependencies' packages.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo builds, `CARGO_TARGET_DIR` included.
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of its `Cargo.toml`.
    pub(crate) dir: PathBuf,
    pub(crate) rust_version: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    /// Feature name to what it turns on, as written in `Cargo.toml`.
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// Names of its binaries.
    pub(crate) binaries: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

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
    pub(crate) fn here() -> Result<Self, Failure> {
        Self::of_metadata(&shell::cargo().args(METADATA).read()?)
    }

    /// The workspace of another `Cargo.toml`.
    pub(crate) fn at(manifest: &Path) -> Result<Self, Failure> {
        let text = shell::cargo()
            .args(METADATA)
            .arg("--manifest-path")
            .arg(manifest)
            .read()?;
        Self::of_metadata(&text)
    }

    fn of_metadata(text: &str) -> Result<Self, Failure> {
        let value: Value = serde_json::from_str(text).map_err(|e| odd(&e.to_string()))?;
        let path = |name: &str| {
            value[name]
                .as_str()
                .map(PathBuf::from)
                .ok_or_else(|| odd(name))
        };
        let packages = value["packages"]
            .as_array()
            .ok_or_else(|| odd("packages"))?
            .iter()
            .map(package)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            root: path("workspace_root")?,
            target: path("target_directory")?,
            packages,
        })
    }

    /// The package of this name.
    pub(crate) fn package(&self, name: &str) -> Result<&Package, Failure> {
        self.packages
            .iter()
            .find(|package| package.name == name)
            .ok_or_else(|| Failure::new(format!("the workspace has no package `{name}`")))
    }

    /// The oldest Rust that may build this workspace.
    pub(crate) fn rust_version(&self) -> Result<&str, Failure> {
        self.package("xtask")?
            .rust_version
            .as_deref()
            .ok_or_else(|| Failure::new("the package `xtask` names no `rust-version`"))
    }

    /// A clean folder of ours below the target folder.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf, Failure> {
        let dir = self.target.join("xtask").join(name);
        if dir.exists() {
            std::fs::remove_dir_all(&dir)
                .map_err(|e| Failure::io(format!("could not empty {}", dir.display()), &e))?;
        }
        make_folder(&dir)?;
        Ok(dir)
    }
}

const METADATA: [&str; 4] = ["metadata", "--no-deps", "--format-version", "1"];

fn package(value: &Value) -> Result<Package, Failure> {
    let text = |value: &Value, what: &str| {
        value
            .as_str()
            .map(String::from)
            .ok_or_else(|| odd(&format!("{what} of a package")))
    };
    let manifest = PathBuf::from(text(&value["manifest_path"], "manifest_path")?);
    let list = |name: &str| {
        value[name]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
    };
    let dependencies = list("dependencies")
        .iter()
        .map(|dependency| {
            Ok(Dependency {
                name: text(&dependency["name"], "dependency name")?,
                kind: match dependency["kind"].as_str() {
                    None => Kind::Normal,
                    Some("dev") => Kind::Dev,
                    Some(_) => Kind::Build,
                },
            })
        })
        .collect::<Result<_, Failure>>()?;
    let features = value["features"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, enables)| {
            let enables = enables.as_array().into_iter().flatten();
            let enables = enables
                .filter_map(Value::as_str)
                .map(String::from)
                .collect();
            (name.clone(), enables)
        })
        .collect();
    let binaries = list("targets")
        .iter()
        .filter(|target| target["kind"][0] == "bin")
        .filter_map(|target| target["name"].as_str().map(String::from))
        .collect();
    Ok(Package {
        name: text(&value["name"], "name")?,
        dir: manifest.parent().map(Path::to_path_buf).unwrap_or_default(),
        rust_version: value["rust_version"].as_str().map(String::from),
        dependencies,
        features,
        binaries,
    })
}

fn odd(what: &str) -> Failure {
    Failure::new(format!(
        "`cargo metadata` gave an answer that cannot be used: {what}"
    ))
}

/// Makes a folder of ours, with the folders above it, where it is not there.
pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path)
        .map_err(|e| Failure::io(format!("could not create {}", path.display()), &e))
}

/// Writes a file of ours, with the folders above it.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |e| Failure::io(format!("could not write {}", path.display()), &e);
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

/// Reads a text file of the workspace.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|e| Failure::io(format!("could not read {}", path.display()), &e))
}

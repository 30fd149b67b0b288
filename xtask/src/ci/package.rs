//! `ci package`: every published package can be packed, and has what a registry shows.
//!
//! It packs without a build, which checks that dependencies have versions. `cargo publish` builds
//! each package before it uploads it.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::workspace::Workspace;

/// Files that each package contains.
const FILES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Maximum number of keywords, and of categories, that crates.io accepts.
const MAX_WORDS: usize = 5;

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let published = workspace.packages.iter();
    let published = published.filter(|package| package.is_published);
    let mut pack = workspace.cargo("package --no-verify --allow-dirty --quiet");
    let mut findings = Vec::new();
    for package in published {
        findings.extend(check(workspace, &package.dir)?);
        pack = pack.args(["--package", &package.name]);
    }
    pack.run()?;
    verdict("package", &findings)?;

    let dir = workspace.control_crate("control-package", "keywords = [\"a b\"]\n", "")?;
    let found = check(workspace, &dir)?;
    control("package", &found, "no LICENSE-MIT")?;
    control("package", &found, "no `description`")?;
    control("package", &found, "keyword `a b`")
}

/// What the package in a folder lacks.
fn check(workspace: &Workspace, dir: &Path) -> Result<Vec<String>, Failure> {
    let manifest = dir.join("Cargo.toml");
    let list = workspace.cargo("package --list --allow-dirty --quiet --manifest-path");
    let list = list.arg(&manifest).quiet().read()?;
    let metadata = workspace.cargo("metadata --no-deps --format-version 1 --manifest-path");
    let metadata: Value = serde_json::from_str(&metadata.arg(&manifest).quiet().read()?)?;
    let path = manifest.display().to_string();
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages
        .find(|package| package["manifest_path"] == path.as_str())
        .with_context(|| format!("`cargo metadata` does not list {path}"))?;

    let name = package["name"].as_str().unwrap_or_default();
    let lacks_file = FILES
        .iter()
        .filter(|file| !list.lines().any(|line| line == **file))
        .map(|file| format!("{name}: the package has no {file}"));
    Ok(lacks_file.chain(findings(name, package)).collect())
}

/// What the metadata of a package lacks.
fn findings(name: &str, package: &Value) -> Vec<String> {
    let mut findings = Vec::new();
    for field in ["description", "license", "readme", "rust_version"] {
        if package[field].as_str().is_none_or(str::is_empty) {
            findings.push(format!("{name}: no `{field}`"));
        }
    }
    for field in ["categories", "keywords"] {
        let words = package[field].as_array().map_or(0, Vec::len);
        if words == 0 || words > MAX_WORDS {
            findings.push(format!(
                "{name}: {words} {field} (allowed: 1 to {MAX_WORDS})"
            ));
        }
    }
    let keywords = package["keywords"].as_array().into_iter().flatten();
    for keyword in keywords.filter_map(Value::as_str) {
        // The rule of crates.io: https://doc.rust-lang.org/cargo/reference/manifest.html
        let is_word = |c: char| c.is_ascii_alphanumeric() || "-_+".contains(c);
        if keyword.len() > 20 || !keyword.chars().all(is_word) {
            findings.push(format!("{name}: crates.io refuses the keyword `{keyword}`"));
        }
    }
    let is_library = package["targets"].as_array().into_iter().flatten();
    let is_library = is_library
        .flat_map(|target| target["kind"].as_array().into_iter().flatten())
        .any(|kind| kind == "lib");
    if is_library && package["metadata"]["docs"]["rs"]["all-features"] != true {
        findings.push(format!("{name}: docs.rs does not show all features"));
    }
    findings
}

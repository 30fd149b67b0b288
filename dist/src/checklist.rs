//! What a release needs, as far as a program can tell: `docs/release.md` has the whole list.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};
use serde_json::Value;
use xshell::cmd;

use crate::digest;
use crate::package::{self, Kind};
use crate::release::Release;
use crate::workspace::Workspace;

/// Prints what is missing.
///
/// # Errors
/// If something is missing.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut missing = Vec::new();
    let version = workspace.version();
    let sh = &workspace.sh;
    let changes = sh.read_file(workspace.root.join("CHANGELOG.md"))?;
    missing.extend(changelog(&changes, version));
    let metadata = cmd!(
        sh,
        "cargo metadata --quiet --locked --no-deps --format-version 1"
    );
    let metadata: Value = serde_json::from_str(&metadata.quiet().read()?)?;
    missing.extend(versions(&metadata, version));
    if !cmd!(sh, "git status --porcelain")
        .quiet()
        .read()?
        .is_empty()
    {
        missing.push("the working tree has changes that are not committed".to_owned());
    }
    let tag = format!("v{version}");
    let tagged = cmd!(
        sh,
        "git tag --list {tag} --format=%(*objectname)%(objectname)"
    );
    let head = cmd!(sh, "git rev-parse HEAD").quiet().read()?;
    let tagged = tagged.quiet().read()?;
    if !tagged.is_empty() && !tagged.starts_with(head.trim()) {
        missing.push(format!("the tag {tag} is on another commit"));
    }
    if let Err(error) = Release::read(workspace)?.require_complete() {
        missing.push(error.to_string());
    }
    missing.extend(packages(workspace)?);
    missing.extend(bills(&workspace.folder.join("notices"), version));
    if missing.is_empty() {
        println!("release {version}: ok");
        return Ok(());
    }
    for what in &missing {
        eprintln!("release {version}: {what}");
    }
    bail!("{} things are missing; see docs/release.md", missing.len())
}

/// The section of the version has a date and entries.
fn changelog(text: &str, version: &str) -> Vec<String> {
    let head = format!("## [{version}]");
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&head));
    let Some(title) = lines.next() else {
        return vec![format!("CHANGELOG.md has no section `{head} - YYYY-MM-DD`")];
    };
    let mut missing = Vec::new();
    let date = title[head.len()..].trim().trim_start_matches("- ");
    let is_date = date.len() == 10
        && date.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_date {
        missing.push(format!("CHANGELOG.md: `{title}` has no date"));
    }
    let mut section = lines.take_while(|line| !line.starts_with("## "));
    if !section.any(|line| line.starts_with("- ")) {
        missing.push(format!("CHANGELOG.md: the section of {version} is empty"));
    }
    missing
}

/// All published packages have the version.
fn versions(metadata: &Value, version: &str) -> Vec<String> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let published = packages.filter(|package| package["publish"] != serde_json::json!([]));
    let others = published.filter(|package| package["version"] != version);
    others
        .map(|package| format!("{} has version {}", package["name"], package["version"]))
        .collect()
}

/// Every kind of package is there, with the hash that `SHA256SUMS` states.
fn packages(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.packages();
    let Ok(sums) = workspace.sh.read_file(folder.join("SHA256SUMS")) else {
        return Ok(vec![
            "there are no packages: cargo run -p tl-dist -- package".to_owned(),
        ]);
    };
    let mut missing = sums_differ(&folder, &sums)?;
    let listed: BTreeSet<&str> = sums.split_whitespace().collect();
    for kind in Kind::named(&[])? {
        let file = package::file_of(workspace, kind);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if !listed.contains(&*name) {
            missing.push(format!("SHA256SUMS does not list {name}"));
        }
    }
    Ok(missing)
}

fn sums_differ(folder: &Path, sums: &str) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for line in sums.lines() {
        let Some((hash, name)) = line.split_once("  ") else {
            missing.push(format!("SHA256SUMS: `{line}` is not a hash and a name"));
            continue;
        };
        let file = folder.join(name);
        if !file.is_file() {
            missing.push(format!(
                "{name} is listed in SHA256SUMS, and does not exist"
            ));
        } else if digest::hex_of_file(&file)? != hash {
            missing.push(format!("{name} has another hash than in SHA256SUMS"));
        }
    }
    Ok(missing)
}

/// The bills of materials are of this version.
fn bills(folder: &Path, version: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for program in ["tl", "tl-probe"] {
        let file = folder.join(format!("{program}.cdx.json"));
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let bill: Value = serde_json::from_str(&text).unwrap_or_default();
        if bill["metadata"]["component"]["version"] != version {
            missing.push(format!(
                "{} is not the bill of materials of {version}",
                file.display()
            ));
        }
        let components = bill["components"].as_array().into_iter().flatten();
        let mut names = components.map(|component| &component["name"]);
        if program == "tl-probe" && !names.any(|name| name == "ffmpeg") {
            missing.push(format!("{} does not list FFmpeg", file.display()));
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changelog_needs_a_dated_section_with_entries() {
        let check = |text: &str, count: usize| {
            assert_eq!(changelog(text, "1.2.3").len(), count, "{text}");
        };
        check("## [1.2.3] - 2026-11-29\n\n### Added\n\n- X\n", 0);
        check("## [Unreleased]\n- X\n", 1);
        check("## [1.2.3]\n- X\n", 1);
        check("## [1.2.3] - soon\n## [1.2.2] - 2026-11-28\n- X\n", 2);
    }

    #[test]
    fn published_packages_have_one_version() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "a", "version": "1.0.0", "publish": null },
            { "name": "b", "version": "1.0.1", "publish": null },
            { "name": "c", "version": "0.0.0", "publish": [] },
        ]});
        let found = versions(&metadata, "1.0.0");
        assert_eq!(found, ["\"b\" has version \"1.0.1\""]);
    }

    #[test]
    fn missing_and_changed_packages_are_named() {
        let folder = std::env::temp_dir().join(format!("tl-dist-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a"), "abc").unwrap();
        let good = digest::hex(b"abc");
        let sums = format!("{good}  a\n{good}  gone\nx\n");
        let found = sums_differ(&folder, &sums).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        let changed = sums_differ(&folder, "00  a\n").unwrap();
        assert!(changed[0].contains("another hash"), "{changed:?}");
        assert_eq!(bills(&folder, "1.0.0").len(), 3);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

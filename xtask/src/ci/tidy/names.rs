//! What the documents name must exist: links lead to files; in ARCHITECTURE.md also paths, crates and items in code spans.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::ci::tidy::File;
use crate::failure::Failure;
use crate::source::{self, Part};
use crate::workspace::Workspace;

/// What exists in this repository.
pub(super) struct Known {
    /// Files and folders relative to the root, and relative to each package.
    paths: BTreeSet<String>,
    /// Packages and their programs.
    crates: BTreeSet<String>,
    /// Crate, as Rust writes it, to the identifiers of its code.
    items: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    pub(super) fn of(workspace: &Workspace, files: &[File]) -> Result<Self, Failure> {
        let mut known = Self {
            paths: BTreeSet::new(),
            crates: BTreeSet::new(),
            items: BTreeMap::new(),
        };
        for file in files {
            known.add_path(&file.path);
        }
        // Folders that hold no text file that we read.
        for name in [".ci", "crates", "docs", "fuzz", "xtask"] {
            if workspace.root.join(name).is_dir() {
                known.paths.insert(name.to_owned());
            }
        }
        for package in &workspace.packages {
            known.crates.insert(package.name.clone());
            known.crates.extend(package.binaries.iter().cloned());
            let dir = package
                .dir
                .strip_prefix(&workspace.root)
                .unwrap_or(&package.dir);
            let prefix = format!("{}/", dir.display());
            let mut items = BTreeSet::new();
            for file in files {
                let Some(inside) = file.path.strip_prefix(&prefix) else {
                    continue;
                };
                known.add_path(inside);
                if inside.ends_with(".rs") {
                    let tokens = source::tokens(&file.text, Part::Everything)
                        .map_err(|failure| Failure::new(format!("{}: {failure}", file.path)))?;
                    items.extend(
                        tokens
                            .iter()
                            .filter_map(|token| token.ident().map(String::from)),
                    );
                }
            }
            known.items.insert(package.name.replace('-', "_"), items);
        }
        Ok(known)
    }

    fn add_path(&mut self, path: &str) {
        let mut path = path;
        while self.paths.insert(path.to_owned()) {
            match path.rsplit_once('/') {
                Some((folder, _)) => path = folder,
                None => break,
            }
        }
    }
}

/// The names in code spans that look like ours and do not exist.
pub(super) fn unknown(path: &str, text: &str, known: &Known) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in prose(text) {
        for span in code_spans(line) {
            if let Some(what) = judge(span, known) {
                findings.push(format!("{path}:{number}: `{span}`: {what}"));
            }
        }
    }
    findings
}

fn judge(span: &str, known: &Known) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if span.is_empty() || !span.chars().all(plain) {
        return None;
    }
    if let Some((root, rest)) = span.split_once("::") {
        let items = known.items.get(root)?;
        let missing = rest
            .split("::")
            .find(|item| !item.is_empty() && !items.contains(*item));
        return missing.map(|item| format!("the crate has no `{item}`"));
    }
    let is_crate = span.starts_with("tl-") && !span.contains(['/', '.']);
    if is_crate {
        let found = known.crates.contains(span);
        return (!found).then(|| "no crate or program has this name".into());
    }
    let first = span.split('/').next().unwrap_or_default();
    let is_media_type = [
        "application",
        "audio",
        "image",
        "multipart",
        "text",
        "video",
    ]
    .contains(&first);
    let is_file = [".md", ".rs", ".toml", ".yaml", ".yml"]
        .iter()
        .any(|end| span.ends_with(end));
    let is_path = is_file
        || (span.contains('/') && !span.starts_with('/') && !is_media_type && !span.contains(':'));
    if !is_path {
        return None;
    }
    let wanted = span.trim_start_matches("./").trim_end_matches('/');
    let found = known.paths.contains(wanted)
        || (is_file
            && !wanted.contains('/')
            && known
                .paths
                .iter()
                .any(|path| path.ends_with(&format!("/{wanted}"))));
    (!found).then(|| "no such file or folder".into())
}

/// Links to files that do not exist.
pub(super) fn broken_links(path: &str, text: &str, root: &Path) -> Vec<String> {
    let folder = root.join(path);
    let folder = folder.parent().unwrap_or(root);
    let mut findings = Vec::new();
    for (number, line) in prose(text) {
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            let target = rest.split([')', ' ', '#']).next().unwrap_or_default();
            let elsewhere =
                target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if !elsewhere && !folder.join(target).exists() {
                findings.push(format!(
                    "{path}:{number}: the link to `{target}` leads nowhere"
                ));
            }
        }
    }
    findings
}

/// The lines outside of fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((number + 1, line))
    })
}

fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let mut known = Known {
            paths: BTreeSet::new(),
            crates: ["tl-model".to_owned(), "tl-probe".to_owned()].into(),
            items: [(
                "tl_model".to_owned(),
                ["id", "TaskId"].map(String::from).into(),
            )]
            .into(),
        };
        known.add_path("crates/tl-model/src/id.rs");
        known.add_path("src/id.rs");
        known
    }

    fn check(span: &str, expect: Option<&str>) {
        assert_eq!(judge(span, &known()).as_deref(), expect, "{span}");
    }

    #[test]
    fn names_that_exist_pass() {
        for span in [
            "crates/tl-model",
            "crates/tl-model/src/id.rs",
            "src/id.rs",
            "id.rs",
            "tl-model",
            "tl-probe",
        ] {
            check(span, None);
        }
        check("tl_model::id::TaskId", None);
    }

    #[test]
    fn names_that_do_not_exist_are_reported() {
        check("crates/tl-gone", Some("no such file or folder"));
        check("src/gone.rs", Some("no such file or folder"));
        check("gone.rs", Some("no such file or folder"));
        check("tl-gone", Some("no crate or program has this name"));
        check("tl_model::GoneId", Some("the crate has no `GoneId`"));
    }

    #[test]
    fn what_is_no_name_of_ours_is_left_alone() {
        for span in [
            "/tasks",
            "multipart/form-data",
            "POST /tasks",
            "serde::Serialize",
            "std::fs",
            "429",
            "cargo xtask test",
        ] {
            check(span, None);
        }
    }

    #[test]
    fn names_are_looked_for_in_code_spans_outside_of_fences() {
        let text = "See `tl-gone`.\n```\n`tl-gone`\n```\ntl-gone `tl-model`\n";
        assert_eq!(
            unknown("A.md", text, &known()),
            ["A.md:1: `tl-gone`: no crate or program has this name"]
        );
    }

    #[test]
    fn links_lead_somewhere() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = "[a](Cargo.toml) [b](src/main.rs#top) [c](https://example.com/x) [d](#here) [e](gone.md)";
        assert_eq!(
            broken_links("README.md", text, root),
            ["README.md:1: the link to `gone.md` leads nowhere"]
        );
    }
}

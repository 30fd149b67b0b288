//! Names in documents: links point to files; in ARCHITECTURE.md, paths, crates and items exist.

use std::collections::BTreeSet;
use std::path::Path;

use super::File;
use super::files::has_word;
use crate::workspace::Workspace;

/// What exists in the repository.
pub(super) struct Known {
    /// Files and folders, relative to the root and relative to each package.
    paths: BTreeSet<String>,
    /// Packages and their programs.
    crates: BTreeSet<String>,
    /// Each package as Rust writes it, with the text of its code.
    code: Vec<(String, String)>,
}

impl Known {
    pub(super) fn new(workspace: &Workspace, files: &[File]) -> Self {
        let mut known = Self {
            paths: BTreeSet::new(),
            crates: BTreeSet::new(),
            code: Vec::new(),
        };
        for file in files {
            known.add_path(&file.path);
        }
        for package in &workspace.packages {
            known.crates.insert(package.name.clone());
            known.crates.extend(package.binaries.iter().cloned());
            let prefix = format!("{}/", workspace.shown(&package.dir));
            let inside: Vec<(&str, &str)> = files
                .iter()
                .filter_map(|file| Some((file.path.strip_prefix(&prefix)?, file.text.as_str())))
                .collect();
            inside.iter().for_each(|(path, _)| known.add_path(path));
            let code = inside.iter().filter(|(path, _)| path.ends_with(".rs"));
            let code: String = code.map(|(_, text)| *text).collect();
            known.code.push((package.name.replace('-', "_"), code));
        }
        known
    }

    fn add_path(&mut self, path: &str) {
        for folder in Path::new(path).ancestors() {
            self.paths.insert(folder.display().to_string());
        }
    }

    /// Why a code span names something of ours that does not exist.
    fn refusal(&self, span: &str) -> Option<String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
        if span.is_empty() || !span.chars().all(is_name) {
            return None;
        }
        if let Some((root, rest)) = span.split_once("::") {
            let (_, code) = self.code.iter().find(|(name, _)| name == root)?;
            let missing = rest.split("::").find(|item| !has_word(code, item));
            return missing.map(|item| format!("the crate has no `{item}`"));
        }
        if span.starts_with("tl-") && !span.contains(['/', '.']) {
            return (!self.crates.contains(span)).then(|| "no crate or program".into());
        }
        let is_file = [".md", ".rs", ".toml"]
            .iter()
            .any(|end| span.ends_with(end));
        let first = span.split('/').next().unwrap_or_default();
        let is_media_type = ["application", "multipart", "text", "video"].contains(&first);
        let is_route = span.starts_with('/') || span.contains(':');
        if !is_file && (!span.contains('/') || is_media_type || is_route) {
            return None;
        }
        let wanted = span.trim_start_matches("./").trim_end_matches('/');
        let end = format!("/{wanted}");
        let found = self.paths.contains(wanted)
            || (is_file && self.paths.iter().any(|path| path.ends_with(&end)));
        (!found).then(|| "no file or folder".into())
    }
}

/// Names in code spans that look like ours and do not exist.
pub(super) fn unknown(file: &File, known: &Known) -> Vec<String> {
    let spans = prose(&file.text).flat_map(|(number, line)| {
        line.split('`')
            .skip(1)
            .step_by(2)
            .map(move |span| (number, span))
    });
    spans
        .filter_map(|(number, span)| Some((number, span, known.refusal(span)?)))
        .map(|(number, span, why)| format!("{}:{number}: `{span}`: {why}", file.path))
        .collect()
}

/// Links to files that do not exist.
pub(super) fn broken_links(file: &File, root: &Path) -> Vec<String> {
    let path = root.join(&file.path);
    let folder = path.parent().unwrap_or(root);
    let mut findings = Vec::new();
    for (number, line) in prose(&file.text) {
        for link in line.split("](").skip(1) {
            let target = link.split([')', ' ', '#']).next().unwrap_or_default();
            let is_elsewhere =
                target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if !is_elsewhere && !folder.join(target).exists() {
                findings.push(format!("{}:{number}: broken link to `{target}`", file.path));
            }
        }
    }
    findings
}

/// The lines outside of fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        (!fenced && !is_fence).then_some((number + 1, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> File {
        File {
            path: "README.md".into(),
            text: text.into(),
        }
    }

    #[test]
    fn names_are_looked_up_outside_of_fences() {
        let mut known = Known {
            paths: BTreeSet::new(),
            crates: ["tl-model".to_owned(), "tl-probe".to_owned()].into(),
            code: vec![("tl_model".into(), "pub mod id; struct TaskId;".into())],
        };
        known.add_path("crates/tl-model/src/id.rs");
        let fine = "`crates/tl-model` `id.rs` `tl-probe` `tl_model::id::TaskId` `/tasks` `429` \
                    `multipart/form-data` `POST /tasks` `std::fs`\n```\n`tl-gone`\n```\n";
        assert_eq!(unknown(&file(fine), &known), [""; 0]);
        let wrong = "`crates/gone`\n`gone.rs` `tl-gone`\n`tl_model::Task`";
        assert_eq!(
            unknown(&file(wrong), &known),
            [
                "README.md:1: `crates/gone`: no file or folder",
                "README.md:2: `gone.rs`: no file or folder",
                "README.md:2: `tl-gone`: no crate or program",
                "README.md:3: `tl_model::Task`: the crate has no `Task`",
            ]
        );
    }

    #[test]
    fn links_point_to_files() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = "[a](Cargo.toml) [b](src/main.rs#top) [c](https://example.com/x) [d](#here)";
        assert_eq!(broken_links(&file(text), root), [""; 0]);
        let broken = "README.md:1: broken link to `gone.md`";
        assert_eq!(broken_links(&file("[e](gone.md)"), root), [broken]);
    }
}

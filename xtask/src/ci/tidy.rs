//! `ci tidy`: the habits of the house, as far as a program can see them.
//!
//! | Room | What it looks at |
//! |---|---|
//! | [`rust`] | heads, sizes and leftovers of Rust files |
//! | [`text`] | leftovers and machine paths in every text file |
//! | [`names`] | paths, links, crates and items that the documents name |
//! | [`commands`] | commands that the documents show |

mod commands;
mod names;
mod rust;
mod text;

use std::path::{Path, PathBuf};

use crate::ci::verdict;
use crate::failure::Failure;
use crate::programs::Programs;
use crate::shell::Program;
use crate::workspace::{self, Workspace};

/// A text file of the repository.
struct File {
    /// Relative to the root, with `/`.
    path: String,
    text: String,
}

/// Kinds of files that are read.
const EXTENSIONS: &[&str] = &["json", "md", "rs", "sh", "toml", "yaml", "yml"];

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let files = files(&workspace.root)?;
    let mut findings = Vec::new();
    for file in &files {
        findings.extend(text::check(&file.path, &file.text));
        if file.path.ends_with(".rs") {
            findings.extend(rust::check(&file.path, &file.text)?);
        }
    }
    findings.extend(rust::stale_exceptions(&files));
    let documents: Vec<&File> = files
        .iter()
        .filter(|file| file.path.ends_with(".md"))
        .collect();
    for expected in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        if !documents.iter().any(|file| file.path == expected) {
            findings.push(format!("{expected} is missing"));
        }
    }
    let known = names::Known::of(workspace, &files)?;
    for document in &documents {
        findings.extend(names::broken_links(
            &document.path,
            &document.text,
            &workspace.root,
        ));
        if document.path == "ARCHITECTURE.md" {
            findings.extend(names::unknown(&document.path, &document.text, &known));
        }
    }
    // What can be seen without building is told even when nothing builds.
    match Programs::build() {
        Err(failure) => findings.push(format!(
            "the commands in the documents were not checked: {failure}"
        )),
        Ok(programs) => {
            let tl = programs.path("tl")?;
            for document in &documents {
                let ask = |arguments: &[String]| ask_for_help(tl, arguments);
                findings.extend(commands::check(&document.path, &document.text, ask)?);
            }
        }
    }
    verdict(&format!("tidy: {} files", files.len()), &findings)
}

/// Asks `tl` whether it would take these arguments; `--help` keeps it from acting on them.
fn ask_for_help(tl: &Path, arguments: &[String]) -> Result<Option<String>, Failure> {
    let said = Program::new(tl).args(arguments).arg("--help").listen()?;
    Ok((!said.success).then(|| said.stderr.lines().next().unwrap_or_default().to_owned()))
}

/// Every text file that git knows or would take; without git, every text file outside of build folders.
fn files(root: &Path) -> Result<Vec<File>, Failure> {
    let listed = Program::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .dir(root)
        .listen();
    let mut paths: Vec<String> = match listed {
        Ok(said) if said.success => said.stdout.split('\0').map(String::from).collect(),
        _ => {
            let mut paths = Vec::new();
            walk(root, root, &mut paths)?;
            paths
        }
    };
    paths.sort();
    paths.dedup();
    let mut files = Vec::new();
    for path in paths {
        let is_text = path == ".ci/run"
            || Path::new(&path)
                .extension()
                .and_then(|extension| extension.to_str())
                .is_some_and(|extension| EXTENSIONS.contains(&extension));
        let full = root.join(&path);
        // Git still lists a file that was deleted and not yet committed.
        if is_text && full.is_file() {
            let text = workspace::read(&full)?;
            files.push(File { path, text });
        }
    }
    Ok(files)
}

fn walk(root: &Path, dir: &Path, paths: &mut Vec<String>) -> Result<(), Failure> {
    let failed = |e| Failure::io(format!("could not read {}", dir.display()), &e);
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path: PathBuf = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            if name != ".git" && name != "target" {
                walk(root, &path, paths)?;
            }
        } else if let Some(path) = path.strip_prefix(root).ok().and_then(Path::to_str) {
            paths.push(path.to_owned());
        }
    }
    Ok(())
}

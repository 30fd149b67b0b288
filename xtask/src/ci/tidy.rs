//! `ci tidy`: conventions of files, and documents that name what exists.
//!
//! | Module | Checks |
//! |---|---|
//! | [`files`](mod@files) | heads and lengths of Rust files, leftovers, paths of one machine |
//! | [`names`] | links, and in ARCHITECTURE.md paths, crates and items |
//! | [`commands`] | commands in console blocks |

mod commands;
mod files;
mod names;

use std::path::Path;

use anyhow::ensure;
use xshell::cmd;

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::programs::Programs;
use crate::workspace::Workspace;

/// A text file of the repository.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// Relative to the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

/// Extensions of the files that are read.
const EXTENSIONS: &[&str] = &["json", "md", "py", "rs", "sh", "toml", "txt", "yaml", "yml"];

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let files = files(workspace)?;
    let mut findings: Vec<String> = files.iter().flat_map(files::check).collect();
    let documents: Vec<&File> = files
        .iter()
        .filter(|file| file.path.ends_with(".md"))
        .collect();
    for expected in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        if !documents.iter().any(|file| file.path == expected) {
            findings.push(format!("{expected} is missing"));
        }
    }
    let known = names::Known::new(workspace, &files);
    for document in &documents {
        findings.extend(names::broken_links(document, &workspace.root));
        if document.path == "ARCHITECTURE.md" {
            findings.extend(names::unknown(document, &known));
        }
    }
    let programs = Programs::build(workspace)?;
    let tl = programs.path("tl")?;
    for document in &documents {
        findings.extend(commands::check(document, |arguments| {
            refusal(workspace, tl, arguments)
        })?);
    }
    verdict(&format!("tidy: {} files", files.len()), &findings)?;

    let wrong = File {
        path: "src/control.rs".into(),
        text: format!("#[ignore]\nfn f() {{}} // {}\n", files::NOTES[0]),
    };
    let found = files::check(&wrong);
    for expected in ["must start with `//!`", "a test is ignored", "is a note"] {
        control("tidy", &found, expected)?;
    }
    let text = "`crates/tl-gone` [x](gone.md)\n```console\n$ tl dance\n```\n".to_owned();
    let wrong = File {
        path: "ARCHITECTURE.md".into(),
        text,
    };
    control("tidy", &names::unknown(&wrong, &known), "`crates/tl-gone`")?;
    control(
        "tidy",
        &names::broken_links(&wrong, &workspace.root),
        "`gone.md`",
    )?;
    let found = commands::check(&wrong, |arguments| refusal(workspace, tl, arguments))?;
    control("tidy", &found, "`tl dance`")
}

/// What `tl` has against these arguments; `--help` keeps it from acting on them.
fn refusal(
    workspace: &Workspace,
    tl: &Path,
    arguments: &[String],
) -> Result<Option<String>, Failure> {
    let output = cmd!(workspace.sh, "{tl} {arguments...} --help")
        .quiet()
        .ignore_status()
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    Ok((!output.status.success()).then(|| text.lines().next().unwrap_or_default().to_owned()))
}

/// Every text file that git tracks, or would track.
pub(super) fn files(workspace: &Workspace) -> Result<Vec<File>, Failure> {
    let list = cmd!(
        workspace.sh,
        "git ls-files -z --cached --others --exclude-standard"
    );
    let list = list.quiet().read()?;
    let mut files = Vec::new();
    for path in list.split('\0') {
        let extension = Path::new(path).extension().unwrap_or_default();
        let is_text = path == ".ci/run" || EXTENSIONS.iter().any(|known| extension == *known);
        // Git lists a file that was deleted and not committed yet.
        if is_text && workspace.root.join(path).is_file() {
            let text = workspace.sh.read_file(path)?;
            files.push(File {
                path: path.to_owned(),
                text,
            });
        }
    }
    ensure!(!files.is_empty(), "`git ls-files` lists no file");
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.dedup_by(|a, b| a.path == b.path);
    Ok(files)
}

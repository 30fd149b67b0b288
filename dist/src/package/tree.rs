//! The files below a prefix such as `/usr`: programs, manual pages, shell completions, licenses.

use std::path::Path;

use anyhow::Result;
use xshell::cmd;

use crate::binaries::Binaries;
use crate::workspace::Workspace;

use super::{NAME, set_mode};

/// Where shells look for completions below a prefix.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/tl"),
    ("zsh", "share/zsh/site-functions/_tl"),
    ("fish", "share/fish/vendor_completions.d/tl.fish"),
];

/// Writes the files into `prefix`.
pub(super) fn write(workspace: &Workspace, built: &Binaries, prefix: &Path) -> Result<()> {
    let sh = &workspace.sh;
    let bin = prefix.join("bin");
    sh.create_dir(&bin)?;
    sh.copy_file(&built.tl, &bin)?;
    sh.copy_file(&built.probe, &bin)?;
    let tl = &built.tl;
    let pages = prefix.join("share/man/man1");
    sh.create_dir(&pages)?;
    cmd!(sh, "{tl} manpages {pages}").quiet().run()?;
    for (shell, place) in COMPLETIONS {
        let script = cmd!(sh, "{tl} completions {shell}").quiet().read()?;
        sh.write_file(prefix.join(place), format!("{script}\n"))?;
    }
    let docs = prefix.join("share/doc").join(NAME);
    sh.create_dir(&docs)?;
    for file in sh.read_dir(&built.notices)? {
        sh.copy_file(file, &docs)?;
    }
    for file in ["README.md", "CHANGELOG.md"] {
        sh.copy_file(workspace.root.join(file), &docs)?;
    }
    set_modes(prefix)
}

/// 755 for folders and programs, 644 for other files, whatever the umask is.
fn set_modes(path: &Path) -> Result<()> {
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() {
            set_mode(&path, 0o755)?;
            set_modes(&path)?;
        } else {
            let is_program = path.parent().is_some_and(|folder| folder.ends_with("bin"));
            set_mode(&path, if is_program { 0o755 } else { 0o644 })?;
        }
    }
    Ok(())
}

//! A Python wheel with both programs as scripts, the emulator for Python's tests, and a plugin of
//! pytest. It needs no particular version of Python.

use std::path::PathBuf;

use anyhow::Result;

use super::archive::Archive;
use crate::binaries::{Binaries, GLIBC};
use crate::release::Release;
use crate::workspace::{ARCH, Workspace};

const MODULE: &str = "twelvelabs_cli";

/// The platform of PEP 600 for the C library that `tl` needs.
fn tag() -> String {
    format!("py3-none-manylinux_{}_{ARCH}", GLIBC.replace('.', "_"))
}

pub(super) fn file_name(workspace: &Workspace) -> String {
    format!("{MODULE}-{}-{}.whl", workspace.version(), tag())
}

pub(super) fn make(workspace: &Workspace, built: &Binaries) -> Result<PathBuf> {
    let version = workspace.version();
    let wheel = workspace.packages().join(file_name(workspace));
    let mut archive = Archive::create(&wheel, workspace.epoch)?;
    let sources = workspace.root.join("dist/python").join(MODULE);
    for file in workspace.sh.read_dir(&sources)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if file.is_file() {
            archive.add(&format!("{MODULE}/{name}"), &std::fs::read(&file)?, 0o644)?;
        }
    }
    let data = format!("{MODULE}-{version}.data/scripts");
    for (name, program) in [("tl", &built.tl), ("tl-probe", &built.probe)] {
        archive.add(&format!("{data}/{name}"), &std::fs::read(program)?, 0o755)?;
    }
    let info = format!("{MODULE}-{version}.dist-info");
    for file in workspace.sh.read_dir(&built.notices)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        archive.add(
            &format!("{info}/licenses/{name}"),
            &std::fs::read(&file)?,
            0o644,
        )?;
    }
    let readme = workspace
        .sh
        .read_file(workspace.root.join("dist/python/README.md"))?;
    let metadata = Release::read(workspace)?
        .fill(include_str!("../../python/METADATA"))
        .replace("@VERSION@", version);
    let texts = [
        ("METADATA", format!("{metadata}\n{readme}")),
        (
            "WHEEL",
            format!(
                "Wheel-Version: 1.0\nGenerator: tl-dist {version}\nRoot-Is-Purelib: false\nTag: {}\n",
                tag()
            ),
        ),
        (
            "entry_points.txt",
            format!("[pytest11]\ntwelvelabs = {MODULE}.pytest_plugin\n"),
        ),
    ];
    for (name, text) in texts {
        archive.add(&format!("{info}/{name}"), text.as_bytes(), 0o644)?;
    }
    archive.finish(&format!("{info}/RECORD"))?;
    Ok(wheel)
}

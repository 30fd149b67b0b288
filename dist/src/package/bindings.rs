//! The wheel of `bindings/python`, built by maturin: a module for the stable ABI of Python, and the
//! self-contained `tl-probe`. One wheel serves every version of Python from 3.9 on.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde::Deserialize;
use xshell::cmd;

use super::archive::Archive;
use crate::binaries::{self, Binaries, GLIBC};
use crate::release::Release;
use crate::workspace::{ARCH, Workspace};

const MODULE: &str = "tl_validate";
/// Links against the C library of [`GLIBC`], with this name of PEP 600 for maturin.
const COMPATIBILITY: &str = "manylinux_2_17";

pub(super) fn file_name(workspace: &Workspace) -> String {
    // maturin adds the older name of the same platform.
    let legacy = "manylinux2014";
    format!(
        "{MODULE}-{}-cp39-abi3-{legacy}_{ARCH}.{COMPATIBILITY}_{ARCH}.whl",
        workspace.version()
    )
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    version: String,
}

pub(super) fn make(workspace: &Workspace, built: &Binaries) -> Result<PathBuf> {
    let sh = &workspace.sh;
    ensure!(
        COMPATIBILITY.ends_with(&GLIBC.replace('.', "_")),
        "the wheel is for glibc {GLIBC}"
    );
    let sources = workspace.root.join("bindings/python");
    let manifest: Manifest = toml::from_str(&sh.read_file(sources.join("Cargo.toml"))?)?;
    ensure!(
        manifest.package.version == workspace.version(),
        "bindings/python has version {}, the workspace {}",
        manifest.package.version,
        workspace.version()
    );
    let wheels = workspace.fresh("bindings")?;
    let name = file_name(workspace);
    {
        let _flags = binaries::push_flags(workspace)?;
        let tools = binaries::python_tools(workspace)?;
        let path = std::env::var("PATH").unwrap_or_default();
        let _path = sh.push_env("PATH", format!("{}:{path}", tools.display()));
        let _there = sh.push_dir(&sources);
        let (target, folder) = (binaries::target(), workspace.bindings_target());
        cmd!(
            sh,
            "maturin build --quiet --locked --release --zig --compatibility {COMPATIBILITY} --auditwheel check --target {target} --target-dir {folder} --out {wheels}"
        )
        .run()?;
    }
    let package = workspace.packages().join(&name);
    let mut archive = Archive::create(&package, workspace.epoch)?;
    let info = format!("{MODULE}-{}.dist-info", workspace.version());
    let metadata = format!("{info}/METADATA");
    let source = format!(
        "Project-URL: Source, {}\n",
        Release::read(workspace)?.repository
    );
    let bills = format!("{info}/sboms/");
    archive.add_wheel(&wheels.join(&name), |name, bytes| {
        if name == metadata {
            with_header(&bytes, &source)
        } else if name.starts_with(&bills) {
            without_root(&bytes, workspace)
        } else {
            bytes
        }
    })?;
    let helper = std::fs::read(&built.probe)?;
    archive.add(&format!("{MODULE}/bin/tl-probe"), &helper, 0o755)?;
    for file in sh.read_dir(&built.notices)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let place = format!("{info}/licenses/{name}");
        archive.add(&place, &std::fs::read(&file)?, 0o644)?;
    }
    archive.finish(&format!("{info}/RECORD"))?;
    Ok(package)
}

/// Removes the folder of the build from the names of crates in a bill of materials.
fn without_root(bill: &[u8], workspace: &Workspace) -> Vec<u8> {
    let root = workspace.root.display().to_string();
    String::from_utf8_lossy(bill)
        .replace(&root, "")
        .into_bytes()
}

/// Adds a line to the headers of `METADATA`, which end at the first empty line.
fn with_header(metadata: &[u8], line: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(metadata);
    match text.split_once("\n\n") {
        Some((headers, body)) => format!("{headers}\n{line}\n{body}").into_bytes(),
        None => format!("{text}{line}").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::with_header;

    #[test]
    fn a_header_is_added_before_the_description() {
        let metadata = with_header(b"Name: x\nVersion: 1\n\nText\n\nmore\n", "A: b\n");
        assert_eq!(metadata, b"Name: x\nVersion: 1\nA: b\n\nText\n\nmore\n");
        assert_eq!(with_header(b"Name: x\n", "A: b\n"), b"Name: x\nA: b\n");
    }
}

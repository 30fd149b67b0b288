//! npm packages: `twelvelabs-cli` with the JavaScript, and one per platform with the programs, which
//! npm chooses by its fields `os`, `cpu` and `libc`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::{Value, json};
use xshell::cmd;

use super::{NAME, set_mode};
use crate::binaries::Binaries;
use crate::release::Release;
use crate::workspace::{ARCH, Workspace};

/// The name of the package of this platform, and npm's name of the processor.
fn platform() -> Result<(String, &'static str)> {
    let cpu = match ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => bail!("npm's name of the processor `{other}` is not known"),
    };
    Ok((format!("{NAME}-linux-{cpu}"), cpu))
}

pub(super) fn file_name(workspace: &Workspace, package: &str) -> String {
    format!("{package}-{}.tgz", workspace.version())
}

/// Both packages; that of the platform first.
pub(super) fn make(workspace: &Workspace, built: &Binaries) -> Result<Vec<PathBuf>> {
    let sh = &workspace.sh;
    let work = workspace.fresh("npm")?;
    let (name, cpu) = platform()?;
    let repository = Release::read(workspace)?.repository;
    let programs = work.join(&name);
    sh.create_dir(programs.join("bin"))?;
    for program in [&built.tl, &built.probe] {
        sh.copy_file(program, programs.join("bin"))?;
    }
    for file in sh.read_dir(&built.notices)? {
        sh.copy_file(file, &programs)?;
    }
    let described = json!({
        "name": name,
        "version": workspace.version(),
        "description": format!("The programs of {NAME} for Linux, {cpu}"),
        "repository": { "type": "git", "url": format!("git+{repository}.git") },
        "license": "(MIT OR Apache-2.0) AND LGPL-2.1-or-later AND Zlib",
        "os": ["linux"], "cpu": [cpu], "libc": ["glibc"],
        "files": ["bin", "*.txt", "*.patch", "LICENSE-*", "COPYING.*"],
        "preferUnplugged": true,
    });
    write_json(workspace, &programs.join("package.json"), &described)?;

    let main = work.join(NAME);
    sh.create_dir(&main)?;
    let sources = workspace.root.join("dist/npm");
    cmd!(sh, "cp -R {sources}/. {main}").quiet().run()?;
    for license in ["LICENSE-MIT", "LICENSE-APACHE"] {
        sh.copy_file(workspace.root.join(license), &main)?;
    }
    let package = main.join("package.json");
    let mut described: Value = serde_json::from_str(&sh.read_file(&package)?)?;
    described["version"] = json!(workspace.version());
    described["homepage"] = json!(repository);
    described["repository"] = json!({ "type": "git", "url": format!("git+{repository}.git") });
    described["optionalDependencies"] = json!({ name.clone(): workspace.version() });
    write_json(workspace, &package, &described)?;
    Ok(vec![
        pack(workspace, &programs, &name)?,
        pack(workspace, &main, NAME)?,
    ])
}

fn write_json(workspace: &Workspace, path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    Ok(workspace.sh.write_file(path, format!("{text}\n"))?)
}

/// npm sets times and owners itself, so that its archives depend on content and modes alone.
fn pack(workspace: &Workspace, folder: &Path, name: &str) -> Result<PathBuf> {
    let sh = &workspace.sh;
    let bin = folder.join("bin");
    if sh.path_exists(&bin) {
        for program in sh.read_dir(bin)? {
            set_mode(&program, 0o755)?;
        }
    }
    let packages = workspace.packages();
    cmd!(
        sh,
        "npm pack --silent --pack-destination {packages} {folder}"
    )
    .quiet()
    .ignore_stdout()
    .run()?;
    Ok(packages.join(file_name(workspace, name)))
}

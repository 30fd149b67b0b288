//! The two programs: `tl-probe`, linked completely statically with FFmpeg, and `tl`, which needs the
//! GNU C library only, in an old version.
//!
//! `tl` is not linked statically, because it resolves host names: the C library loads the machine's
//! name services at run time, and a static program can load only those of the same version.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use xshell::{PushEnv, cmd};

use crate::ffmpeg::{self, StaticFfmpeg};
use crate::sbom;
use crate::workspace::{ARCH, Workspace};

/// The oldest version of the GNU C library that `tl` runs with; the oldest that Rust supports.
pub(crate) const GLIBC: &str = "2.17";

pub(crate) struct Binaries {
    pub(crate) tl: PathBuf,
    pub(crate) probe: PathBuf,
    /// License texts and what describes the build.
    pub(crate) notices: PathBuf,
}

/// Builds both programs into `target/dist/bin`.
///
/// # Errors
/// If FFmpeg or a program cannot be built.
pub(crate) fn build(workspace: &Workspace) -> Result<Binaries> {
    let ffmpeg = ffmpeg::build(workspace)?;
    let bin = workspace.folder.join("bin");
    workspace.sh.create_dir(&bin)?;
    let _flags = push_flags(workspace)?;
    // The shorter build first.
    let probe = build_probe(workspace, &ffmpeg, &bin)?;
    let built = Binaries {
        tl: build_tl(workspace, &bin)?,
        probe,
        notices: workspace.folder.join("notices"),
    };
    write_notices(workspace, &ffmpeg, &built)?;
    for program in [&built.tl, &built.probe] {
        print_size(program)?;
    }
    Ok(built)
}

/// Builds `tl-probe` alone, which needs neither zig nor PyPI.
///
/// # Errors
/// If FFmpeg or the program cannot be built.
pub(crate) fn build_probe_only(workspace: &Workspace) -> Result<PathBuf> {
    let ffmpeg = ffmpeg::build(workspace)?;
    let bin = workspace.folder.join("bin");
    workspace.sh.create_dir(&bin)?;
    let _flags = push_flags(workspace)?;
    let probe = build_probe(workspace, &ffmpeg, &bin)?;
    print_size(&probe)?;
    Ok(probe)
}

fn print_size(program: &Path) -> Result<()> {
    let size = std::fs::metadata(program)?.len();
    println!("{size} bytes: {}", program.display());
    Ok(())
}

/// The environment of every release build: no path of this machine, and no symbols.
pub(crate) fn push_flags(workspace: &Workspace) -> Result<Vec<PushEnv<'_>>> {
    let flags = [
        ("RUSTFLAGS", rust_flags(workspace)?),
        ("CFLAGS", c_flags(workspace)?),
        ("CARGO_PROFILE_RELEASE_STRIP", "symbols".to_owned()),
        ("CARGO_INCREMENTAL", "0".to_owned()),
    ];
    let pushed = flags
        .iter()
        .map(|(name, value)| workspace.sh.push_env(name, value));
    Ok(pushed.collect())
}

/// The programs that an earlier [`build`] left.
///
/// # Errors
/// If one is missing.
pub(crate) fn existing(workspace: &Workspace) -> Result<Binaries> {
    let bin = workspace.folder.join("bin");
    let built = Binaries {
        tl: bin.join("tl"),
        probe: bin.join("tl-probe"),
        notices: workspace.folder.join("notices"),
    };
    for path in [&built.tl, &built.probe, &built.notices] {
        ensure!(
            path.exists(),
            "no {}\n  hint: run `cargo run -p tl-dist -- build` first",
            path.display()
        );
    }
    Ok(built)
}

/// Folders that would be embedded in a binary, and what is embedded instead.
fn mapped(workspace: &Workspace) -> Result<[(String, &'static str); 2]> {
    let cargo_home = workspace.cargo_home()?;
    Ok([
        (workspace.root.display().to_string(), "/tl"),
        (cargo_home.display().to_string(), "/cargo"),
    ])
}

fn rust_flags(workspace: &Workspace) -> Result<String> {
    let flags = mapped(workspace)?.map(|(from, to)| format!("--remap-path-prefix={from}={to}"));
    Ok(flags.join(" "))
}

fn c_flags(workspace: &Workspace) -> Result<String> {
    let flags = mapped(workspace)?.map(|(from, to)| format!("-ffile-prefix-map={from}={to}"));
    Ok(flags.join(" "))
}

pub(crate) fn target() -> String {
    format!("{ARCH}-unknown-linux-gnu")
}

/// Links with zig, whose C library can be of any version.
fn build_tl(workspace: &Workspace, bin: &Path) -> Result<PathBuf> {
    let sh = &workspace.sh;
    let tools = python_tools(workspace)?;
    let path = std::env::var("PATH").unwrap_or_default();
    let _path = sh.push_env("PATH", format!("{}:{path}", tools.display()));
    let target = target();
    let old = format!("{target}.{GLIBC}");
    let folder = workspace.folder.join("cargo-tl");
    cmd!(
        sh,
        "cargo zigbuild --quiet --locked --release --package twelvelabs-cli --bin tl --no-default-features --features helper --target {old} --target-dir {folder}"
    )
    .run()?;
    take(
        workspace,
        &folder.join(target).join("release/tl"),
        bin,
        "tl",
    )
}

/// Links everything statically, as a position-independent program.
fn build_probe(workspace: &Workspace, ffmpeg: &StaticFfmpeg, bin: &Path) -> Result<PathBuf> {
    let sh = &workspace.sh;
    let _config = sh.push_env("PKG_CONFIG_LIBDIR", ffmpeg.prefix.join("lib/pkgconfig"));
    let _static = sh.push_env("PKG_CONFIG_ALL_STATIC", "1");
    let (target, folder) = (target(), workspace.folder.join("cargo-probe"));
    cmd!(
        sh,
        "cargo rustc --quiet --locked --release --package tl-dist-probe --bin tl-dist-probe --target {target} --target-dir {folder} -- -C target-feature=+crt-static"
    )
    .run()?;
    take(
        workspace,
        &folder.join(target).join("release/tl-dist-probe"),
        bin,
        "tl-probe",
    )
}

fn take(workspace: &Workspace, from: &Path, bin: &Path, name: &str) -> Result<PathBuf> {
    let program = bin.join(name);
    workspace.sh.copy_file(from, &program)?;
    Ok(program)
}

/// cargo-zigbuild and zig from PyPI, at the versions of `requirements.txt`; the folder of their
/// programs.
pub(crate) fn python_tools(workspace: &Workspace) -> Result<PathBuf> {
    let sh = &workspace.sh;
    let requirements = workspace.root.join("dist/requirements.txt");
    let venv = workspace.folder.join("tools");
    let finished = venv.join("finished.txt");
    let wanted = sh.read_file(&requirements)?;
    if sh.read_file(&finished).is_ok_and(|there| there == wanted) {
        return Ok(venv.join("bin"));
    }
    cmd!(sh, "python3 -m venv --clear {venv}").quiet().run()?;
    let pip = venv.join("bin/pip");
    cmd!(
        sh,
        "{pip} install --quiet --disable-pip-version-check --requirement {requirements}"
    )
    .quiet()
    .run()?;
    sh.write_file(finished, wanted)?;
    Ok(venv.join("bin"))
}

fn write_notices(workspace: &Workspace, ffmpeg: &StaticFfmpeg, built: &Binaries) -> Result<()> {
    let sh = &workspace.sh;
    let notices = &built.notices;
    sh.remove_path(notices)?;
    sh.create_dir(notices)?;
    for file in sh.read_dir(&ffmpeg.notices)? {
        sh.copy_file(file, notices)?;
    }
    for license in ["LICENSE-MIT", "LICENSE-APACHE"] {
        sh.copy_file(workspace.root.join(license), notices)?;
    }
    let tree = |package: &str, options: &[&str]| -> Result<String> {
        let format = "{p} ({l})";
        let listed = cmd!(
            sh,
            "cargo tree --quiet --locked --package {package} --edges normal --prefix none --no-dedupe --format {format} {options...}"
        )
        .quiet()
        .read()?;
        // The folder of a crate of the workspace follows its version.
        let mut crates: Vec<String> = listed
            .lines()
            .map(|line| match (line.find(" (/"), line.rfind(") (")) {
                (Some(from), Some(to)) if from < to => {
                    format!("{}{}", &line[..from], &line[to + 1..])
                }
                _ => line.replace(" (proc-macro)", ""),
            })
            .collect();
        crates.sort_unstable();
        crates.dedup();
        ensure!(!crates.is_empty(), "cargo tree lists no crates");
        Ok(crates.join("\n"))
    };
    let text = format!(
        "tl\n==\n{}\n\ntl-probe\n========\n{}\n",
        tree(
            "twelvelabs-cli",
            &["--no-default-features", "--features", "helper"]
        )?,
        tree("tl-dist-probe", &[])?
    );
    sh.write_file(notices.join("CRATES.txt"), text)?;
    sbom::write(workspace, notices)?;
    let rustc = cmd!(sh, "rustc --version").quiet().read()?;
    let libc = cmd!(sh, "ldd --version").quiet().read()?;
    let gcc = cmd!(sh, "cc --version").quiet().read()?;
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    let build = format!(
        "rustc: {rustc}\nC compiler of FFmpeg: {}\nC library in tl-probe: {}\nC library of tl: glibc {GLIBC} or later\n",
        first(&gcc),
        first(&libc)
    );
    sh.write_file(notices.join("BUILD.txt"), build)?;
    Ok(())
}

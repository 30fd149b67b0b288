//! Folders and versions of the workspace, and the shell for child processes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

/// The time stamp of every file in a package: that of the last commit, so that two builds of one
/// commit are equal.
const EPOCH_VARIABLE: &str = "SOURCE_DATE_EPOCH";

pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// `target/dist`
    pub(crate) folder: PathBuf,
    pub(crate) sh: Shell,
    /// Seconds since 1970.
    pub(crate) epoch: u64,
}

impl Workspace {
    /// # Errors
    /// If this is not a git working tree and `SOURCE_DATE_EPOCH` is not set.
    pub(crate) fn here() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("the package is in a folder of the workspace")?
            .to_owned();
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |path| root.join(path));
        Self::of(root, target.join("dist"))
    }

    /// The workspace at `root`, with results in `folder`.
    pub(crate) fn of(root: PathBuf, folder: PathBuf) -> Result<Self> {
        let sh = Shell::new()?;
        sh.change_dir(&root);
        let epoch = match std::env::var(EPOCH_VARIABLE) {
            Ok(text) => text,
            Err(_) => cmd!(sh, "git log -1 --format=%ct").quiet().read()?,
        };
        let epoch = epoch
            .trim()
            .parse()
            .with_context(|| format!("{EPOCH_VARIABLE} is not a number of seconds"))?;
        sh.set_var(EPOCH_VARIABLE, format!("{epoch}"));
        // Umask and locale must not reach the packages.
        sh.set_var("LC_ALL", "C");
        sh.create_dir(&folder)?;
        Ok(Self {
            root,
            folder,
            sh,
            epoch,
        })
    }

    pub(crate) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// Cargo's folder of downloads.
    pub(crate) fn cargo_home(&self) -> Result<PathBuf> {
        let home = |path: std::ffi::OsString| Path::new(&path).join(".cargo");
        std::env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(home))
            .context("HOME is not set")
    }

    /// The folder of finished packages.
    pub(crate) fn packages(&self) -> PathBuf {
        self.folder.join("packages")
    }

    /// Where cargo builds the bindings.
    pub(crate) fn bindings_target(&self) -> PathBuf {
        self.folder.join("cargo-bindings")
    }

    /// An empty folder for a work step.
    pub(crate) fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join("work").join(name);
        self.sh.remove_path(&folder)?;
        self.sh.create_dir(&folder)?;
        Ok(folder)
    }
}

/// The processor of the built binaries, as in a target triple.
pub(crate) const ARCH: &str = std::env::consts::ARCH;

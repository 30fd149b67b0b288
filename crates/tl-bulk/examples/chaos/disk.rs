//! A disk that is soon full: a small file system in memory, if this process may mount one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Unmounted when it is dropped.
pub(crate) struct SmallDisk {
    pub(crate) path: PathBuf,
}

impl SmallDisk {
    /// Mounts a disk of this size, or returns `None` if that is not permitted.
    pub(crate) fn mount(path: &Path, kib: u64) -> Option<Self> {
        std::fs::create_dir(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(path)
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self {
            path: path.to_owned(),
        })
    }

    /// Copies its files to a larger disk.
    pub(crate) fn copy_to(self, folder: &Path) -> Result<(), String> {
        let copied = Command::new("cp")
            .arg("-a")
            .arg(format!("{}/.", self.path.display()))
            .arg(folder)
            .status();
        match copied {
            Ok(status) if status.success() => Ok(()),
            result => Err(format!("the full disk cannot be copied: {result:?}")),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.path).status();
    }
}

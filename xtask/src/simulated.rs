//! For tests: a machine whose programs are shell scripts in a temporary folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::machine::{Machine, System};

/// A folder with `bin/` for programs and `lib*/` for libraries; removed on drop.
pub(crate) struct Simulated {
    pub(crate) machine: Machine,
    pub(crate) dir: PathBuf,
}

impl Simulated {
    /// `programs` are names and the lines of their scripts; `$HERE` in a script is the folder.
    pub(crate) fn new(system: System, programs: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "tl-xtask-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(dir.join("bin")).unwrap();
        let simulated = Self {
            machine: Machine::simulated(system, &dir),
            dir,
        };
        for (name, script) in programs {
            let text = format!("#!/bin/sh\nHERE='{}'\n{script}\n", simulated.dir.display());
            executable(&simulated.dir.join("bin").join(name), &text);
        }
        simulated
    }

    /// Writes a file below the folder.
    pub(crate) fn file(&self, path: &str, text: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Reads a file below the folder; empty if there is none.
    pub(crate) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.dir.join(path)).unwrap_or_default()
    }
}

/// Written by a child: a test in another thread that forks while we hold the file open for writing
/// would keep it from being executed ("text file busy").
fn executable(path: &Path, text: &str) {
    let status = Command::new("/bin/sh")
        .args([
            "-c",
            r#"printf %s "$1" > "$2" && chmod 755 "$2""#,
            "sh",
            text,
        ])
        .arg(path)
        .status()
        .unwrap();
    assert!(status.success());
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

//! A PostgreSQL server for tests, with its own data folder. It listens on a socket in that folder.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tl_ledger::Ledger;

/// The user `nobody`: the server refuses to run as root.
const NOBODY: u32 = 65_534;

/// The password of the user `tl`.
const PASSWORD: &str = "secret-7";

/// A server that ends with the test.
pub(crate) struct Postgres {
    process: Option<Child>,
    folder: TempDir,
}

/// The folder with the programs of the server.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::var_os("POSTGRES_BIN").map(PathBuf::from);
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| {
            entries
                .flatten()
                .map(|entry| entry.path().join("bin"))
                .collect()
        })
        .unwrap_or_default();
    versions.sort();
    let folders = named.into_iter().chain(std::env::split_paths(&path));
    let has_server =
        |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    folders
        .chain(versions.into_iter().rev())
        .find(has_server)
        .expect("no PostgreSQL server: run `cargo xtask setup`, or set POSTGRES_BIN")
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("tl-pg").tempdir().unwrap();
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0);
        if is_root {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o644)).unwrap();
        let mut server = Self {
            process: None,
            folder,
        };
        let created = server
            .command("initdb")
            .args([
                "--no-sync",
                "--encoding=UTF8",
                "--username=tl",
                "--auth=scram-sha-256",
            ])
            .arg("--pwfile")
            .arg(&password)
            .output()
            .expect("initdb starts");
        assert!(created.status.success(), "{created:?}");
        server.launch();
        let started = Instant::now();
        while let Err(error) = Ledger::connect(&server.url(PASSWORD)) {
            assert!(started.elapsed() < Duration::from_secs(60), "{error}");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// A program of the server, on its data.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(programs().join(program));
        command.env("LC_ALL", "C").current_dir("/");
        command.arg("-D").arg(self.folder.path().join("data"));
        if std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0) {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Starts the server after it was stopped. It may not accept connections yet.
    pub(crate) fn launch(&mut self) {
        let process = self
            .command("postgres")
            .arg("-k")
            .arg(self.folder.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        self.process = Some(process);
    }

    /// Stops the server at once.
    pub(crate) fn stop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        // SIGQUIT: an immediate shutdown.
        let pid = rustix::process::Pid::from_child(&process);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _ = process.wait();
    }

    /// The URL of the ledger with the right password.
    pub(crate) fn ledger(&self) -> String {
        self.url(PASSWORD)
    }

    pub(crate) fn url(&self, password: &str) -> String {
        let socket = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://tl:{password}@{socket}/postgres")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

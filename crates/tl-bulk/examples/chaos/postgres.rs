//! A PostgreSQL server of a round, which can be stopped and started again.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The user `nobody`: the server refuses to run as root.
const NOBODY: u32 = 65_534;

pub(crate) struct Server {
    process: Option<Child>,
    folder: PathBuf,
    is_root: bool,
}

/// The folder with the programs of the server.
fn programs() -> PathBuf {
    let named = std::env::var_os("POSTGRES_BIN").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let versions = versions.flatten().map(|entry| entry.path().join("bin"));
    let mut folders = named
        .into_iter()
        .chain(std::env::split_paths(&path))
        .chain(versions);
    let is_complete = |folder: &PathBuf| {
        ["initdb", "postgres", "pg_ctl"]
            .iter()
            .all(|program| folder.join(program).exists())
    };
    folders
        .find(is_complete)
        .expect("no PostgreSQL server: run `cargo xtask setup`, or set POSTGRES_BIN")
}

impl Server {
    pub(crate) fn start(folder: &Path) -> Self {
        let is_root = rustix::process::getuid().is_root();
        let folder = folder.join("postgres");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        if is_root {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut server = Self {
            process: None,
            folder,
            is_root,
        };
        let made = server
            .command("initdb")
            .args(["--no-sync", "--username", "tl", "--auth", "trust"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        server.launch();
        server
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(programs().join(program));
        command.env("LC_ALL", "C").current_dir("/");
        command.arg("-D").arg(self.folder.join("data"));
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// The address of the ledger.
    pub(crate) fn url(&self) -> String {
        let host = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://tl@{host}/postgres")
    }

    pub(crate) fn launch(&mut self) {
        let log = std::fs::File::create(self.folder.join("log")).unwrap();
        let process = self
            .command("postgres")
            .arg("-k")
            .arg(&self.folder)
            .args(["-c", "listen_addresses=", "-c", "max_connections=40"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.process = Some(process.unwrap());
        let started = Instant::now();
        while let Err(error) = tl_ledger::Ledger::connect(&self.url()) {
            assert!(started.elapsed() < Duration::from_secs(60), "{error}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends the server at once, as a crash does.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = self
                .command("pg_ctl")
                .args(["stop", "-s", "-m", "immediate"])
                .status();
            let _ = process.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

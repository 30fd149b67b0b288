//! A PostgreSQL server for tests.
//!
//! It has its own data folder and listens on a socket in it. It needs the programs of the
//! distribution's package (`cargo xtask setup` installs it); without them, the tests fail.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tl_ledger::Ledger;

use crate::place::Place;

/// The user `nobody`: the server refuses to run as root.
const NOBODY: u32 = 65_534;

/// The user of the database.
const USER: &str = "tl";

/// A server that ends with the test.
pub(crate) struct Server {
    process: Option<Child>,
    is_root: bool,
    folder: TempDir,
    /// Settings of the server beyond those of the tests.
    settings: Vec<String>,
}

/// The folder with the programs of the server.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::var_os("POSTGRES_BIN")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    folders.extend(std::env::split_paths(&path));
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| {
            entries
                .flatten()
                .map(|entry| entry.path().join("bin"))
                .collect()
        })
        .unwrap_or_default();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let has_server =
        |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    folders
        .into_iter()
        .find(has_server)
        .expect("no PostgreSQL server: run `cargo xtask setup`, or set POSTGRES_BIN")
}

impl Server {
    /// Starts a server; `auth` is the method for every user.
    pub(crate) fn start(auth: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("tl-pg")
            .tempdir()
            .expect("a folder");
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|meta| {
            use std::os::unix::fs::MetadataExt;
            meta.uid() == 0
        });
        if is_root {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("changed");
        }
        let password = folder.path().join("password");
        std::fs::write(&password, "secret-7").expect("written");
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o644)).expect("set");
        let mut server = Self {
            process: None,
            is_root,
            folder,
            settings: Vec::new(),
        };
        let output = server
            .command("initdb")
            .args([
                "--no-sync",
                "--encoding=UTF8",
                "--username",
                USER,
                "--auth",
                auth,
            ])
            .arg("--pwfile")
            .arg(&password)
            .output()
            .expect("initdb starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        server.launch();
        server
    }

    /// A program of the server, as a user without rights.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(programs().join(program));
        command
            .env("LC_ALL", "C")
            .current_dir("/")
            .arg("-D")
            .arg(self.folder.path().join("data"));
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    pub(crate) fn launch(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a log");
        let process = self
            .command("postgres")
            .arg("-k")
            .arg(self.folder.path())
            // No port on the network. Syncing is off because no test cuts the power.
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "fsync=off",
                "-c",
                "max_connections=40",
            ])
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        self.process = Some(process);
        let started = Instant::now();
        while let Err(error) = Ledger::connect(&self.url("postgres", "secret-7")) {
            let log = std::fs::read_to_string(self.folder.path().join("log"));
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{error}: {log:?}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Starts the server again, with a port on this machine and a certificate for `localhost`.
    /// Returns the certificate of the issuer, and the port.
    pub(crate) fn enable_tls(&mut self) -> (PathBuf, u16) {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

        let key = || KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = key();
        let root = authority.self_signed(&authority_key).expect("signed");
        let issuer = Issuer::new(authority, authority_key);
        let server_key = key();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])
            .expect("parameters")
            .signed_by(&server_key, &issuer)
            .expect("signed");
        let write = |name: &str, text: &str| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
            if self.is_root {
                chown(&path, Some(NOBODY), Some(NOBODY)).expect("changed");
            }
            path.display().to_string()
        };
        let root = write("root.pem", &root.pem());
        let certificate = write("server.pem", &certificate.pem());
        let private = write("server.key", &server_key.serialize_pem());
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = port.expect("a port").port();
        self.settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={certificate}"),
            format!("ssl_key_file={private}"),
        ]
        .into();
        self.restart();
        (root.into(), port)
    }

    /// Replaces the rules for clients (`pg_hba.conf`).
    pub(crate) fn set_access(&mut self, rules: &str) {
        std::fs::write(self.folder.path().join("data/pg_hba.conf"), rules).expect("written");
        self.restart();
    }

    fn restart(&mut self) {
        self.stop();
        self.launch();
    }

    pub(crate) fn socket(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self, database: &str, password: &str) -> String {
        let socket = self.socket().display();
        let port = self
            .settings
            .iter()
            .find_map(|setting| setting.strip_prefix("port="))
            .unwrap_or("5432");
        format!("host={socket} port={port} user={USER} dbname={database} password={password}")
    }

    /// Runs SQL.
    pub(crate) fn sql(&self, database: &str, sql: &str) {
        self.query(database, sql);
    }

    /// The only value of a query, as text.
    pub(crate) fn one(&self, database: &str, sql: &str) -> String {
        let rows = self.query(database, sql);
        let value = rows.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        value.expect("a value")
    }

    fn query(&self, database: &str, sql: &str) -> Vec<tokio_postgres::SimpleQueryMessage> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let url = self.url(database, "secret-7");
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
                .await
                .expect("connected");
            let connection = tokio::spawn(connection);
            let rows = client.simple_query(sql).await.expect("accepted");
            drop(client);
            connection.await.expect("no panic").expect("closed");
            rows
        })
    }

    /// Starts the server again without TLS.
    pub(crate) fn disable_tls(&mut self) {
        self.settings.retain(|setting| !setting.starts_with("ssl"));
        self.restart();
    }

    /// A new database.
    pub(crate) fn place(&self, name: &str) -> Place {
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        Place::at(&self.url(name, "secret-7"))
    }

    /// Ends the server at once, as a crash does: it recovers from its log at the next start.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let stopped = self
                .command("pg_ctl")
                .args(["stop", "-s", "-m", "immediate"])
                .status();
            if !stopped.is_ok_and(|status| status.success()) {
                let _ = process.kill();
            }
            let _ = process.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

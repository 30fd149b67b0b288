//! PostgreSQL: the suites on a real server that the tests start, and what is special about it.
//!
//! The server has its own data folder and listens on a socket in it. It needs the programs of the
//! distribution's package (`cargo xtask setup` installs it); without them, the tests fail.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tl_ledger::{ErrorKind, Ledger, OpenOptions, State, Update};

use crate::place::Place;
use crate::world::{World, file};
use crate::{Suite, claims, contents, maintenance, model, processes, records, scale};

/// The user `nobody`: the server refuses to run as root.
const NOBODY: u32 = 65_534;

/// The user of the database.
const USER: &str = "tl";

/// A server that ends with the test.
struct Server {
    process: Option<Child>,
    is_root: bool,
    folder: TempDir,
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
    fn start(auth: &str) -> Self {
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

    fn launch(&mut self) {
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

    fn socket(&self) -> &Path {
        self.folder.path()
    }

    fn url(&self, database: &str, password: &str) -> String {
        let socket = self.socket().display();
        format!("host={socket} user={USER} dbname={database} password={password}")
    }

    /// Runs SQL.
    fn sql(&self, database: &str, sql: &str) {
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
            client.batch_execute(sql).await.expect("accepted");
            drop(client);
            connection.await.expect("no panic").expect("closed");
        });
    }

    /// A new database.
    fn place(&self, name: &str) -> Place {
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        Place::at(&self.url(name, "secret-7"))
    }

    /// Ends the server at once, as a crash does: it recovers from its log at the next start.
    fn stop(&mut self) {
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

/// Runs suites, each test in its own database of one server.
fn run(suites: &[Suite], least: usize) {
    let server = Server::start("trust");
    let mut failed = Vec::new();
    let mut passed = 0;
    for (name, test) in suites.iter().copied().flatten() {
        let place = server.place(name);
        match catch_unwind(AssertUnwindSafe(|| test(&place))) {
            Ok(()) => passed += 1,
            Err(_) => failed.push(*name),
        }
    }
    assert_eq!(failed, [""; 0], "{passed} passed");
    assert!(passed >= least, "{passed}");
}

#[test]
fn suites_pass_on_postgresql() {
    let suites = [
        contents::SUITE,
        claims::SUITE,
        records::SUITE,
        maintenance::SUITE,
    ];
    run(&suites, 29);
}

#[test]
fn processes_and_model_pass_on_postgresql() {
    run(&[processes::SUITE, model::SUITE], 4);
}

#[test]
fn ten_thousand_items_on_postgresql() {
    let server = Server::start("trust");
    scale::measure(&server.place("scale"), 10_000);
}

#[test]
fn refused_connections_have_a_kind_and_show_no_password() {
    let server = Server::start("scram-sha-256");
    let check = |url: &str, kind: ErrorKind| {
        let error = Ledger::connect(url).unwrap_err();
        let text = format!("{error} {error:?} {:?}", error.hint());
        assert_eq!(error.kind(), kind, "{text}");
        assert!(!text.contains("secret"), "{text}");
    };
    check(&server.url("postgres", "secret-8"), ErrorKind::Denied);
    check(&server.url("missing", "secret-7"), ErrorKind::Denied);
    check(
        "postgres://tl:secret-7@127.0.0.1:1/db",
        ErrorKind::Unavailable,
    );
    check("postgres://tl:secret-7@[/db", ErrorKind::Invalid);
    let socket = server.socket().display();
    check(
        &format!("host={socket}/none user=tl password=secret-7"),
        ErrorKind::Unavailable,
    );
    // A user without rights.
    server.sql("postgres", "CREATE USER guest PASSWORD 'secret-9'");
    let guest = format!("host={socket} user=guest dbname=postgres password=secret-9");
    let place = Place::at(&guest);
    let mut ledger = Ledger::connect(&place.address());
    assert_eq!(ledger.as_mut().unwrap_err().kind(), ErrorKind::Denied);
}

#[test]
fn layout_and_access_are_checked() {
    let server = Server::start("trust");
    let place = server.place("layout");
    let options = OpenOptions::new().read_only();
    let empty = options.connect(&place.address()).unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::NotALedger);
    World::new(&place).add(&[file(1)]);
    let mut reader = options.connect(&place.address()).unwrap();
    let account = reader.accounts().unwrap()[0].id;
    let now = crate::world::start();
    assert_eq!(reader.counts(now, account).unwrap().of(State::Ready), 1);
    let error = reader.set_cursor(account, "i", now).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    server.sql("layout", "UPDATE tl_ledger.meta SET value = 2");
    let error = Ledger::connect(&place.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Newer, "{error}");
}

#[test]
fn leases_follow_the_clock_of_the_server() {
    let server = Server::start("trust");
    let place = server.place("clock");
    World::new(&place).add(&[file(1)]);
    let mut ledger = Ledger::connect(&place.address()).unwrap();
    let account = ledger.accounts().unwrap()[0].id;
    let options = tl_ledger::ClaimOptions::new(account, "w");
    // This worker's clock is an hour late, the other's is an hour early.
    let late = jiff::Timestamp::now() - Duration::from_secs(3600);
    let claim = ledger.claim(late, &options, crate::world::cost).unwrap();
    let lease = claim.items[0].lease;
    assert!((jiff::Timestamp::now().as_second() - claim.now.as_second()).abs() < 60);
    let early = jiff::Timestamp::now() + Duration::from_secs(3600);
    assert_eq!(
        ledger
            .claim(early, &options, crate::world::cost)
            .unwrap()
            .items,
        []
    );
    ledger
        .update(early, lease, &Update::to(State::Sending))
        .unwrap();
    assert!((ledger.time(early).unwrap().as_second() - claim.now.as_second()).abs() < 60);
}

#[test]
fn restarted_server_is_reported_and_nothing_is_lost() {
    let mut server = Server::start("trust");
    let place = server.place("restart");
    let mut world = World::new(&place);
    world.add_files(3);
    let lease = world.lease();
    server.stop();
    let error = world.ledger.release(lease).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let error = Ledger::connect(&place.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    server.launch();
    world.ledger = place.open();
    world.ledger.release(lease).unwrap();
    assert_eq!(world.claim(5).items.len(), 3);
    world.verify();
}

#[test]
fn ledger_works_inside_an_async_runtime() {
    let server = Server::start("trust");
    let place = server.place("runtime");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(&place);
        world.add_files(2);
        assert_eq!(world.claim(2).items.len(), 2);
    });
}

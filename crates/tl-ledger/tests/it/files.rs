//! Files that are no ledger, damaged, locked, read-only, or of another version.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use tl_ledger::{ErrorKind, LAYOUT, Ledger, OpenOptions, State};

use crate::place::Place;
use crate::world::{World, file};

fn path(place: &Place) -> String {
    place.address()
}

/// A ledger with two items.
fn filled() -> Place {
    let place = Place::file();
    World::new(&place).add(&[file(1), file(2)]);
    place
}

fn sql(place: &Place, sql: &str) {
    Connection::open(path(place))
        .unwrap()
        .execute_batch(sql)
        .unwrap();
}

fn refused(path: impl AsRef<Path>, kind: ErrorKind, part: &str) {
    let error = Ledger::open(&path).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    let text = error.to_string();
    assert!(text.contains(part) && text.contains("ledger `"), "{text}");
    assert!(error.hint().is_some() || kind == ErrorKind::Other);
}

/// A ledger of layout 1 lacks what later steps add.
#[test]
fn older_layout_is_migrated() {
    let place = Place::file();
    let world = World::new(&place);
    let account = world.account;
    drop(world);
    sql(
        &place,
        "DROP TABLE stage_time; DROP TABLE index_name; UPDATE meta SET value = 1",
    );
    let read_only = OpenOptions::new().read_only().open(path(&place));
    assert_eq!(read_only.unwrap_err().kind(), ErrorKind::ReadOnly);
    let mut ledger = place.open();
    let times = ledger.stage_times(account, State::Indexing).unwrap();
    assert!(times.is_empty());
    assert_eq!(ledger.accounts().unwrap().len(), 1);
}

#[test]
fn newer_layout_is_refused_and_unchanged() {
    let place = filled();
    sql(&place, &format!("UPDATE meta SET value = {}", LAYOUT + 1));
    let before = fs::read(path(&place)).unwrap();
    refused(
        path(&place),
        ErrorKind::Newer,
        &format!("layout {}", LAYOUT + 1),
    );
    assert_eq!(fs::read(path(&place)).unwrap(), before);
    sql(&place, "UPDATE meta SET value = -1");
    refused(path(&place), ErrorKind::Corrupt, "layout number");
    sql(&place, "DELETE FROM meta");
    refused(path(&place), ErrorKind::Corrupt, "layout number");
}

#[test]
fn other_files_are_refused_and_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "notes ".repeat(1000)).unwrap();
    refused(&text, ErrorKind::NotALedger, "not a database");
    assert_eq!(fs::read_to_string(&text).unwrap(), "notes ".repeat(1000));
    let database = folder.path().join("other.sqlite3");
    Connection::open(&database)
        .unwrap()
        .execute_batch("CREATE TABLE t (a)")
        .unwrap();
    let before = fs::read(&database).unwrap();
    refused(&database, ErrorKind::NotALedger, "another program");
    assert_eq!(fs::read(&database).unwrap(), before);
    refused(folder.path(), ErrorKind::Unavailable, "");
    refused(
        folder.path().join("missing/ledger"),
        ErrorKind::Unavailable,
        "",
    );
    let missing = OpenOptions::new()
        .read_only()
        .open(folder.path().join("none"));
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(!folder.path().join("none").exists());
}

#[test]
fn damaged_ledger_is_reported_and_never_replaced() {
    let place = filled();
    let mut world = World::new(&place);
    world.add(&(10..3000).map(file).collect::<Vec<_>>());
    world.verify();
    drop(world);
    let whole = fs::read(path(&place)).unwrap();
    let mut found = 0;
    // The first pages are the roots of tables, most of them empty.
    for page in (60..300).step_by(6) {
        let mut damaged = whole.clone();
        let start = page * 4096 + 100;
        if start + 3000 > damaged.len() {
            break;
        }
        damaged[start..start + 3000].fill(0xa5);
        fs::write(path(&place), &damaged).unwrap();
        // Any of these may notice it; none may panic, and none may change the file's size.
        let check = || -> tl_ledger::Result<usize> {
            let mut ledger = Ledger::open(path(&place))?;
            let account = ledger.accounts()?.first().map(|account| account.id);
            let problems = ledger.verify()?.len();
            if let Some(account) = account {
                ledger.counts(crate::world::start(), account)?;
            }
            Ok(problems)
        };
        match check() {
            Ok(problems) => found += usize::from(problems > 0),
            Err(error) => {
                let kinds = [ErrorKind::Corrupt, ErrorKind::NotALedger, ErrorKind::Other];
                assert!(kinds.contains(&error.kind()), "{error:?}");
                found += 1;
            }
        }
        assert!(fs::metadata(path(&place)).unwrap().len() >= whole.len() as u64);
    }
    assert_eq!(found, 40);
    fs::write(path(&place), &whole[..whole.len() / 2]).unwrap();
    let check = || -> tl_ledger::Result<usize> { Ok(Ledger::open(path(&place))?.verify()?.len()) };
    assert!(check().is_ok_and(|n| n > 0) || check().is_err_and(|e| e.kind() == ErrorKind::Corrupt));
}

#[test]
fn threads_create_a_ledger_at_the_same_time() {
    fn is_send<T: Send>() {}
    is_send::<Ledger>();
    for _ in 0..20 {
        let place = Place::file();
        let together = std::sync::Barrier::new(6);
        std::thread::scope(|scope| {
            for n in 0..6 {
                let (place, together) = (&place, &together);
                scope.spawn(move || {
                    together.wait();
                    let mut world = World::new(place);
                    assert!(world.add(&[file(n)])[0].is_new);
                });
            }
        });
        assert_eq!(World::new(&place).items().len(), 6);
    }
}

#[test]
fn locked_ledger_is_reported_after_the_timeout() {
    let place = filled();
    let holder = Connection::open(path(&place)).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let options = OpenOptions::new().lock_timeout(Duration::from_millis(50));
    let mut ledger = options.open(path(&place)).unwrap();
    let account = ledger.accounts().unwrap()[0].id;
    let now = crate::world::start();
    let error = ledger.limiter(now, account, |_, _| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    // Reading is not blocked.
    assert_eq!(ledger.counts(now, account).unwrap().of(State::Ready), 2);
    holder.execute_batch("ROLLBACK").unwrap();
    ledger.limiter(now, account, |_, _| ()).unwrap();
}

#[test]
fn read_only_ledger_is_read_and_not_written() {
    let place = filled();
    let mut ledger = OpenOptions::new().read_only().open(path(&place)).unwrap();
    let account = ledger.accounts().unwrap()[0].id;
    let now = crate::world::start();
    assert_eq!(ledger.counts(now, account).unwrap().total(), 2);
    let error = ledger.limiter(now, account, |_, _| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    let error = ledger.set_cursor(account, "i", now).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
}

/// What a user without rights gets: a child that is not root, with a copy of this program that it
/// may execute.
#[test]
fn read_only_child() {
    let Ok(path) = std::env::var(READ_ONLY) else {
        return;
    };
    let error = Ledger::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    let mut ledger = OpenOptions::new().read_only().open(&path).unwrap();
    let account = ledger.accounts().unwrap()[0].id;
    let now = crate::world::start();
    assert_eq!(ledger.counts(now, account).unwrap().total(), 2);
    assert_eq!(ledger.verify().unwrap(), []);
    let error = ledger.limiter(now, account, |_, _| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    println!("\nrefused");
}

#[cfg(unix)]
#[test]
fn other_users_cannot_read_a_new_ledger() {
    use std::os::unix::fs::PermissionsExt;

    let place = filled();
    let _open = Ledger::open(path(&place)).unwrap();
    let file = path(&place);
    let files = ["", "-wal", "-shm"].map(|ending| format!("{file}{ending}"));
    for file in files {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    // A mode that the user sets is kept.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    Ledger::open(&file).unwrap();
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

const READ_ONLY: &str = "TL_LEDGER_TEST_READ_ONLY";

#[cfg(unix)]
#[test]
fn ledger_without_write_permission_is_reported() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    let place = filled();
    let folder = Path::new(&path(&place)).parent().unwrap().to_owned();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let program = folder.join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    mode(&program, 0o555);
    mode(Path::new(&path(&place)), 0o444);
    mode(&folder, 0o555);
    let mut child = std::process::Command::new(&program);
    child.args(["files::read_only_child", "--exact", "--nocapture"]);
    child.env(READ_ONLY, path(&place)).current_dir("/");
    if fs::metadata(&folder).unwrap().uid() == 0 {
        // Root may write everywhere; this is the user `nobody`.
        child.uid(65_534).gid(65_534);
    }
    let output = child.output().unwrap();
    mode(&folder, 0o755);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("\nrefused"),
        "{output:?}"
    );
}

/// A child that writes until the file may not grow any more.
#[test]
fn full_disk_child() {
    let Ok(path) = std::env::var(FULL_DISK) else {
        return;
    };
    let place = Place::at(&path);
    let mut world = World::new(&place);
    let mut added = 0;
    let error = loop {
        let files: Vec<_> = (added..added + 100).map(|n| file(n + 100)).collect();
        let result = world
            .ledger
            .add(world.now, world.run, world.account, &files);
        match result {
            Ok(_) => added += 100,
            Err(error) => break error,
        }
        println!("\nadded {added}");
    };
    println!("\nfailed {:?}", error.kind());
    // Reading goes on.
    assert_eq!(world.items().len() as u64, added + 2);
    std::process::exit(3);
}

const FULL_DISK: &str = "TL_LEDGER_TEST_FULL_DISK";

#[cfg(unix)]
#[test]
fn full_disk_loses_nothing_that_was_stored() {
    let place = filled();
    // Files may have 512 KiB, and a write beyond fails instead of ending the process.
    let script =
        "trap '' XFSZ; ulimit -f 1024; exec \"$0\" files::full_disk_child --exact --nocapture";
    let output = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(FULL_DISK, path(&place))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{text}{output:?}");
    let lines: Vec<&str> = text.lines().collect();
    // A limit of the file's size is an I/O error; a full file system is `Full`.
    let is_expected = |line: &&str| ["failed Io", "failed Full"].contains(line);
    assert!(lines.iter().any(is_expected), "{text}");
    let added = lines
        .iter()
        .rev()
        .find_map(|line| line.strip_prefix("added "));
    let added: usize = added.expect("some were stored").parse().unwrap();
    let mut world = World::new(&place);
    assert_eq!(world.items().len(), added + 2);
    world.verify();
}

#[test]
fn inconsistent_rows_are_found() {
    let place = filled();
    let check = |change: &str, undo: &str, expected: &str| {
        sql(&place, change);
        let problems = Ledger::open(path(&place)).unwrap().verify().unwrap();
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            texts.iter().any(|text| text.contains(expected)),
            "{expected}: {texts:?}"
        );
        sql(&place, undo);
        assert_eq!(Ledger::open(path(&place)).unwrap().verify().unwrap(), []);
    };
    let reset = "UPDATE item SET state = 'ready', owner = NULL";
    check(
        "UPDATE item SET state = 'lost' WHERE id = 1",
        reset,
        "item 1: unknown state",
    );
    check(
        "UPDATE item SET state = 'done'",
        reset,
        "item 2: done without an end",
    );
    check(
        "UPDATE item SET state = 'processing'",
        reset,
        "without an asset",
    );
    check("UPDATE item SET owner = 'w'", reset, "a lease without");
    check(
        "PRAGMA foreign_keys = OFF; UPDATE item SET content_id = content_id + 90",
        "PRAGMA foreign_keys = OFF; UPDATE item SET content_id = content_id - 90",
        "`item` refers to nothing",
    );
    check(
        "UPDATE limiter SET state = '{}' || state",
        "UPDATE limiter SET state = substr(state, 3)",
        "rate limiter",
    );
}

#[test]
fn api_key_is_not_stored() {
    let place = filled();
    for suffix in ["", "-wal"] {
        let bytes = fs::read(format!("{}{suffix}", path(&place))).unwrap_or_default();
        let key = b"tlk_EXAMPLE";
        assert!(!bytes.windows(key.len()).any(|part| part == key));
    }
}

//! Cache of probe results and of the thumbnails of the HTML report, so that an unchanged file is
//! not read again.
//!
//! The cache stores media facts, not verdicts: applying the rules takes microseconds, so another
//! pack, date or engine needs no second probe. A file is unchanged if its path, size, timestamps
//! and inode are, and if the same version of `tl` and the same helper would read it with the same
//! options. The cache may be deleted, corrupt or used by several processes at once: at worst, a
//! file is read again.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use tl_validate::{MediaFacts, ProbeError};

use crate::check::ledger_probes::LedgerProbes;

/// Version of the database schema. A database with another version is recreated.
const SCHEMA_VERSION: i64 = 2;

/// Older entries are deleted.
const MAX_AGE_DAYS: i64 = 90;

/// A file that was modified less than this long ago may change again without a new timestamp.
const MIN_AGE: Duration = Duration::from_secs(2);

/// Number of entries written per transaction, so that a run over many small files does not wait for
/// the disk on each.
const BATCH: usize = 256;

/// Number of thumbnails written per transaction. Each takes 5 to 20 kB of memory until then.
const THUMBNAIL_BATCH: usize = 32;

/// How long to wait for a database that is locked by another process.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Delay between attempts when SQLite fails with a lock error without waiting.
const LOCK_RETRY: Duration = Duration::from_millis(5);

/// Result of probing a file.
pub(crate) type Probed = Result<MediaFacts, ProbeError>;

/// Results of earlier probes.
#[derive(Debug)]
pub(crate) struct Cache {
    store: Mutex<Option<Store>>,
    /// The results of a run are kept in its ledger too, for other machines and other caches.
    pub(crate) ledger: OnceLock<LedgerProbes>,
    /// Identifies the prober and its options.
    reader: String,
}

#[derive(Debug)]
struct Store {
    connection: Connection,
    file: PathBuf,
    unwritten: Vec<Entry>,
    thumbnails: Vec<Thumbnail>,
}

#[derive(Debug)]
struct Thumbnail {
    path: Vec<u8>,
    mark: String,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    path: Vec<u8>,
    mark: String,
    answer: String,
}

/// State of a file, to detect changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint(String);

impl Cache {
    /// Opens the cache in `folder` for results of `reader`. Returns a note if something is wrong.
    pub(crate) fn open(folder: &Path, reader: String) -> (Option<Self>, Option<String>) {
        let file = folder.join("probes.sqlite3");
        let with = |store| {
            Some(Self {
                store: Mutex::new(Some(store)),
                ledger: OnceLock::new(),
                reader,
            })
        };
        if let Err(error) = create_dir(folder) {
            return (
                None,
                Some(format!(
                    "cache disabled: failed to create `{}` ({error})",
                    folder.display()
                )),
            );
        }
        match Store::open(&file) {
            Ok(store) => (with(store), None),
            Err(error) if is_damage(&error) => {
                remove_database(&file);
                let note = format!(
                    "the cache `{}` was corrupt ({error}) and has been recreated",
                    file.display()
                );
                (Store::open(&file).ok().and_then(with), Some(note))
            }
            Err(error) => (
                None,
                Some(format!(
                    "cache disabled: failed to open `{}` ({error})",
                    file.display()
                )),
            ),
        }
    }

    /// Returns the result for the file if its state is the same.
    pub(crate) fn get(&self, path: &Path, mark: &Fingerprint) -> Option<Probed> {
        let key = key(path)?;
        let probes = self.ledger.get();
        if let Some(answer) = probes.and_then(|probes| probes.get(&key, &self.marked(mark)))
            && let Ok(probed) = serde_json::from_str(&answer)
        {
            return Some(probed);
        }
        let mut held = self.lock();
        let store = held.as_mut()?;
        let found: Result<Option<(String, String)>, rusqlite::Error> = store
            .connection
            .prepare_cached("SELECT mark, answer FROM probes WHERE path = ?1")
            .and_then(|mut query| {
                query
                    .query_row(params![key], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            });
        let (kept, answer) = match found {
            Ok(found) => found?,
            Err(error) => {
                Self::disable(&mut held, &error);
                return None;
            }
        };
        drop(held);
        // An unreadable entry counts as missing.
        (kept == self.marked(mark))
            .then(|| serde_json::from_str(&answer).ok())
            .flatten()
    }

    /// Stores the result for a file that was in the state `mark` before and after the probe.
    pub(crate) fn put(&self, path: &Path, mark: &Fingerprint, probed: &Probed) {
        let (Some(path), Ok(answer)) = (key(path), serde_json::to_string(probed)) else {
            return;
        };
        let mark = self.marked(mark);
        if let Some(probes) = self.ledger.get() {
            probes.put(path.clone(), mark.clone(), answer.clone());
        }
        let mut held = self.lock();
        let Some(store) = held.as_mut() else { return };
        store.unwritten.push(Entry { path, mark, answer });
        if store.unwritten.len() >= BATCH
            && let Err(error) = store.write()
        {
            Self::disable(&mut held, &error);
        }
    }

    /// Returns the thumbnail that `producer` took if the file is unchanged. It is empty if the file
    /// has none.
    pub(crate) fn thumbnail(
        &self,
        path: &Path,
        mark: &Fingerprint,
        producer: &str,
    ) -> Option<Vec<u8>> {
        let mut held = self.lock();
        let store = held.as_mut()?;
        let key = key(path)?;
        let found: Result<Option<(String, Vec<u8>)>, rusqlite::Error> = store
            .connection
            .prepare_cached("SELECT mark, picture FROM pictures WHERE path = ?1")
            .and_then(|mut query| {
                query
                    .query_row(params![key], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            });
        match found {
            Ok(found) => found.and_then(|(kept, thumbnail)| {
                (kept == Self::made(mark, producer)).then_some(thumbnail)
            }),
            Err(error) => {
                Self::disable(&mut held, &error);
                None
            }
        }
    }

    /// Stores the thumbnail of a file that was in the state `mark` before and after.
    pub(crate) fn put_thumbnail(
        &self,
        path: &Path,
        mark: &Fingerprint,
        producer: &str,
        thumbnail: &[u8],
    ) {
        let Some(path) = key(path) else { return };
        let mut held = self.lock();
        let Some(store) = held.as_mut() else { return };
        store.thumbnails.push(Thumbnail {
            path,
            mark: Self::made(mark, producer),
            bytes: thumbnail.to_owned(),
        });
        if store.thumbnails.len() >= THUMBNAIL_BATCH
            && let Err(error) = store.write()
        {
            Self::disable(&mut held, &error);
        }
    }

    /// A thumbnail depends on the file and on what takes it, not on the prober.
    fn made(mark: &Fingerprint, producer: &str) -> String {
        format!("{}|{producer}", mark.0)
    }

    /// Writes pending entries.
    pub(crate) fn finish(&self) {
        if let Some(probes) = self.ledger.get() {
            probes.finish();
        }
        let mut held = self.lock();
        if let Some(store) = held.as_mut()
            && let Err(error) = store.write()
        {
            Self::disable(&mut held, &error);
        }
    }

    fn marked(&self, mark: &Fingerprint) -> String {
        format!("{}|{}", mark.0, self.reader)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Store>> {
        // A transaction is atomic, so a panic elsewhere cannot leave the store inconsistent.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles a database error. A corrupt database is removed, and the cache is disabled for this
    /// run.
    fn disable(held: &mut Option<Store>, error: &rusqlite::Error) {
        if !is_damage(error) {
            // The database was locked for too long, or the disk is full: only this batch is lost.
            if let Some(store) = held {
                store.unwritten.clear();
                store.thumbnails.clear();
            }
            return;
        }
        if let Some(store) = held.take() {
            let file = store.file.clone();
            drop(store);
            remove_database(&file);
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Store {
    fn open(file: &Path) -> Result<Self, rusqlite::Error> {
        let mut connection = Connection::open(file)?;
        connection.busy_timeout(LOCK_TIMEOUT)?;
        // If two processes create the database at once, SQLite fails one without waiting: retry.
        let started = Instant::now();
        while let Err(error) = Self::prepare(&mut connection) {
            if !is_locked(&error) || started.elapsed() >= LOCK_TIMEOUT {
                return Err(error);
            }
            thread::sleep(LOCK_RETRY);
        }
        Ok(Self {
            connection,
            file: file.to_owned(),
            unwritten: Vec::new(),
            thumbnails: Vec::new(),
        })
    }

    /// Migrates the database to the current schema and deletes old entries. Usually there is nothing
    /// to do, and nothing is written: a write waits for the disk.
    fn prepare(connection: &mut Connection) -> Result<(), rusqlite::Error> {
        // Several processes can read while one writes. A power failure may lose the last entries.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        // What was written stays in the log, which is moved into the database when it has grown.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let oldest = today() - MAX_AGE_DAYS;
        match Self::is_current(connection, oldest) {
            Ok(true) => return Ok(()),
            Err(error) if is_damage(&error) || is_locked(&error) => return Err(error),
            // Something is too old, or a table is missing.
            Ok(false) | Err(_) => {}
        }
        // Check and create the schema in one transaction, so that no process drops what another has
        // just created.
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if layout(&step)? != SCHEMA_VERSION {
            step.execute_batch("DROP TABLE IF EXISTS probes; DROP TABLE IF EXISTS pictures")?;
        }
        step.execute_batch(
            "CREATE TABLE IF NOT EXISTS probes (path BLOB PRIMARY KEY, mark TEXT NOT NULL, answer TEXT NOT NULL, day INTEGER NOT NULL);
             CREATE INDEX IF NOT EXISTS probes_by_day ON probes (day);
             CREATE TABLE IF NOT EXISTS pictures (path BLOB PRIMARY KEY, mark TEXT NOT NULL, picture BLOB NOT NULL, day INTEGER NOT NULL);
             CREATE INDEX IF NOT EXISTS pictures_by_day ON pictures (day);",
        )?;
        step.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        for old in [
            "DELETE FROM probes WHERE day < ?1",
            "DELETE FROM pictures WHERE day < ?1",
        ] {
            step.execute(old, params![oldest])?;
        }
        step.commit()
    }

    /// Whether the schema is the current one and no entry is too old.
    fn is_current(connection: &Connection, oldest: i64) -> Result<bool, rusqlite::Error> {
        if layout(connection)? != SCHEMA_VERSION {
            return Ok(false);
        }
        connection.query_row(
            "SELECT NOT EXISTS (SELECT 1 FROM probes WHERE day < ?1)
                AND NOT EXISTS (SELECT 1 FROM pictures WHERE day < ?1)",
            params![oldest],
            |row| row.get(0),
        )
    }

    fn write(&mut self) -> Result<(), rusqlite::Error> {
        if self.unwritten.is_empty() && self.thumbnails.is_empty() {
            return Ok(());
        }
        let day = today();
        let batch = self.connection.transaction()?;
        {
            let mut insert = batch.prepare_cached(
                "INSERT OR REPLACE INTO probes (path, mark, answer, day) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for Entry { path, mark, answer } in &self.unwritten {
                insert.execute(params![path, mark, answer, day])?;
            }
            let mut insert = batch.prepare_cached(
                "INSERT OR REPLACE INTO pictures (path, mark, picture, day) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for Thumbnail { path, mark, bytes } in &self.thumbnails {
                insert.execute(params![path, mark, bytes, day])?;
            }
        }
        batch.commit()?;
        self.unwritten.clear();
        self.thumbnails.clear();
        Ok(())
    }
}

impl Fingerprint {
    /// Returns the state of a file. `None` if it is not a regular file or was modified just now.
    pub(crate) fn of(meta: &Metadata) -> Option<Self> {
        if !meta.is_file() {
            return None;
        }
        let modified = meta.modified().ok()?;
        // A timestamp in the future does not say when the file changed.
        let age = SystemTime::now().duration_since(modified).ok()?;
        if age < MIN_AGE {
            return None;
        }
        let since = modified.duration_since(UNIX_EPOCH).ok()?;
        Some(Self(format!(
            "{}-{}{}",
            meta.len(),
            since.as_nanos(),
            more(meta)
        )))
    }
}

#[cfg(unix)]
fn more(meta: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    // Unlike the modification time, ctime cannot be set back.
    format!(
        "-{}.{}-{}:{}",
        meta.ctime(),
        meta.ctime_nsec(),
        meta.dev(),
        meta.ino()
    )
}

#[cfg(not(unix))]
fn more(_: &Metadata) -> String {
    String::new()
}

/// Identifies the program at `path`: another build may give other results.
pub(crate) fn program_fingerprint(path: &Path) -> String {
    let state = fs::metadata(path).ok().and_then(|meta| {
        let since = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(format!("{}-{}", meta.len(), since.as_nanos()))
    });
    format!("{}:{}", path.display(), state.unwrap_or_default())
}

fn key(path: &Path) -> Option<Vec<u8>> {
    let path = std::path::absolute(path).ok()?;
    Some(path.as_os_str().as_encoded_bytes().to_vec())
}

fn today() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs() / 86_400).unwrap_or(i64::MAX)
}

/// The version of the schema of a database.
fn layout(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            matches!(failure.code, DatabaseCorrupt | NotADatabase)
        }
        // A table with our name and other columns.
        rusqlite::Error::InvalidColumnType(..) => true,
        _ => false,
    }
}

/// Whether another process holds the lock.
fn is_locked(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseBusy | DatabaseLocked)
    )
}

/// Removes the database. Files that cannot be removed are reported on the next run.
fn remove_database(file: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        let _ = fs::remove_file(PathBuf::from(name));
    }
}

fn create_dir(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    // The cache contains the names of the user's videos.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests;

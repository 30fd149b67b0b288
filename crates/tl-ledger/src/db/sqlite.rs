//! SQLite: one file with a write-ahead log, shared by the processes of one machine.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};

use super::{Commit, Row, Value, values};
use crate::error::{Error, ErrorKind, Result};

/// Statements that are kept prepared; the ledger has about 70.
const STATEMENTS: usize = 128;

/// Delay between attempts to get a lock. SQLite's own handler sleeps up to 100 ms, so that it nearly
/// never meets the moment between two transactions of a busy process.
const LOCK_RETRY: Duration = Duration::from_millis(2);

/// Delay between looks for changes of other processes, which reads one page of shared memory.
const CHANGE_POLL: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(crate) struct Sqlite {
    connection: Connection,
    path: PathBuf,
    is_read_only: bool,
    lock_timeout: Duration,
    /// What commits wait for now.
    commit: Commit,
    /// The number of the last change of another process that was seen.
    version: Option<i64>,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, is_read_only: bool, lock_timeout: Duration) -> Result<Self> {
        let access = if is_read_only {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        } else {
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
        };
        if !is_read_only {
            create_private(path);
        }
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(convert)?;
        if is_read_only && needs_immutable(&connection, path) {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            connection = Connection::open_with_flags(immutable(path), flags).map_err(convert)?;
        }
        connection.busy_timeout(Duration::ZERO).map_err(convert)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self {
            connection,
            path: path.to_owned(),
            is_read_only,
            lock_timeout,
            commit: Commit::Synced,
            version: None,
        })
    }

    /// Waits until another connection has committed something since the last call. Returns whether
    /// one did, or may have done so.
    pub(crate) fn wait_for_change(&mut self, timeout: Duration) -> Result<bool> {
        let mut left = timeout;
        loop {
            let version = self.query("PRAGMA data_version", &[])?;
            let version = version.first().map(|row| row.int(0)).transpose()?;
            if self.version != version {
                self.version = version;
                return Ok(true);
            }
            let pause = left.min(CHANGE_POLL);
            if pause.is_zero() {
                return Ok(false);
            }
            thread::sleep(pause);
            left -= pause;
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether tables can be read but not written, because of the file's permissions.
    pub(crate) fn cannot_write(&self) -> Result<bool> {
        let is_read_only = self.connection.is_readonly("main").map_err(convert)?;
        Ok(is_read_only && !self.is_read_only)
    }

    /// Sets what is stored with the file, so only after its layout was checked.
    pub(crate) fn configure(&mut self) -> Result<()> {
        if !self.is_read_only {
            // Readers are not blocked while another process writes.
            self.pragma("journal_mode", "WAL")?;
        }
        self.pragma("foreign_keys", "ON")
    }

    fn pragma(&mut self, name: &str, value: &str) -> Result<()> {
        self.retry(|connection| {
            let set = connection.pragma_update_and_check(None, name, value, |_| Ok(()));
            match set {
                // Most pragmas return nothing when they are set.
                Err(rusqlite::Error::QueryReturnedNoRows) => Ok(()),
                set => set,
            }
        })
    }

    /// Runs `work` until no other process holds the lock, but not longer than the timeout. In a
    /// transaction, the lock is held already.
    fn retry<T>(&self, work: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let mut attempts = self.lock_timeout.as_micros() / LOCK_RETRY.as_micros();
        loop {
            match work(&self.connection) {
                Err(error)
                    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && self.connection.is_autocommit()
                        && attempts > 0 =>
                {
                    attempts -= 1;
                    thread::sleep(LOCK_RETRY);
                }
                result => return result.map_err(convert),
            }
        }
    }

    /// Whether the file has a table of this name, and whether it has tables at all.
    pub(crate) fn has_table(&mut self, name: &str) -> Result<(bool, bool)> {
        let tables =
            "SELECT COALESCE(MAX(type = 'table' AND name = $1), 0), COUNT(*) FROM sqlite_schema";
        let rows = self.query(tables, values![name])?;
        let Some(row) = rows.first() else {
            return Ok((false, false));
        };
        Ok((row.int(0)? > 0, row.int(1)? > 0))
    }

    pub(crate) fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64> {
        self.set_commit(Commit::Written)?;
        let sql = dialect(sql);
        let changed = self.retry(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            statement.execute(params_from_iter(values))
        })?;
        Ok(changed as u64)
    }

    pub(crate) fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        self.set_commit(Commit::Written)?;
        let sql = dialect(sql);
        self.retry(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let columns = statement.column_count();
            let mut rows = statement.query(params_from_iter(values))?;
            let mut result = Vec::new();
            while let Some(row) = rows.next()? {
                let mut values = Vec::with_capacity(columns);
                for column in 0..columns {
                    match read(row.get_ref(column)?) {
                        Ok(value) => values.push(value),
                        Err(error) => return Ok(Err(error)),
                    }
                }
                result.push(Row(values));
            }
            Ok(Ok(result))
        })?
    }

    pub(crate) fn run(&mut self, sql: &str) -> Result<()> {
        self.retry(|connection| connection.execute_batch(sql))
    }

    /// Begins a transaction that may write: two that read first and write later would refuse each
    /// other.
    pub(crate) fn begin(&mut self, commit: Commit) -> Result<()> {
        if !self.connection.is_autocommit() {
            self.run("ROLLBACK")?;
        }
        self.set_commit(commit)?;
        self.run(if self.is_read_only {
            "BEGIN"
        } else {
            "BEGIN IMMEDIATE"
        })
    }

    /// Sets what later commits wait for. In the middle of a transaction, nothing changes.
    fn set_commit(&mut self, commit: Commit) -> Result<()> {
        if self.commit == commit || !self.connection.is_autocommit() {
            return Ok(());
        }
        // In a write-ahead log, `NORMAL` does not sync a commit, and `FULL` syncs it with
        // everything that was written before.
        let synchronous = match commit {
            Commit::Written => "NORMAL",
            Commit::Synced => "FULL",
        };
        self.pragma("synchronous", synchronous)?;
        self.commit = commit;
        Ok(())
    }
}

/// Creates the file if it does not exist, so that other users cannot read the names of the videos.
/// SQLite gives its log the permissions of the file. If the file cannot be created, SQLite says why.
fn create_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(path);
}

/// Whether the folder cannot be written, so that SQLite cannot create the index of the write-ahead
/// log. Without such a log, no process uses the file, and it can be read as one that never changes.
fn needs_immutable(connection: &Connection, path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let read = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    let cannot_open = |error: rusqlite::Error| {
        matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
        )
    };
    read.is_err_and(cannot_open) && !Path::new(&log).exists()
}

/// The URI of a file that never changes (SQLite's documentation on URI filenames).
fn immutable(path: &Path) -> String {
    let path = path.to_string_lossy();
    let path = path
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    format!("file:{path}?immutable=1")
}

/// SQLite writes `?1` where PostgreSQL writes `$1`.
fn dialect(sql: &str) -> String {
    sql.replace('$', "?")
}

fn read(value: ValueRef<'_>) -> Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Text(text) => Value::Text(
            String::from_utf8(text.to_owned())
                .map_err(|error| Error::corrupt("text is not UTF-8").with_source(error))?,
        ),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_owned()),
        ValueRef::Real(_) => return Err(Error::corrupt("a number is not an integer")),
    })
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

pub(crate) fn convert(error: rusqlite::Error) -> Error {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Locked,
        Some(ErrorCode::ReadOnly) => ErrorKind::ReadOnly,
        Some(ErrorCode::NotADatabase) => ErrorKind::NotALedger,
        Some(ErrorCode::DatabaseCorrupt) => ErrorKind::Corrupt,
        Some(ErrorCode::DiskFull) => ErrorKind::Full,
        Some(ErrorCode::SystemIoFailure) => ErrorKind::Io,
        Some(ErrorCode::PermissionDenied) => ErrorKind::Denied,
        Some(ErrorCode::CannotOpen) => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    };
    Error::new(kind, error.to_string()).with_source(error)
}

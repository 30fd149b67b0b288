//! Opening a ledger, transactions, and the clock.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::db::{Commit, Db, Engine, Sqlite, once, transaction, values};
use crate::error::{Error, ErrorKind, Result};
use crate::item::{Lease, time};
use crate::schema;

/// How a ledger is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    is_read_only: bool,
    lock_timeout: Duration,
    #[cfg(feature = "postgres")]
    pub(crate) has_caller_clock: bool,
    #[cfg(feature = "postgres")]
    reconnect_timeout: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            is_read_only: false,
            lock_timeout: Duration::from_secs(30),
            #[cfg(feature = "postgres")]
            has_caller_clock: false,
            #[cfg(feature = "postgres")]
            reconnect_timeout: Duration::from_secs(30),
        }
    }
}

impl OpenOptions {
    /// Opens for reading and writing, and waits 30 seconds for locks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens an existing ledger for reading.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.is_read_only = true;
        self
    }

    /// How long to wait while another process writes. Default 30 s.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Uses the times that the caller passes, also with PostgreSQL. By default, PostgreSQL uses
    /// the server's clock for leases and times, because the clocks of workers differ. For tests
    /// with virtual time.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn caller_clock(mut self) -> Self {
        self.has_caller_clock = true;
        self
    }

    /// How long to wait for a PostgreSQL server that was there and is not, e.g. because it restarts.
    /// Default 30 s. The first connection is not waited for.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn reconnect_timeout(mut self, timeout: Duration) -> Self {
        self.reconnect_timeout = timeout;
        self
    }

    /// Opens the ledger in this file, and creates it if it does not exist.
    ///
    /// # Errors
    /// - [`ErrorKind::Newer`]: a newer version of this program wrote it.
    /// - [`ErrorKind::NotALedger`]: it is another file. It is not changed.
    /// - [`ErrorKind::Corrupt`]: it is damaged. It is not changed.
    /// - [`ErrorKind::ReadOnly`]: it cannot be written, and reading only was not asked for.
    /// - [`ErrorKind::Locked`]: another process holds its lock for too long.
    /// - [`ErrorKind::Unavailable`]: it cannot be opened, e.g. because its folder does not exist.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Ledger> {
        let path = path.as_ref();
        let open = || {
            let engine = Sqlite::open(path, self.is_read_only, self.lock_timeout)?;
            let mut db = Db::new(Engine::Sqlite(engine));
            schema::prepare(&mut db, self.is_read_only)?;
            Ok(Ledger { db })
        };
        open().map_err(|error: Error| {
            error.during(format_args!(
                "failed to open the ledger `{}`",
                path.display()
            ))
        })
    }

    /// Opens the ledger in a PostgreSQL database, and creates its tables in the schema `tl_ledger`
    /// if they do not exist.
    ///
    /// `url` is `postgres://user:password@host/database`, or the keyword form of libpq. It runs on
    /// its own thread, so the ledger can be used with and without an async runtime; a call blocks
    /// its thread.
    ///
    /// `sslmode` and `sslrootcert` have the meaning that they have in libpq: `prefer` (the default)
    /// encrypts if the server can, `require` always, `verify-ca` checks who issued the certificate,
    /// and `verify-full` also that it is that of the host. Without `sslrootcert`, the public
    /// certificate authorities of `tl-http` are trusted. Client certificates and channel binding are
    /// not supported. The crypto provider is that of `tl-http`.
    ///
    /// If the connection breaks later, operations connect again and are repeated if nothing of them
    /// was written; see [`reconnect_timeout`](Self::reconnect_timeout). A server that restarts delays
    /// them.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`ErrorKind::Denied`] if the user or password was refused. The
    /// message never contains the password.
    #[cfg(feature = "postgres")]
    pub fn connect(&self, url: &str) -> Result<Ledger> {
        let connect = || {
            let engine = crate::db::Postgres::connect(
                url,
                crate::db::PostgresOptions {
                    is_read_only: self.is_read_only,
                    lock_timeout: self.lock_timeout,
                    reconnect_timeout: self.reconnect_timeout,
                    has_caller_clock: self.has_caller_clock,
                },
            )?;
            let mut db = Db::new(Engine::Postgres(Box::new(engine)));
            schema::prepare(&mut db, self.is_read_only)?;
            Ok(Ledger { db })
        };
        connect().map_err(|error: Error| error.during("failed to open the ledger in PostgreSQL"))
    }
}

/// A connection to a ledger. See the [crate documentation](crate).
#[derive(Debug)]
pub struct Ledger {
    pub(crate) db: Db,
}

impl Ledger {
    /// Opens the ledger in this file, and creates it if it does not exist. See
    /// [`OpenOptions::open`].
    ///
    /// # Errors
    /// Those of [`OpenOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        OpenOptions::new().open(path)
    }

    /// Opens the ledger in a PostgreSQL database. See [`OpenOptions::connect`].
    ///
    /// # Errors
    /// Those of [`OpenOptions::connect`].
    #[cfg(feature = "postgres")]
    pub fn connect(url: &str) -> Result<Self> {
        OpenOptions::new().connect(url)
    }

    /// The file of the ledger, or `None` if it is in PostgreSQL.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.db.engine {
            Engine::Sqlite(engine) => Some(engine.path()),
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => None,
        }
    }

    /// Writes several changes with one commit, which is on the disk when this returns.
    ///
    /// An operation that fails inside, e.g. with [`ErrorKind::Stale`], is undone alone if the
    /// closure handles its error. If the closure returns an error, everything is undone.
    ///
    /// # Errors
    /// The error of the closure, or of the commit. [`ErrorKind::Undone`]: the server restarted
    /// meanwhile.
    pub fn batch<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        transaction(self, |ledger| &mut ledger.db, Commit::Synced, once(work))
    }

    /// As [`batch`](Self::batch), with work that can be repeated: if the connection to PostgreSQL is
    /// lost before the commit, nothing was written, and `work` runs again on a new connection.
    /// Results of an earlier repetition are not valid.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let mut ledger = tl_ledger::Ledger::open(folder.path().join("l.sqlite3"))?;
    /// # let now = jiff::Timestamp::now();
    /// let run = ledger.repeatable_batch(|ledger| {
    ///     ledger.begin_run(now, &tl_ledger::NewRun::new("host", 1))
    /// })?;
    /// assert_eq!(ledger.runs(1)?[0].id, run);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The error of the closure, or of the commit. [`ErrorKind::Unavailable`]: the server did not
    /// come back in time.
    pub fn repeatable_batch<T>(&mut self, work: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        transaction(self, |ledger| &mut ledger.db, Commit::Synced, work)
    }

    /// Waits until another process adds or frees items, but not longer than `timeout`. Returns
    /// whether one did, or may have done so: claim again then. The first call returns at once.
    ///
    /// PostgreSQL notifies (`LISTEN`); with SQLite, every commit of another process counts, and is
    /// noticed within 50 milliseconds. Changes by this `Ledger` do not count.
    ///
    /// # Errors
    /// The database failed.
    pub fn wait_for_change(&mut self, timeout: Duration) -> Result<bool> {
        self.db.wait_for_change(timeout)
    }

    /// The time by which leases are granted and times are recorded, in place of `now`.
    ///
    /// # Errors
    /// PostgreSQL cannot be reached.
    pub fn time(&mut self, now: Timestamp) -> Result<Timestamp> {
        time(self.db.now(now.as_microsecond())?)
    }

    pub(crate) fn now(&mut self, now: Timestamp) -> Result<i64> {
        self.db.now(now.as_microsecond())
    }

    /// Fails if another claim of the item was made since, and keeps others from making one until
    /// the end of the transaction.
    pub(crate) fn fence(db: &mut Db, lease: Lease) -> Result<()> {
        let lock = db.for_update();
        let sql = format!("SELECT epoch FROM item WHERE id = $1{lock}");
        let row = db.first(&sql, values![lease.item])?;
        let row = row.ok_or_else(|| not_found("item", lease.item))?;
        let epoch = row.int(0)?;
        if epoch != lease.epoch {
            return Err(stale(lease, epoch));
        }
        Ok(())
    }
}

pub(crate) fn stale(lease: Lease, epoch: i64) -> Error {
    let Lease { item, epoch: held } = lease;
    Error::new(
        ErrorKind::Stale,
        format!("item {item} was claimed again (epoch {epoch}, not {held})"),
    )
}

pub(crate) fn not_found(what: &str, id: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::NotFound, format!("{what} {id} does not exist"))
}

//! One interface to both databases: statements with `$1` parameters, transactions, and the few
//! words in which the dialects differ.

#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
mod value;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

#[cfg(feature = "postgres")]
pub(crate) use postgres::{Options as PostgresOptions, Postgres};
pub(crate) use sqlite::Sqlite;
pub(crate) use value::{Row, Value, values};

#[derive(Debug)]
pub(crate) enum Engine {
    Sqlite(Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(Box<Postgres>),
}

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commit {
    /// The system has the data: they survive the end of this process.
    Written,
    /// The disk has the data: they survive a power failure.
    Synced,
}

/// A connection to a database.
#[derive(Debug)]
pub(crate) struct Db {
    pub(crate) engine: Engine,
    /// Open transactions: savepoints below the first.
    depth: u32,
}

macro_rules! engine {
    ($db:expr, $engine:ident => $call:expr) => {
        match &mut $db.engine {
            Engine::Sqlite($engine) => $call,
            #[cfg(feature = "postgres")]
            Engine::Postgres($engine) => $call,
        }
    };
}

impl Db {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine, depth: 0 }
    }

    /// Runs one statement and returns the number of rows that it changed.
    pub(crate) fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64> {
        match &mut self.engine {
            Engine::Sqlite(engine) => engine.execute(sql, values),
            // A transaction is repeated, or known to be committed, if the server restarts.
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) if self.depth == 0 => {
                self.transaction(|db| db.execute(sql, values))
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(engine) => engine.execute(sql, values),
        }
    }

    pub(crate) fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        match &mut self.engine {
            Engine::Sqlite(engine) => engine.query(sql, values),
            #[cfg(feature = "postgres")]
            Engine::Postgres(engine) => match engine.query(sql, values) {
                Err(error) if self.depth == 0 && engine.recover(&error)? => {
                    engine.query(sql, values)
                }
                result => result,
            },
        }
    }

    /// The first row of a result.
    pub(crate) fn first(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>> {
        Ok(self.query(sql, values)?.into_iter().next())
    }

    /// Runs statements without parameters.
    pub(crate) fn run(&mut self, sql: &str) -> Result<()> {
        engine!(self, engine => engine.run(sql))
    }

    /// Runs `work` in a [`transaction`] that survives the end of this process.
    pub(crate) fn transaction<T>(&mut self, work: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        transaction(self, |db| db, Commit::Written, work)
    }

    /// Runs `work` in a [`transaction`] that survives a power failure.
    pub(crate) fn synced_transaction<T>(
        &mut self,
        work: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<T> {
        transaction(self, |db| db, Commit::Synced, work)
    }

    fn begin(&mut self, commit: Commit) -> Result<()> {
        match &mut self.engine {
            Engine::Sqlite(engine) => engine.begin(commit),
            // As the server is configured; the default is synced.
            #[cfg(feature = "postgres")]
            Engine::Postgres(engine) => engine.run("BEGIN"),
        }
    }

    fn commit(&mut self) -> Result<()> {
        match &mut self.engine {
            Engine::Sqlite(engine) => engine.run("COMMIT"),
            #[cfg(feature = "postgres")]
            Engine::Postgres(engine) => engine.commit(),
        }
    }

    /// Whether a transaction that failed was undone because the connection was lost, and can be
    /// repeated now.
    fn recover(&mut self, error: &Error) -> bool {
        #[cfg(feature = "postgres")]
        if let Engine::Postgres(engine) = &mut self.engine {
            return engine.recover(error).unwrap_or(false);
        }
        // Nothing else loses its connection.
        let _: &Error = error;
        false
    }

    /// Wakes the processes that wait for a change, when the transaction is committed.
    pub(crate) fn notify(&mut self) -> Result<()> {
        match &mut self.engine {
            // Each commit is seen.
            Engine::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Engine::Postgres(engine) => engine.notify(),
        }
    }

    /// Waits until another process changes the ledger. Returns whether one did, or may have done
    /// so.
    pub(crate) fn wait_for_change(&mut self, timeout: Duration) -> Result<bool> {
        engine!(self, engine => engine.wait_for_change(timeout))
    }

    /// The clause that locks the selected rows until the end of the transaction. SQLite locks the
    /// whole database for a writer.
    pub(crate) fn for_update(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite(_) => "",
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => " FOR UPDATE",
        }
    }

    /// As [`for_update`](Self::for_update), and rows that another transaction has locked are left
    /// out.
    pub(crate) fn skip_locked(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite(_) => "",
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// The operator that compares a text with a pattern, and the pattern in its syntax. `*` and `?`
    /// are the only special characters of the argument.
    pub(crate) fn pattern(&self, pattern: &str) -> (&'static str, String) {
        match self.engine {
            Engine::Sqlite(_) => ("GLOB", pattern.replace('[', "[[]")),
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => {
                let mut like = String::with_capacity(pattern.len() + 8);
                for character in pattern.chars() {
                    match character {
                        '*' => like.push('%'),
                        '?' => like.push('_'),
                        '%' | '_' | '\\' => like.extend(['\\', character]),
                        _ => like.push(character),
                    }
                }
                ("LIKE", like)
            }
        }
    }

    /// Lets one transaction at a time pass, until it ends.
    pub(crate) fn lock_all(&mut self) -> Result<()> {
        match &mut self.engine {
            Engine::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Engine::Postgres(engine) => engine.lock_all(),
        }
    }

    /// The time to use: the server's in PostgreSQL, unless the caller's was asked for.
    pub(crate) fn now(&mut self, now: i64) -> Result<i64> {
        match &mut self.engine {
            Engine::Sqlite(_) => Ok(now),
            #[cfg(feature = "postgres")]
            Engine::Postgres(engine) => match engine.now(now) {
                Err(error) if self.depth == 0 && engine.recover(&error)? => engine.now(now),
                result => result,
            },
        }
    }
}

/// Times that a transaction is repeated if the connection is lost.
const REPETITIONS: u32 = 3;

/// Runs `work` in a transaction: everything that it writes is stored, or nothing if it fails or
/// panics. Inside another transaction, it is a savepoint. `host` owns the connection.
///
/// If the connection is lost before the commit, nothing was written, and `work` is repeated on a new
/// connection.
pub(crate) fn transaction<H, T>(
    host: &mut H,
    db: impl Fn(&mut H) -> &mut Db,
    commit: Commit,
    mut work: impl FnMut(&mut H) -> Result<T>,
) -> Result<T> {
    let mut left = REPETITIONS;
    loop {
        let result = attempt(host, &db, commit, &mut work);
        match result {
            Err(error) if db(host).depth == 0 && left > 0 && db(host).recover(&error) => left -= 1,
            result => return result,
        }
    }
}

/// Makes work that can be done once: a repetition fails with `error`.
pub(crate) fn once<H, T>(
    work: impl FnOnce(&mut H) -> Result<T>,
) -> impl FnMut(&mut H) -> Result<T> {
    let mut work = Some(work);
    move |host| match work.take() {
        Some(work) => work(host),
        None => Err(Error::new(
            ErrorKind::Undone,
            "the connection was lost during a transaction, and nothing of it was written",
        )),
    }
}

fn attempt<H, T>(
    host: &mut H,
    db: &impl Fn(&mut H) -> &mut Db,
    commit: Commit,
    work: &mut impl FnMut(&mut H) -> Result<T>,
) -> Result<T> {
    let depth = db(host).depth;
    if depth == 0 {
        db(host).begin(commit)?;
    } else {
        db(host).run(&format!("SAVEPOINT s{depth}"))?;
    }
    db(host).depth = depth + 1;
    let result = catch_unwind(AssertUnwindSafe(|| work(host)));
    let result = match result {
        Ok(Ok(value)) => {
            let end = if depth == 0 {
                db(host).commit()
            } else {
                db(host).run(&format!("RELEASE SAVEPOINT s{depth}"))
            };
            match end {
                Ok(()) => {
                    db(host).depth = depth;
                    return Ok(value);
                }
                Err(error) => Ok(Err(error)),
            }
        }
        other => other,
    };
    db(host).depth = depth;
    let undo = if depth == 0 {
        "ROLLBACK".to_owned()
    } else {
        format!("ROLLBACK TO SAVEPOINT s{depth}; RELEASE SAVEPOINT s{depth}")
    };
    // If this fails as well, the connection is broken, and the database rolls back by itself.
    let _ = db(host).run(&undo);
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

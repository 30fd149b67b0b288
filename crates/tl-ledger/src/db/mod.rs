//! One interface to both databases: statements with `$1` parameters, transactions, and the few
//! words in which the dialects differ.

#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
mod value;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::error::Result;

#[cfg(feature = "postgres")]
pub(crate) use postgres::Postgres;
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
        engine!(self, engine => engine.execute(sql, values))
    }

    pub(crate) fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        engine!(self, engine => engine.query(sql, values))
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
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        transaction(self, |db| db, Commit::Written, work)
    }

    /// Runs `work` in a [`transaction`] that survives a power failure.
    pub(crate) fn synced_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T>,
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
            Engine::Postgres(engine) => engine.now(now),
        }
    }
}

/// Runs `work` in a transaction: everything that it writes is stored, or nothing if it fails or
/// panics. Inside another transaction, it is a savepoint. `host` owns the connection.
pub(crate) fn transaction<H, T>(
    host: &mut H,
    db: impl Fn(&mut H) -> &mut Db,
    commit: Commit,
    work: impl FnOnce(&mut H) -> Result<T>,
) -> Result<T> {
    let depth = db(host).depth;
    if depth == 0 {
        db(host).begin(commit)?;
    } else {
        db(host).run(&format!("SAVEPOINT s{depth}"))?;
    }
    db(host).depth = depth + 1;
    let result = catch_unwind(AssertUnwindSafe(|| work(host)));
    db(host).depth = depth;
    let (end, undo) = if depth == 0 {
        ("COMMIT".to_owned(), "ROLLBACK".to_owned())
    } else {
        (
            format!("RELEASE SAVEPOINT s{depth}"),
            format!("ROLLBACK TO SAVEPOINT s{depth}; RELEASE SAVEPOINT s{depth}"),
        )
    };
    let result = match result {
        Ok(Ok(value)) => match db(host).run(&end) {
            Ok(()) => return Ok(value),
            Err(error) => Ok(Err(error)),
        },
        other => other,
    };
    // If this fails as well, the connection is broken, and the database rolls back by itself.
    let _ = db(host).run(&undo);
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

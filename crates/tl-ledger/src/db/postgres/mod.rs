//! PostgreSQL: statements, and connections that are established again when a server restarts.

mod address;
mod session;
mod tls;
mod types;

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use self::address::Address;
use self::session::{Session, reconnect};
use super::{Row, Value};
use crate::error::{Error, ErrorKind, Result};

/// The schema with the tables of the ledger, and the channel of its notifications.
const SCHEMA: &str = "tl_ledger";

/// The number of the lock that [`Postgres::lock_all`] takes: "tl_ledge" in ASCII.
const LOCK: i64 = 0x746c_5f6c_6564_6765;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The server's clock in microseconds since 1970.
const NOW: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";

/// How a server is used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) is_read_only: bool,
    pub(crate) lock_timeout: Duration,
    pub(crate) reconnect_timeout: Duration,
    pub(crate) has_caller_clock: bool,
}

pub(crate) struct Postgres {
    address: Arc<Address>,
    options: Options,
    session: Session,
    statements: HashMap<String, Statement>,
    /// Whether this connection receives notifications.
    is_listening: bool,
    /// The row in which the commits are counted.
    counter: Option<i64>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Postgres {
    pub(crate) fn connect(url: &str, options: Options) -> Result<Self> {
        let mut address = Address::parse(url)?;
        if address.config.get_connect_timeout().is_none() {
            address.config.connect_timeout(CONNECT_TIMEOUT);
        }
        address.config.application_name("tl");
        let address = Arc::new(address);
        let session = Session::connect(&address)?;
        let mut engine = Self {
            address,
            options,
            session,
            statements: HashMap::new(),
            is_listening: false,
            counter: None,
        };
        engine.configure()?;
        Ok(engine)
    }

    fn configure(&mut self) -> Result<()> {
        let lock_timeout = self.options.lock_timeout.as_millis().max(1);
        let is_read_only = self.options.is_read_only;
        self.run(&format!(
            "SET search_path TO {SCHEMA}; SET lock_timeout = {lock_timeout};
             SET default_transaction_read_only = {is_read_only}"
        ))
    }

    /// Connects again if the connection was lost, and waits for a server that restarts. Returns
    /// whether the error was of that kind; a transaction that was open is undone then.
    pub(crate) fn recover(&mut self, error: &Error) -> Result<bool> {
        if !server_gone(error) {
            return Ok(false);
        }
        let started = Instant::now();
        loop {
            let left = self
                .options
                .reconnect_timeout
                .saturating_sub(started.elapsed());
            self.session = reconnect(&self.address, left)?;
            self.statements.clear();
            self.is_listening = false;
            match self.configure() {
                Ok(()) => return Ok(true),
                // The server went away again.
                Err(error) if server_gone(&error) && !left.is_zero() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives this connection a row in which it counts its commits, now that the tables exist.
    pub(crate) fn count_commits(&mut self) -> Result<()> {
        if !self.options.is_read_only {
            let sql = format!("INSERT INTO session (commits, used) VALUES (0, {NOW}) RETURNING id");
            let rows = self.query(&sql, &[])?;
            self.counter = rows.first().map(|row| row.int(0)).transpose()?;
        }
        Ok(())
    }

    /// Commits. If the connection breaks meanwhile, the count of this connection's commits says
    /// afterwards whether the transaction was committed. (`txid_status` does not: a server that
    /// crashed gives the number of an unfinished transaction to another one.)
    ///
    /// # Errors
    /// With [`Unavailable`](ErrorKind::Unavailable), the transaction was undone, and the connection
    /// is established again if the server came back.
    pub(crate) fn commit(&mut self) -> Result<()> {
        let Some(counter) = self.counter else {
            return self.run("COMMIT");
        };
        let sql = format!(
            "UPDATE session SET commits = commits + 1, used = {NOW} WHERE id = $1 RETURNING commits"
        );
        let count = self.query(&sql, &[counter.into()])?;
        let count = count.first().map(|row| row.int(0)).transpose()?;
        let Err(error) = self.run("COMMIT") else {
            return Ok(());
        };
        if !server_gone(&error) {
            return Err(error);
        }
        let unknown = |error: Error| {
            let message = "the connection was lost during a commit, and it is unknown whether it \
                           was written";
            Error::new(ErrorKind::CommitUnknown, message).with_source(error)
        };
        loop {
            // A failure to connect again leaves the outcome unknown.
            self.recover(&error).map_err(unknown)?;
            // The row is locked until the server has noticed that the connection is gone.
            let sql = "SELECT commits FROM session WHERE id = $1 FOR UPDATE";
            match self.query(sql, &[counter.into()]) {
                Ok(rows) => {
                    let now = rows.first().map(|row| row.int(0)).transpose()?;
                    return match (now, count) {
                        (Some(now), Some(count)) if now == count => Ok(()),
                        (Some(_), Some(_)) => Err(error),
                        // The row was removed meanwhile.
                        _ => Err(unknown(error)),
                    };
                }
                Err(again) if server_gone(&again) => {}
                Err(error) => return Err(unknown(error)),
            }
        }
    }

    /// Waits until another process notifies. Returns whether one did, or may have done so.
    pub(crate) fn wait_for_change(&mut self, timeout: Duration) -> Result<bool> {
        if !self.is_listening {
            self.listen()?;
            // What happened before is not notified of.
            return Ok(true);
        }
        if !self.session.changes.wait(timeout) {
            return Ok(false);
        }
        if self.session.client.is_closed() {
            let lost = Error::new(ErrorKind::Unavailable, "the connection was closed");
            self.recover(&lost)?;
        }
        Ok(true)
    }

    fn listen(&mut self) -> Result<()> {
        let pid = "SELECT pg_backend_pid()";
        let pid = match self.query(pid, &[]) {
            Err(error) if self.recover(&error)? => self.query(pid, &[])?,
            rows => rows?,
        };
        if let Some(row) = pid.first() {
            let pid = i32::try_from(row.int(0)?).unwrap_or_default();
            self.session.changes.set_own(pid);
        }
        self.run(&format!("LISTEN {SCHEMA}"))?;
        self.is_listening = true;
        Ok(())
    }

    /// Wakes the processes that wait, when the transaction is committed.
    pub(crate) fn notify(&mut self) -> Result<()> {
        self.query("SELECT CAST(pg_notify($1, '') AS TEXT)", &[SCHEMA.into()])?;
        Ok(())
    }

    /// Whether the table exists in the schema of the ledger. The schema is created before.
    pub(crate) fn has_table(&mut self, name: &str) -> Result<bool> {
        let schema = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
        if self.query(schema, &[SCHEMA.into()])?.is_empty() {
            if self.options.is_read_only {
                return Err(Error::new(
                    ErrorKind::NotALedger,
                    "the database contains no ledger",
                ));
            }
            // Two processes that create it at the same time: one waits for the other, and fails.
            let created = self.run(&format!("CREATE SCHEMA IF NOT EXISTS {SCHEMA}"));
            if let Err(error) = created
                && self.query(schema, &[SCHEMA.into()])?.is_empty()
            {
                return Err(error);
            }
        }
        // Without this right, the tables seem not to exist.
        let right = "SELECT CAST(has_schema_privilege($1, 'USAGE') AS TEXT)";
        if self.query(right, &[SCHEMA.into()])?[0].text(0)? != "true" {
            return Err(Error::new(
                ErrorKind::Denied,
                format!("the user may not use the schema `{SCHEMA}`"),
            ));
        }
        let table = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2";
        Ok(!self.query(table, &[SCHEMA.into(), name.into()])?.is_empty())
    }

    fn statement(&mut self, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = wait(self.session.client.prepare(sql)).map_err(convert)?;
        // Selections make statements of any shape.
        if self.statements.len() >= 256 {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(crate) fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64> {
        let statement = self.statement(sql)?;
        let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as _).collect();
        wait(self.session.client.execute(&statement, &parameters)).map_err(convert)
    }

    pub(crate) fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let statement = self.statement(sql)?;
        let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as _).collect();
        let rows = wait(self.session.client.query(&statement, &parameters)).map_err(convert)?;
        let read = rows.iter().map(|row| {
            let values = (0..row.len()).map(|column| row.try_get(column));
            let values: Result<Vec<Value>, _> = values.collect();
            values.map(Row).map_err(convert)
        });
        read.collect()
    }

    pub(crate) fn run(&mut self, sql: &str) -> Result<()> {
        wait(self.session.client.batch_execute(sql)).map_err(convert)
    }

    pub(crate) fn lock_all(&mut self) -> Result<()> {
        self.query(
            "SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)",
            &[LOCK.into()],
        )?;
        Ok(())
    }

    pub(crate) fn now(&mut self, now: i64) -> Result<i64> {
        if self.options.has_caller_clock {
            return Ok(now);
        }
        let rows = self.query(&format!("SELECT {NOW}"), &[])?;
        let row = rows.first();
        row.ok_or_else(|| Error::corrupt("the server has no clock"))?
            .int(0)
    }
}

/// Waits for a request. The connection runs on its own thread, so a runtime is not needed here.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

/// Whether the connection is broken, or the server shuts down, starts, or has too many connections.
fn server_gone(error: &Error) -> bool {
    error.kind() == ErrorKind::Unavailable
}

fn convert(error: tokio_postgres::Error) -> Error {
    let class = error.code().map(|code| code.code().split_at(2));
    // SQLSTATE codes: PostgreSQL's documentation, appendix A.
    let kind = match class {
        Some(("08", _) | ("57", "P01" | "P02" | "P03")) => ErrorKind::Unavailable,
        Some(("25", "006")) => ErrorKind::ReadOnly,
        Some(("28", _) | ("42", "501") | ("3D", _)) => ErrorKind::Denied,
        Some(("40", _) | ("55", "P03")) => ErrorKind::Locked,
        Some(("53", "100")) => ErrorKind::Full,
        Some(("53", _)) => ErrorKind::Unavailable,
        Some(("XX", "001" | "002")) => ErrorKind::Corrupt,
        Some(("22", _)) => ErrorKind::Invalid,
        Some(_) => ErrorKind::Other,
        // The connection failed, or was closed.
        None => ErrorKind::Unavailable,
    };
    let message = match error.as_db_error() {
        Some(reply) => reply.message().to_owned(),
        None => match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    };
    Error::new(kind, message).with_source(error)
}

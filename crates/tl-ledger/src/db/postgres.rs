//! PostgreSQL: a connection on its own thread, and the types of its columns.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::{Row, Value};
use crate::error::{Error, ErrorKind, Result};

/// The schema with the tables of the ledger.
const SCHEMA: &str = "tl_ledger";

/// The number of the lock that [`Postgres::lock_all`] takes: "tl_ledge" in ASCII.
const LOCK: i64 = 0x746c_5f6c_6564_6765;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Postgres {
    client: Client,
    statements: HashMap<String, Statement>,
    is_read_only: bool,
    has_caller_clock: bool,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Postgres {
    pub(crate) fn connect(
        url: &str,
        is_read_only: bool,
        lock_timeout: Duration,
        has_caller_clock: bool,
    ) -> Result<Self> {
        // The text of the URL may contain a password, so no part of it is in the message.
        let mut config: Config = url.parse().map_err(|_| {
            Error::new(
                ErrorKind::Invalid,
                "the address of the database is not valid",
            )
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.application_name("tl");
        let (sender, receiver) = std::sync::mpsc::channel();
        // The connection needs a runtime, and the caller may be inside another one. It ends when
        // the client is dropped.
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => {
                    let error = Error::new(ErrorKind::Other, error.to_string());
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            runtime.block_on(async {
                match config.connect(NoTls).await {
                    Ok((client, connection)) => {
                        let _ = sender.send(Ok(client));
                        // Its error is reported to the statement that waits for it.
                        let _ = connection.await;
                    }
                    Err(error) => {
                        let _ = sender.send(Err(convert(error)));
                    }
                }
            });
        };
        thread::Builder::new()
            .name("tl-ledger".into())
            .spawn(run)
            .map_err(|error| Error::new(ErrorKind::Other, error.to_string()))?;
        let client = receiver
            .recv()
            .map_err(|_| Error::new(ErrorKind::Unavailable, "the connection ended"))??;
        let mut engine = Self {
            client,
            statements: HashMap::new(),
            is_read_only,
            has_caller_clock,
        };
        let lock_timeout = lock_timeout.as_millis().max(1);
        engine.run(&format!(
            "SET search_path TO {SCHEMA}; SET lock_timeout = {lock_timeout};
             SET default_transaction_read_only = {is_read_only}"
        ))?;
        Ok(engine)
    }

    /// Whether the table exists in the schema of the ledger. The schema is created before.
    pub(crate) fn has_table(&mut self, name: &str) -> Result<bool> {
        let schema = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
        if self.query(schema, &[SCHEMA.into()])?.is_empty() {
            if self.is_read_only {
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
        let statement = wait(self.client.prepare(sql)).map_err(convert)?;
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
        wait(self.client.execute(&statement, &parameters)).map_err(convert)
    }

    pub(crate) fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let statement = self.statement(sql)?;
        let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as _).collect();
        let rows = wait(self.client.query(&statement, &parameters)).map_err(convert)?;
        let read = rows.iter().map(|row| {
            let values = (0..row.len()).map(|column| row.try_get(column));
            let values: Result<Vec<Value>, _> = values.collect();
            values.map(Row).map_err(convert)
        });
        read.collect()
    }

    pub(crate) fn run(&mut self, sql: &str) -> Result<()> {
        wait(self.client.batch_execute(sql)).map_err(convert)
    }

    pub(crate) fn lock_all(&mut self) -> Result<()> {
        self.query(
            "SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)",
            &[LOCK.into()],
        )?;
        Ok(())
    }

    pub(crate) fn now(&mut self, now: i64) -> Result<i64> {
        if self.has_caller_clock {
            return Ok(now);
        }
        let sql = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";
        let rows = self.query(sql, &[])?;
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

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            // Literals such as `1` are of this type, and so are the parameters compared with them.
            Self::Int(value) if *ty == Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
            Self::Int(value) => value.to_sql(ty, out),
            Self::Text(value) => value.to_sql(ty, out),
            Self::Blob(value) => value.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(match *ty {
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            Type::BYTEA => Self::Blob(Vec::from_sql(ty, raw)?),
            _ => Self::Text(String::from_sql(ty, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(ty: &Type) -> bool {
        [
            Type::INT8,
            Type::INT4,
            Type::BYTEA,
            Type::TEXT,
            Type::VARCHAR,
            Type::NAME,
        ]
        .contains(ty)
    }
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

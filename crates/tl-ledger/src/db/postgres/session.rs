//! A connection to a server: established by the rules of `sslmode`, driven on its own thread, and
//! counting the notifications of other processes.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio_postgres::config::SslMode;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{AsyncMessage, Client, Socket};

use super::address::{Address, TlsMode};
use super::tls::{Connector, Stream};
use super::{convert, server_gone};
use crate::error::{Error, ErrorKind, Result};

/// A connection. Its thread ends when the client is dropped.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) changes: Arc<Changes>,
}

/// What other processes notified of.
#[derive(Default)]
pub(super) struct Changes {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    /// Whether a notification arrived since the last wait.
    has_changed: bool,
    /// Whether the connection has ended, so that no notification will arrive.
    has_ended: bool,
    /// The process of this connection on the server: its own notifications do not count.
    own: Option<i32>,
}

impl Changes {
    fn update(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    pub(super) fn set_own(&self, process: i32) {
        self.update(|seen| seen.own = Some(process));
    }

    /// Waits for a notification. Returns whether there was one, or the connection has ended.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let started = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if std::mem::take(&mut seen.has_changed) || seen.has_ended {
                return true;
            }
            let Some(left) = timeout.checked_sub(started.elapsed()) else {
                return false;
            };
            let woken = self.changed.wait_timeout(seen, left);
            seen = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Session {
    /// Connects, in the ways that `sslmode` allows.
    ///
    /// The connection needs a runtime, and the caller may be inside another one, so it has a thread.
    pub(super) fn connect(address: &Arc<Address>) -> Result<Self> {
        let connector = match address.tls {
            TlsMode::Disable => None,
            mode => Some(Connector::new(mode, &address.roots)?),
        };
        let (sender, receiver) = std::sync::mpsc::channel();
        let address = Arc::clone(address);
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
                match establish(&address, connector).await {
                    Ok((client, connection)) => {
                        let changes = Arc::new(Changes::default());
                        let session = Self {
                            client,
                            changes: Arc::clone(&changes),
                        };
                        let _ = sender.send(Ok(session));
                        drive(connection, &changes).await;
                        changes.update(|seen| seen.has_ended = true);
                    }
                    Err(error) => {
                        let what = format!("no connection to {}", address.servers());
                        let _ = sender.send(Err(convert(error).during(what)));
                    }
                }
            });
        };
        thread::Builder::new()
            .name("tl-ledger".into())
            .spawn(run)
            .map_err(|error| Error::new(ErrorKind::Other, error.to_string()))?;
        receiver
            .recv()
            .map_err(|_| Error::new(ErrorKind::Unavailable, "the connection ended"))?
    }
}

/// A connection that is encrypted or not.
enum Connection {
    Plain(Box<tokio_postgres::Connection<Socket, NoTlsStream>>),
    Tls(Box<tokio_postgres::Connection<Socket, Stream>>),
}

async fn establish(
    address: &Address,
    connector: Option<Connector>,
) -> Result<(Client, Connection), tokio_postgres::Error> {
    let plain = async || {
        let mut config = address.config.clone();
        config.ssl_mode(SslMode::Disable);
        let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
        Ok((client, Connection::Plain(Box::new(connection))))
    };
    let Some(connector) = connector else {
        return plain().await;
    };
    let encrypted = async |mode: SslMode| {
        let mut config = address.config.clone();
        config.ssl_mode(mode);
        let (client, connection) = config.connect(connector.clone()).await?;
        Ok((client, Connection::Tls(Box::new(connection))))
    };
    match address.tls {
        TlsMode::Allow => match plain().await {
            Err(error) if is_refused_in_this_mode(&error) => encrypted(SslMode::Require).await,
            result => result,
        },
        TlsMode::Prefer => match encrypted(SslMode::Prefer).await {
            Err(error) if is_refused_in_this_mode(&error) => match plain().await {
                // The first error says more.
                Err(_) => Err(error),
                result => result,
            },
            result => result,
        },
        _ => encrypted(SslMode::Require).await,
    }
}

/// Whether the server might accept the user with encryption and not without, or the other way: no
/// line of its `pg_hba.conf` fits, or the handshake failed.
fn is_refused_in_this_mode(error: &tokio_postgres::Error) -> bool {
    if let Some(code) = error.code() {
        return code.code() == "28000";
    }
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| {
        matches!(
            cause.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::Other
        )
    })
}

/// Sends and receives until the client is dropped or the connection breaks; then the error is
/// reported to the statement that waits for it.
async fn drive(connection: Connection, changes: &Changes) {
    let mut connection = pin!(connection);
    let next = |connection: &mut Connection, context: &mut std::task::Context<'_>| match connection
    {
        Connection::Plain(connection) => connection.poll_message(context),
        Connection::Tls(connection) => connection.poll_message(context),
    };
    while let Some(Ok(message)) = poll_fn(|context| next(&mut connection, context)).await {
        if let AsyncMessage::Notification(notification) = message {
            changes.update(|seen| {
                seen.has_changed |= seen.own != Some(notification.process_id());
            });
        }
    }
}

/// Connects again, as soon as the server accepts connections.
pub(super) fn reconnect(address: &Arc<Address>, limit: Duration) -> Result<Session> {
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);
    let started = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        match Session::connect(address) {
            Err(error) if server_gone(&error) && started.elapsed() + pause < limit => {
                thread::sleep(pause);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            result => return result,
        }
    }
}

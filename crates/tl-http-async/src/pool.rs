//! Connections that wait for their next request.

use std::{
    collections::HashMap,
    fmt, io,
    net::{Shutdown, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{Uri, uri::Scheme};
use hyper::client::conn::http1::SendRequest;
use tokio::{task::JoinHandle, time::Instant};

use crate::{line::Wire, upload::Upload};

/// The longest time that a connection waits. Below the 60 s after which common load balancers close an idle connection
/// (AWS Application Load Balancer, default), so that a request seldom meets one that is just being closed.
const LONGEST_IDLE: Duration = Duration::from_secs(45);

/// The largest number of connections that wait for one host: above any sensible number of exchanges at once.
const MOST_IDLE: usize = 32;

/// Where a request goes: connections are shared by what has the same origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) tls: bool,
    /// As in the URI, an IPv6 address in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
    /// The origin of an absolute http(s) address.
    pub(crate) fn of(uri: &Uri) -> Self {
        let tls = uri.scheme() == Some(&Scheme::HTTPS);
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        Self {
            tls,
            host,
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// One connection. Dropping it closes it at once, with whatever is under way.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) sender: SendRequest<Upload>,
    pub(crate) wire: Arc<Wire>,
    task: JoinHandle<()>,
    /// The socket that the task has too: to look at it, and to close it, without waiting for the task to run.
    socket: TcpStream,
    since: Instant,
}

impl Line {
    pub(crate) fn new(
        sender: SendRequest<Upload>,
        wire: Arc<Wire>,
        task: JoinHandle<()>,
        socket: TcpStream,
    ) -> Self {
        Self {
            sender,
            wire,
            task,
            socket,
            since: Instant::now(),
        }
    }

    fn may_wait(&self) -> bool {
        self.since.elapsed() < LONGEST_IDLE && !self.sender.is_closed() && !self.task.is_finished()
    }

    /// What the server did while the connection waited.
    pub(crate) fn rest(&self) -> Rest {
        match self.socket.peek(&mut [0]) {
            Ok(0) => Rest::Closed,
            Ok(_) => Rest::Spoke,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Rest::Silent,
            Err(_) => Rest::Closed,
        }
    }
}

/// What a waiting connection looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// As it was left: good for a request.
    Silent,
    /// Bytes came: a session ticket of TLS, or something that does not belong there.
    Spoke,
    /// The server closed it.
    Closed,
}

impl Drop for Line {
    fn drop(&mut self) {
        // Fails where the server closed before.
        drop(self.socket.shutdown(Shutdown::Both));
        self.task.abort();
    }
}

/// The waiting connections of one client.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<HashMap<Origin, Vec<Line>>>);

impl Pool {
    /// The connection to `origin` that waited the shortest.
    pub(crate) fn take(&self, origin: &Origin) -> Option<Line> {
        let mut idle = self.idle();
        let lines = idle.get_mut(origin)?;
        lines.retain(Line::may_wait);
        lines.pop()
    }

    /// Lets `line` wait. Those that waited too long go.
    pub(crate) fn put(&self, origin: Origin, mut line: Line) {
        line.since = Instant::now();
        let mut idle = self.idle();
        idle.retain(|_, lines| {
            lines.retain(Line::may_wait);
            !lines.is_empty()
        });
        let lines = idle.entry(origin).or_default();
        if lines.len() >= MOST_IDLE {
            lines.remove(0);
        }
        lines.push(line);
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Origin, Vec<Line>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! A scripted HTTP/1.1 server over real sockets, which records requests. It is independent of any
//! platform's API.

mod connection;
mod reaction;
mod socket;
mod tls;

use std::{
    collections::VecDeque,
    fmt,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

pub use reaction::{Coding, Reaction, Reply, StreamEnd, StreamedReply};
pub use tls::Authority;

/// Maximum time that a test waits for an expected event.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A received request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// Number of the connection, starting at 1.
    pub connection: u32,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers with lower-case names, sorted.
    pub headers: Vec<(String, String)>,
    /// Number of body bytes read, and their [fingerprint](crate::source::Fingerprint).
    pub body: String,
    /// Whether the body arrived completely.
    pub whole: bool,
}

impl Seen {
    /// The value of the header `name` (in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// The `Content-Length`; 0 if there is none.
    #[must_use]
    pub fn content_length(&self) -> u64 {
        self.header("content-length")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }

    /// Formats the request on a few lines, without what differs between runs: host, port, and
    /// connection number.
    #[must_use]
    pub fn transcript(&self) -> String {
        let mut text = format!("{} {}\n", self.method, self.target);
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "host") {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push_str(&format!(
            "[{}{}]\n",
            self.body,
            if self.whole { "" } else { ", cut" }
        ));
        text
    }
}

type React = dyn Fn(&Seen) -> Reaction + Send + Sync;

/// The server; it stops on drop.
pub struct Server {
    address: SocketAddr,
    authority: Option<Authority>,
    shared: Arc<Shared>,
}

struct Shared {
    react: Box<React>,
    seen: Mutex<Vec<Seen>>,
    closed: Mutex<Vec<u32>>,
    news: Condvar,
    connections: AtomicU32,
    in_flight: AtomicU32,
    max_in_flight: AtomicU32,
    received: AtomicU64,
    sent: AtomicU64,
    stopped: AtomicBool,
}

impl Server {
    /// A server that responds by `script`, and with 500 after its end.
    #[must_use]
    pub fn scripted(script: impl IntoIterator<Item = Reaction>) -> Self {
        Self::reacting(in_turn(script))
    }

    /// A server whose reaction depends on the request head.
    #[must_use]
    pub fn reacting(react: impl Fn(&Seen) -> Reaction + Send + Sync + 'static) -> Self {
        Self::start(Box::new(react), None)
    }

    /// The same over TLS, with a certificate for `localhost`, `127.0.0.1` and `names` from its own
    /// authority.
    #[must_use]
    pub fn tls(names: &[&str], script: impl IntoIterator<Item = Reaction>) -> Self {
        Self::start(Box::new(in_turn(script)), Some(Authority::new(names)))
    }

    fn start(react: Box<React>, authority: Option<Authority>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            react,
            seen: Mutex::default(),
            closed: Mutex::default(),
            news: Condvar::new(),
            connections: AtomicU32::new(0),
            in_flight: AtomicU32::new(0),
            max_in_flight: AtomicU32::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        });
        let config = authority.as_ref().map(Authority::server_config);
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let number = accepting.connections.fetch_add(1, Ordering::SeqCst) + 1;
                let (shared, config) = (Arc::clone(&accepting), config.clone());
                thread::spawn(move || {
                    connection::serve(&shared, number, stream, config);
                    shared.closed().push(number);
                    shared.news.notify_all();
                });
            }
        });
        Self {
            address,
            authority,
            shared,
        }
    }

    /// The listening address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An absolute URL of this server, by IP address.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.authority.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}{path}", self.address)
    }

    /// The root certificate (PEM) that a client must trust.
    #[must_use]
    pub fn root(&self) -> bytes::Bytes {
        self.authority
            .as_ref()
            .expect("a server with TLS")
            .pem()
            .into()
    }

    /// The requests so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen().clone()
    }

    /// The requests so far as text.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.seen()
            .iter()
            .map(Seen::transcript)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Number of connections so far.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Maximum number of requests in flight at once.
    #[must_use]
    pub fn max_in_flight(&self) -> u32 {
        self.shared.max_in_flight.load(Ordering::SeqCst)
    }

    /// Number of bytes of streamed bodies written to sockets so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Number of body bytes received so far, over all requests.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.shared.received.load(Ordering::SeqCst)
    }

    /// Waits until connection `number` has ended, which happens when the client closes it.
    ///
    /// # Panics
    /// If it is still open after [`PATIENCE`].
    pub fn wait_for_close(&self, number: u32) {
        let deadline = Instant::now() + PATIENCE;
        let mut closed = self.shared.closed();
        while !closed.contains(&number) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "connection {number} is still open after {PATIENCE:?}"
            );
            closed = self
                .shared
                .news
                .wait_timeout(closed, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits until `condition` holds.
    ///
    /// # Panics
    /// If it does not hold after [`PATIENCE`].
    pub fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(
                Instant::now() < deadline,
                "{what}: not so after {PATIENCE:?}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread. If this fails, the thread has already ended.
        drop(TcpStream::connect(self.address));
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.address)
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closed(&self) -> MutexGuard<'_, Vec<u32>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_turn(
    script: impl IntoIterator<Item = Reaction>,
) -> impl Fn(&Seen) -> Reaction + Send + Sync + 'static {
    let script: Mutex<VecDeque<Reaction>> = Mutex::new(script.into_iter().collect());
    move |_| {
        let next = script
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        next.unwrap_or_else(|| {
            Reply::status(500)
                .body("the script of the test server is over")
                .into()
        })
    }
}

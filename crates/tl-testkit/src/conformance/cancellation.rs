//! Cases about cancellation from another thread, in each phase of an exchange, a flow and a stream.

use std::{
    io,
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use tl_protocol::{
    Body, CancelHandle, CancelTransport, ErrorKind, Flow, Source, TransportErrorKind,
};

use super::{
    Harness, SECRET, chain, connections::expect_one_connection, plain, settings,
    streams::for_server, with,
};
use crate::{
    exchanges::{Many, One, Sleep, exchange, get},
    server::{PATIENCE, Reaction, Reply, Server, StreamEnd},
    source::PatternSource,
    streams::{Analyze, events, reply},
};

/// Maximum time from a cancel to the end of what it cancels, on a loaded machine.
const PROMPTLY: Duration = Duration::from_millis(200);

/// Long enough for an exchange to be in the phase in which it is canceled.
const UNDER_WAY: Duration = Duration::from_millis(150);

/// Runs `flow`, cancels it after [`UNDER_WAY`], and returns its output.
fn cancel_flow<H: Harness, F: Flow>(harness: &H, transport: &H::Transport, flow: F) -> F::Output {
    let cancel = CancelHandle::new();
    let transport = transport.cancel_by(&cancel);
    let started = Instant::now();
    let (output, ended) = thread::scope(|scope| {
        let canceled = scope.spawn(|| {
            thread::sleep(UNDER_WAY);
            let now = Instant::now();
            cancel.cancel();
            now
        });
        let output = harness.drive(&transport, flow);
        let ended = Instant::now();
        let canceled = canceled.join().expect("no panic");
        assert!(
            ended >= canceled,
            "ended {:?} after the start, before the cancel",
            ended - started
        );
        (output, ended - canceled)
    });
    assert!(ended <= PROMPTLY, "ended {ended:?} after the cancel");
    output
}

fn cancel_exchange<H: Harness>(
    harness: &H,
    transport: &H::Transport,
    exchange: tl_protocol::Exchange,
) {
    let error = cancel_flow(harness, transport, One::new(exchange)).expect_err("it was canceled");
    assert_eq!(
        error.kind(),
        TransportErrorKind::Canceled,
        "{}",
        chain(&error)
    );
}

/// While the server has the request and does not respond.
pub fn cancel_while_waiting_for_the_head<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reaction::never());
    let transport = plain(harness);
    for (connection, method, body) in [(1, "GET", ""), (2, "POST", "body")] {
        let uri = server.url(&format!("/?signature={SECRET}"));
        cancel_exchange(harness, &transport, exchange(method, &uri, body));
        server.wait_for_close(connection);
    }
}

/// While a part of the response has arrived.
pub fn cancel_while_reading_the_body<H: Harness>(harness: &H) {
    let part = Reaction::cut(Reply::ok("0123456789"), 50).then_hang(Duration::ZERO);
    let server = Server::scripted([part]);
    cancel_exchange(harness, &plain(harness), get(&server.url("/")));
    server.wait_for_close(1);
}

/// While the body is sent, in memory and from a source.
pub fn cancel_while_sending_the_body<H: Harness>(harness: &H) {
    let slowly = || Reaction::never().reading_slowly(64 << 10, Duration::from_millis(5));
    let server = Server::reacting(move |_| slowly());
    let transport = plain(harness);
    let source = Arc::new(PatternSource::new(256 << 20, 1));
    let bodies = [
        Body::from_source(Arc::<PatternSource>::clone(&source)),
        Body::from(vec![0; 64 << 20]),
    ];
    for (connection, body) in (1..).zip(bodies) {
        cancel_exchange(
            harness,
            &transport,
            exchange("POST", &server.url("/"), body),
        );
        server.wait_for_close(connection);
    }
    assert!(server.seen().iter().all(|seen| !seen.whole));
    assert!(
        source.furthest_read() < 128 << 20,
        "the whole body was read"
    );
}

/// A source whose reads block until it is released.
#[derive(Debug)]
struct Blocked(Mutex<mpsc::Receiver<()>>);

impl Source for Blocked {
    fn name(&self) -> &str {
        "clip.mp4"
    }

    fn len(&self) -> u64 {
        1 << 20
    }

    fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
        // Ends when the test drops the sender.
        let _ = self
            .0
            .lock()
            .map(|released| released.recv_timeout(PATIENCE));
        Err(io::Error::other("released"))
    }
}

/// While the source of the body blocks.
pub fn cancel_while_the_source_blocks<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reaction::never());
    let (release, released) = mpsc::channel();
    let body = Body::from_source(Arc::new(Blocked(Mutex::new(released))));
    cancel_exchange(
        harness,
        &plain(harness),
        exchange("POST", &server.url("/"), body),
    );
    drop(release);
    server.wait_for_close(1);
}

/// While the connection is being established: the server does not accept it.
pub fn cancel_while_connecting<H: Harness>(harness: &H) {
    let full = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let address = full.local_addr().expect("a bound socket has an address");
    // Fill the queue of connections that nobody accepts.
    let mut queue = Vec::new();
    while let Ok(socket) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queue.push(socket);
        assert!(queue.len() < 10_000, "the queue has no end");
    }
    cancel_exchange(harness, &plain(harness), get(&format!("http://{address}/")));
}

/// During the TLS handshake.
pub fn cancel_during_the_tls_handshake<H: Harness>(harness: &H) {
    let silent = Silent::start();
    cancel_exchange(harness, &plain(harness), get(&silent.url("https")));
    silent.wait_for_close();
}

/// While a proxy opens its tunnel.
pub fn cancel_while_a_proxy_opens_its_tunnel<H: Harness>(harness: &H) {
    let silent = Silent::start();
    let mut settings = settings();
    let proxy = silent.url("http").parse().expect("a URL");
    settings.proxy = tl_protocol::Proxy::Url(proxy);
    let transport = with(harness, settings);
    cancel_exchange(harness, &transport, get("https://video.example/"));
    silent.wait_for_close();
}

/// Accepts one connection, and reads until the client closes it.
struct Silent {
    port: u16,
    closed: mpsc::Receiver<()>,
}

impl Silent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (sender, closed) = mpsc::channel();
        thread::spawn(move || {
            if let Ok((mut socket, _)) = listener.accept() {
                let _ = io::copy(&mut socket, &mut io::sink());
                let _ = sender.send(());
            }
        });
        Self { port, closed }
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}/", self.port)
    }

    fn wait_for_close(&self) {
        let closed = self.closed.recv_timeout(PATIENCE);
        closed.expect("the client closes its connection");
    }
}

/// While a flow waits, as between two polls or attempts.
pub fn cancel_while_a_flow_waits<H: Harness>(harness: &H) {
    cancel_flow(harness, &plain(harness), Sleep::new(PATIENCE));
}

/// With many exchanges in flight, each of them is canceled.
pub fn cancel_ends_every_exchange_in_flight<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reaction::never());
    let exchanges: Vec<_> = (0..4).map(|_| get(&server.url("/"))).collect();
    let outcomes = cancel_flow(harness, &plain(harness), Many::new(exchanges, 4));
    assert_eq!(outcomes.len(), 4);
    for outcome in outcomes {
        let outcome = outcome.expect("every exchange has an outcome");
        let error = outcome.expect_err("it was canceled");
        assert_eq!(error.kind(), TransportErrorKind::Canceled);
    }
    for connection in 1..=4 {
        server.wait_for_close(connection);
    }
}

/// Nothing is sent after a cancel, and other flows of the transport go on.
pub fn cancel_before_the_start_sends_nothing<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reaction::from(Reply::ok("ok")));
    let transport = plain(harness);
    let cancel = CancelHandle::new();
    cancel.cancel();
    let canceled = transport.cancel_by(&cancel);
    let outcome = harness.drive(&canceled, One::new(get(&server.url("/"))));
    let error = outcome.expect_err("it was canceled");
    assert_eq!(error.kind(), TransportErrorKind::Canceled);
    assert_eq!(server.seen().len(), 0);
    let outcome = harness.drive(&transport, One::new(get(&server.url("/"))));
    assert_eq!(outcome.expect("it was not canceled").status(), 200);
}

/// A cancel after the end changes nothing: the connection serves the next request.
pub fn cancel_after_the_end_changes_nothing<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reaction::from(Reply::ok("ok")));
    let transport = plain(harness);
    for _ in 0..10 {
        let cancel = CancelHandle::new();
        let first = transport.cancel_by(&cancel);
        for transport in [&first, &transport] {
            let outcome = harness.drive(transport, One::new(get(&server.url("/"))));
            assert_eq!(outcome.expect("it was not canceled").status(), 200);
            cancel.cancel();
        }
    }
    expect_one_connection::<H>(&server);
}

/// Cancels a stream of `server` after [`UNDER_WAY`], and returns what it yielded.
fn cancel_stream<H: Harness>(harness: &H, server: &Server) -> Vec<Result<(), ErrorKind>> {
    let cancel = CancelHandle::new();
    let transport = for_server(harness, server).cancel_by(&cancel);
    let base = server.url("/v1.3").parse().expect("a URL");
    let (canceled, items, ended) = thread::scope(|scope| {
        let canceled = scope.spawn(|| {
            thread::sleep(UNDER_WAY);
            let now = Instant::now();
            cancel.cancel();
            now
        });
        let items = harness.take(&transport, events(&Analyze, &base), usize::MAX);
        let ended = Instant::now();
        (canceled.join().expect("no panic"), items, ended)
    });
    assert!(
        ended - canceled <= PROMPTLY,
        "ended {:?} after the cancel",
        ended - canceled
    );
    server.wait_for_close(1);
    let kind = |item: Result<_, tl_protocol::Error>| item.map(drop).map_err(|error| error.kind());
    items.into_iter().map(kind).collect()
}

/// While a stream waits for the response head.
pub fn cancel_before_the_first_event<H: Harness>(harness: &H) {
    let server = Server::reacting(|_| Reaction::never());
    assert_eq!(cancel_stream(harness, &server), [Err(ErrorKind::Canceled)]);
}

/// While a stream waits for its next event; the events before are valid.
pub fn cancel_between_two_events<H: Harness>(harness: &H) {
    let silent = reply(["{\"type\":\"text\"}\n"], StreamEnd::Silence);
    let server = Server::scripted([Reaction::stream(silent)]);
    let items = cancel_stream(harness, &server);
    assert_eq!(items, [Ok(()), Err(ErrorKind::Canceled)]);
}

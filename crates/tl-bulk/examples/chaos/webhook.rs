//! A receiver of webhooks that records the events in the ledger, and loses or repeats some of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue};
use tl_ledger::Ledger;
use tl_protocol::webhook;
use url::Url;

pub(crate) const SECRET: &str = "whsec_chaos";

/// What became of the events.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) recorded: AtomicUsize,
    pub(crate) lost: AtomicUsize,
    pub(crate) repeated: AtomicUsize,
}

pub(crate) struct Receiver {
    pub(crate) url: Url,
    pub(crate) counts: Arc<Counts>,
}

impl Receiver {
    /// Listens until the program ends. Of the deliveries, every `lose`-th is accepted and lost, and
    /// every `repeat`-th is recorded and refused, so that it is delivered again.
    pub(crate) fn start(ledger: PathBuf, lose: usize, repeat: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                // A connection that breaks is an event that is lost.
                let _ = answer(stream, number + 1, (lose, repeat), &ledger, &shared);
            }
        });
        Self {
            url: url.parse().unwrap(),
            counts,
        }
    }
}

fn answer(
    mut stream: TcpStream,
    number: usize,
    (lose, repeat): (usize, usize),
    ledger: &PathBuf,
    counts: &Counts,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut headers = HeaderMap::new();
    let mut line = String::new();
    reader.read_line(&mut line)?;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let name: Result<HeaderName, _> = name.parse();
        let value = HeaderValue::from_str(value.trim());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let length = headers.get("content-length");
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut status = "204 No Content";
    match webhook::receive(SECRET, &headers, &body, SystemTime::now()) {
        Ok(_) if number.is_multiple_of(lose) => {
            counts.lost.fetch_add(1, SeqCst);
        }
        Ok(event) => {
            let recorded = Ledger::open(ledger).and_then(|mut ledger| {
                ledger.record_event(jiff::Timestamp::now(), event.id.as_str(), None)
            });
            match recorded {
                Ok(true) => counts.recorded.fetch_add(1, SeqCst),
                Ok(false) => counts.repeated.fetch_add(1, SeqCst),
                Err(_) => counts.lost.fetch_add(1, SeqCst),
            };
            if number.is_multiple_of(repeat) {
                status = "500 Internal Server Error";
            }
        }
        Err(_) => status = "401 Unauthorized",
    }
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

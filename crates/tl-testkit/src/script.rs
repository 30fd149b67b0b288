//! A [`World`] that responds from a list, one line per request, and records the requests with their
//! time.
//!
//! A line is a status with the body, or a word for a failure, optionally after its delay:
//!
//! | Line | Outcome |
//! |---|---|
//! | `200 {"_id": "t"}` | the status, with the rest as body |
//! | `429 retry-after=7` | with `Retry-After: 7`; `retry-date=7` sends a date seven seconds after the response's `Date` |
//! | `lost` | connection broken, delivery unknown; `lost-unsent`: not sent completely |
//! | `unreachable`, `tls`, `source`, `refused` | not sent |
//! | `timeout`, `garbage`, `too-large` | delivery unknown |
//! | `stalled` | body stalled, not sent completely |
//! | `@90s 200 {}` | the same, after 90 s |

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use http::Response;
use tl_protocol::{Delivery, Exchange, Now, TransportError, TransportErrorKind};

use crate::sim::{Planned, World};

/// The list and the requests so far. The last line is repeated.
#[derive(Debug)]
pub struct Script {
    lines: VecDeque<String>,
    requests: Vec<ScriptRequest>,
    /// End of the wait that the platform requested.
    quiet_until: Duration,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptRequest {
    /// When it was sent.
    pub at: Duration,
    /// Method, path and query.
    pub what: String,
    /// Whether the outcome leaves open if it was processed.
    pub in_doubt: bool,
}

impl Script {
    /// Creates a world that responds with `lines`.
    ///
    /// # Panics
    /// If there is no line.
    #[must_use]
    pub fn new<L: AsRef<str>>(lines: impl IntoIterator<Item = L>) -> Self {
        let lines: VecDeque<String> = lines
            .into_iter()
            .map(|line| line.as_ref().to_owned())
            .collect();
        assert!(!lines.is_empty(), "a script has a line");
        Self {
            lines,
            requests: Vec::new(),
            quiet_until: Duration::ZERO,
        }
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> &[ScriptRequest] {
        &self.requests
    }

    /// The requests so far on one line: `0 GET /tasks/t, 7 GET /tasks/t`, times in seconds.
    #[must_use]
    pub fn summary(&self) -> String {
        let line =
            |request: &ScriptRequest| format!("{} {}", request.at.as_secs_f64(), request.what);
        self.requests
            .iter()
            .map(line)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl World for Script {
    fn answer(&mut self, now: Now, exchange: &Exchange) -> Planned {
        assert!(
            now.mono >= self.quiet_until,
            "asked again at {:?}, but the platform asked to wait until {:?}",
            now.mono,
            self.quiet_until
        );
        let line = if self.lines.len() > 1 {
            self.lines.pop_front()
        } else {
            self.lines.front().cloned()
        };
        let planned = planned(&line.expect("a script has a line"), now);
        let target = exchange
            .http
            .uri()
            .path_and_query()
            .map_or("", |target| target.as_str());
        let late = planned.after > exchange.timeout;
        if let Ok(answer) = &planned.outcome
            && !late
        {
            let wait =
                tl_protocol::retry::retry_after(answer.headers(), now.wall).unwrap_or_default();
            self.quiet_until = now.mono + planned.after + wait;
        }
        let in_doubt = match &planned.outcome {
            _ if late => true,
            Ok(answer) => answer.status().is_server_error() && answer.status() != 503,
            Err(error) => error.delivery() == Delivery::Unknown,
        };
        let what = format!(
            "{} {}",
            exchange.http.method(),
            target.trim_start_matches("/v1.3")
        );
        self.requests.push(ScriptRequest {
            at: now.mono,
            what,
            in_doubt,
        });
        planned
    }
}

/// The outcome that `line` describes, for a request at `now`.
///
/// # Panics
/// If the line is invalid.
#[must_use]
pub fn planned(line: &str, now: Now) -> Planned {
    let (after, what) = match line
        .strip_prefix('@')
        .and_then(|line| line.split_once("s "))
    {
        Some((seconds, what)) => (
            Duration::from_secs_f64(seconds.parse().expect("seconds")),
            what,
        ),
        None => (Duration::ZERO, line),
    };
    let (unsent, unknown) = (Delivery::NotSent, Delivery::Unknown);
    let failed =
        |kind, delivery| Err(TransportError::new(kind, delivery).with_source("as scripted"));
    let outcome = match what {
        "lost" => failed(TransportErrorKind::Lost, unknown),
        "lost-unsent" => failed(TransportErrorKind::Lost, unsent),
        "unreachable" => failed(TransportErrorKind::Unreachable, unsent),
        "tls" => failed(TransportErrorKind::Tls, unsent),
        "source" => failed(TransportErrorKind::SourceFailed, unsent),
        "refused" => failed(TransportErrorKind::Refused, unsent),
        "timeout" => failed(TransportErrorKind::TimedOut, unknown),
        "stalled" => failed(TransportErrorKind::Stalled, unsent),
        "garbage" => failed(TransportErrorKind::NotHttp, unknown),
        "too-large" => failed(TransportErrorKind::TooLarge, unknown),
        _ => Ok(answer(what, now, after)),
    };
    Planned { after, outcome }
}

fn answer(what: &str, now: Now, after: Duration) -> Response<Bytes> {
    let (status, mut rest) = what.split_once(' ').unwrap_or((what, ""));
    let mut answer = Response::builder().status(status);
    if let Some(wait) = rest.strip_prefix("retry-after=") {
        answer = answer.header("retry-after", wait);
        rest = "";
    } else if let Some(wait) = rest.strip_prefix("retry-date=") {
        // The server's clock is a year behind: only the difference between its two dates matters.
        let date = now.wall + after - Duration::from_secs(365 * 86_400);
        let until = date + Duration::from_secs(wait.parse().expect("seconds"));
        answer = answer
            .header("date", http_date(date))
            .header("retry-after", http_date(until));
        rest = "";
    }
    answer
        .body(Bytes::copy_from_slice(rest.as_bytes()))
        .unwrap_or_else(|error| panic!("`{what}`: {error}"))
}

fn http_date(time: std::time::SystemTime) -> String {
    let stamp = jiff::Timestamp::try_from(time).expect("a time of this age");
    stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

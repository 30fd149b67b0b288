//! Small flows to test transports: one exchange, and many in parallel.

use std::time::Duration;

use http::Request;
use tl_protocol::{Auth, Body, Exchange, Flow, Now, Outcome, Step, Token};

/// A timeout that no test should reach.
pub const LONG: Duration = Duration::from_secs(30);

/// An exchange without the API key and with long timeouts.
///
/// # Panics
/// If `uri` is not a valid URI.
#[must_use]
pub fn exchange(method: &str, uri: &str, body: impl Into<Body>) -> Exchange {
    let http = Request::builder()
        .method(method)
        .uri(uri)
        .body(body.into())
        .expect("the test gives a valid request");
    Exchange::new(http, Auth::None, LONG, LONG)
}

/// A `GET` [`exchange`].
#[must_use]
pub fn get(uri: &str) -> Exchange {
    exchange("GET", uri, Body::empty())
}

/// A flow of one exchange; returns its outcome.
#[derive(Debug)]
pub struct One {
    exchange: Option<Exchange>,
    outcome: Option<Outcome>,
}

impl One {
    /// Sends `exchange`.
    #[must_use]
    pub fn new(exchange: Exchange) -> Self {
        Self {
            exchange: Some(exchange),
            outcome: None,
        }
    }
}

impl Flow for One {
    type Output = Outcome;

    fn step(&mut self, _: Now) -> Step<Outcome> {
        if let Some(exchange) = self.exchange.take() {
            return Step::Start(Token(0), exchange);
        }
        self.outcome
            .take()
            .map_or(Step::Wait { until: None }, Step::Done)
    }

    fn on_outcome(&mut self, _: Now, token: Token, outcome: Outcome) {
        assert_eq!(token, Token(0), "the driver keeps the token");
        self.outcome = Some(outcome);
    }
}

/// A flow of many parallel exchanges; returns the outcomes in the order of the exchanges.
#[derive(Debug)]
pub struct Many {
    waiting: Vec<(Token, Exchange)>,
    outcomes: Vec<Option<Outcome>>,
    concurrency: usize,
    in_flight: usize,
    /// Number of outcomes after which the flow ends.
    wanted: usize,
}

impl Many {
    /// Sends `exchanges`, at most `concurrency` in parallel.
    #[must_use]
    pub fn new(exchanges: impl IntoIterator<Item = Exchange>, concurrency: usize) -> Self {
        let mut waiting: Vec<_> = (0..).map(Token).zip(exchanges).collect();
        waiting.reverse();
        let wanted = waiting.len();
        Self {
            outcomes: waiting.iter().map(|_| None).collect(),
            waiting,
            concurrency,
            in_flight: 0,
            wanted,
        }
    }

    /// Ends the flow with the first outcome, even if others are in flight.
    #[must_use]
    pub fn ending_with_the_first(mut self) -> Self {
        self.wanted = 1;
        self
    }
}

impl Flow for Many {
    type Output = Vec<Option<Outcome>>;

    fn max_in_flight(&self) -> usize {
        self.concurrency
    }

    fn step(&mut self, _: Now) -> Step<Self::Output> {
        if self.outcomes.iter().flatten().count() >= self.wanted {
            return Step::Done(std::mem::take(&mut self.outcomes));
        }
        if self.in_flight < self.concurrency
            && let Some((token, exchange)) = self.waiting.pop()
        {
            self.in_flight += 1;
            return Step::Start(token, exchange);
        }
        Step::Wait { until: None }
    }

    fn on_outcome(&mut self, _: Now, token: Token, outcome: Outcome) {
        let slot = &mut self.outcomes[usize::try_from(token.0).expect("a small number")];
        assert!(slot.is_none(), "the driver gives each outcome once");
        *slot = Some(outcome);
        self.in_flight -= 1;
    }
}

/// A flow that waits for a time after its first step; returns how late or early (negative) it was
/// woken.
#[derive(Debug)]
pub struct Sleep {
    time: Duration,
    until: Option<Duration>,
}

impl Sleep {
    /// Waits for `time`.
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self { time, until: None }
    }
}

impl Flow for Sleep {
    type Output = Duration;

    fn step(&mut self, now: Now) -> Step<Duration> {
        let until = *self.until.get_or_insert(now.mono + self.time);
        match now.mono.checked_sub(until) {
            Some(late) => Step::Done(late),
            None => Step::Wait { until: Some(until) },
        }
    }

    fn on_outcome(&mut self, _: Now, _: Token, _: Outcome) {
        panic!("nothing was started");
    }
}

/// A flow that breaks the contract: it waits forever with nothing in flight.
#[derive(Debug)]
pub struct Endless;

impl Flow for Endless {
    type Output = ();

    fn step(&mut self, _: Now) -> Step<()> {
        Step::Wait { until: None }
    }

    fn on_outcome(&mut self, _: Now, _: Token, _: Outcome) {}
}

//! A transport over a simulated world with a virtual clock: an hour of waiting takes microseconds,
//! and a run is reproducible by its seed. Panics if a flow breaks its contract.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use http::Response;
use tl_http::{Feed, FeedStep, Head, Piece};
use tl_protocol::{
    BlockingTransport, Delivery, Exchange, Flow, Now, Outcome, Step, Token, Transport,
    TransportError, TransportErrorKind,
};

/// Responds to the requests of a simulation.
pub trait World: Send {
    /// Returns the outcome of `exchange`, which starts at `now`. The world acts at once; the
    /// outcome arrives later.
    fn answer(&mut self, now: Now, exchange: &Exchange) -> Planned;

    /// Returns the streamed response to `exchange`. Default: [`answer`](World::answer) with the
    /// body in one piece.
    fn stream(&mut self, now: Now, exchange: &Exchange) -> PlannedStream {
        let Planned { after, outcome } = self.answer(now, exchange);
        let (head, body) = match outcome {
            Ok(answer) => {
                let (parts, body) = answer.into_parts();
                (Ok(Response::from_parts(parts, ())), Some(body))
            }
            Err(error) => (Err(error), None),
        };
        let body = body.filter(|body| !body.is_empty());
        let pieces = body.map(|body| (Duration::ZERO, Ok(Some(body))));
        let end = (Duration::ZERO, Ok(None));
        PlannedStream {
            after,
            head,
            pieces: pieces.into_iter().chain([end]).collect(),
        }
    }

    /// Error of the client's wall clock at `mono`, in seconds.
    fn wall_error(&mut self, _mono: Duration) -> i64 {
        0
    }
}

/// An outcome and when it arrives.
#[derive(Debug)]
#[non_exhaustive]
pub struct Planned {
    /// Time since the start of the exchange.
    pub after: Duration,
    /// The outcome.
    pub outcome: Outcome,
}

impl Planned {
    /// `outcome`, `after` this time.
    #[must_use]
    pub fn new(after: Duration, outcome: Outcome) -> Self {
        Self { after, outcome }
    }
}

/// A streamed response: each part with the time since the part before it.
#[derive(Debug)]
#[non_exhaustive]
pub struct PlannedStream {
    /// Time from the start of the exchange to the head.
    pub after: Duration,
    /// Response head.
    pub head: Head,
    /// Pieces of the body. The last one is `None` or an error; without it, the response never ends.
    pub pieces: VecDeque<(Duration, Piece)>,
}

impl PlannedStream {
    /// A response whose head arrives `after` this time.
    #[must_use]
    pub fn new(
        after: Duration,
        head: Head,
        pieces: impl IntoIterator<Item = (Duration, Piece)>,
    ) -> Self {
        Self {
            after,
            head,
            pieces: pieces.into_iter().collect(),
        }
    }
}

/// The items of a feed over a [`World`], in virtual time: the stream type of [`Sim`].
#[derive(Debug)]
pub struct SimStream<W, F> {
    state: Arc<Mutex<State<W>>>,
    feed: F,
    open: Option<VecDeque<(Duration, Piece)>>,
    has_ended: bool,
}

impl<W: World, F: Feed> Iterator for SimStream<W, F> {
    type Item = F::Item;

    fn next(&mut self) -> Option<F::Item> {
        let state = &mut *self.state.lock().expect("no simulation panicked before");
        for _ in 0..MAX_STEPS {
            if self.has_ended {
                return None;
            }
            let now = state.now();
            match self.feed.step(now) {
                FeedStep::Item(item) => return Some(item),
                FeedStep::End => {
                    self.open = None;
                    self.has_ended = true;
                }
                FeedStep::Wait { until } => {
                    assert!(
                        until > state.mono,
                        "the feed waits for a time that has passed"
                    );
                    state.mono = until;
                }
                FeedStep::Open(exchange) => {
                    self.open = None;
                    let planned = state.world.stream(now, &exchange);
                    let head = if planned.after > exchange.timeout {
                        state.mono += exchange.timeout;
                        Err(timed_out())
                    } else {
                        state.mono += planned.after;
                        planned.head
                    };
                    self.open = head.is_ok().then_some(planned.pieces);
                    let now = state.now();
                    self.feed.on_head(now, head);
                }
                FeedStep::Read { idle } => {
                    let open = self
                        .open
                        .as_mut()
                        .expect("the feed reads while nothing is open");
                    let piece = match open.front() {
                        Some((after, _)) if *after <= idle => {
                            let (after, piece) = open.pop_front().expect("it was looked at");
                            state.mono += after;
                            piece
                        }
                        _ => {
                            state.mono += idle;
                            Err(TransportError::new(
                                TransportErrorKind::Idle,
                                Delivery::Unknown,
                            ))
                        }
                    };
                    if !matches!(piece, Ok(Some(_))) {
                        self.open = None;
                    }
                    let now = state.now();
                    self.feed.on_piece(now, piece);
                }
            }
        }
        panic!("the feed comes to an end")
    }
}

/// A transport over a [`World`].
#[derive(Debug)]
pub struct Sim<W>(Arc<Mutex<State<W>>>);

#[derive(Debug)]
struct State<W> {
    world: W,
    mono: Duration,
}

/// More steps than any valid scenario takes.
const MAX_STEPS: u32 = 2_000_000;

impl<W: World> Sim<W> {
    /// Creates a simulation whose clock starts at zero, in 2027.
    pub fn new(world: W) -> Self {
        Self(Arc::new(Mutex::new(State {
            world,
            mono: Duration::ZERO,
        })))
    }

    /// Reads or changes the world.
    pub fn world<R>(&self, look: impl FnOnce(&mut W) -> R) -> R {
        look(&mut self.0.lock().expect("no simulation panicked before").world)
    }

    /// Elapsed virtual time.
    pub fn elapsed(&self) -> Duration {
        self.0.lock().expect("no simulation panicked before").mono
    }

    /// Advances the clock while nothing runs.
    pub fn pass(&self, time: Duration) {
        self.0.lock().expect("no simulation panicked before").mono += time;
    }

    /// Runs `flow` for at most `steps` events. Returns `None` if it has not finished by then, as if
    /// the process had been killed.
    pub fn run_for<F: Flow>(&self, mut flow: F, steps: u32) -> Option<F::Output> {
        let state = &mut *self.0.lock().expect("no simulation panicked before");
        let mut due: BinaryHeap<Reverse<(Duration, u64)>> = BinaryHeap::new();
        let mut in_flight: BTreeMap<u64, (Token, Outcome)> = BTreeMap::new();
        let (mut number, mut idle) = (0_u64, 0);
        for _ in 0..steps {
            let now = state.now();
            match flow.step(now) {
                Step::Done(output) => return Some(output),
                Step::Start(token, exchange) => {
                    assert!(
                        in_flight.values().all(|(other, _)| *other != token),
                        "token {token:?} is in flight already"
                    );
                    assert!(
                        in_flight.len() < flow.max_in_flight(),
                        "more than {} exchanges are in flight",
                        flow.max_in_flight()
                    );
                    let planned = limited(state.world.answer(now, &exchange), exchange.timeout);
                    number += 1;
                    due.push(Reverse((state.mono + planned.after, number)));
                    in_flight.insert(number, (token, planned.outcome));
                }
                Step::Wait { until } => {
                    let next = due.peek().map(|Reverse((at, _))| *at);
                    let wake = match (until, next) {
                        (None, None) => {
                            panic!("the flow waits without end while nothing is in flight")
                        }
                        (Some(until), None) => until,
                        (None, Some(next)) => next,
                        (Some(until), Some(next)) => until.min(next),
                    };
                    idle = if wake <= state.mono && next.is_none_or(|next| next > state.mono) {
                        idle + 1
                    } else {
                        0
                    };
                    assert!(
                        idle < 1000,
                        "the flow waits for a time that has passed, again and again"
                    );
                    state.mono = state.mono.max(wake);
                    if let Some(Reverse((at, number))) = due.peek().copied()
                        && at <= state.mono
                    {
                        due.pop();
                        let (token, outcome) =
                            in_flight.remove(&number).expect("what is due is in flight");
                        flow.on_outcome(state.now(), token, outcome);
                    }
                }
            }
        }
        None
    }
}

impl<W: World> State<W> {
    fn now(&mut self) -> Now {
        let truth = SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_761_600) + self.mono;
        let error = self.world.wall_error(self.mono);
        let wall = if error >= 0 {
            truth + Duration::from_secs(error.unsigned_abs())
        } else {
            truth - Duration::from_secs(error.unsigned_abs())
        };
        Now::new(self.mono, wall)
    }
}

/// Applies the timeout of the exchange to the outcome.
fn limited(planned: Planned, timeout: Duration) -> Planned {
    if planned.after <= timeout {
        return planned;
    }
    Planned {
        after: timeout,
        outcome: Err(timed_out()),
    }
}

fn timed_out() -> TransportError {
    TransportError::new(TransportErrorKind::TimedOut, Delivery::Unknown)
}

impl<W: World> Transport for Sim<W> {
    type Output<'a, R: Send + 'a> = R;
    type Stream<'a, F: Feed + 'a> = SimStream<W, F>;

    fn stream<'a, F: Feed + 'a>(&self, feed: F) -> SimStream<W, F> {
        SimStream {
            state: Arc::clone(&self.0),
            feed,
            open: None,
            has_ended: false,
        }
    }

    fn run<'a, F: Flow + 'a>(&self, flow: F) -> F::Output {
        self.run_now(flow)
    }
}

impl<W: World> BlockingTransport for Sim<W> {
    fn run_now<F: Flow>(&self, flow: F) -> F::Output {
        self.run_for(flow, MAX_STEPS)
            .expect("the flow comes to an end")
    }
}

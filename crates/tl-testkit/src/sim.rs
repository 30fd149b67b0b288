//! A transport over a made-up world with a virtual clock: an hour of waiting takes microseconds, and a run is repeated by
//! its seed. It panics where a flow breaks its contract.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Mutex,
    time::{Duration, SystemTime},
};

use tl_protocol::{
    BlockingTransport, Delivery, Exchange, Flow, Now, Outcome, Step, Token, Transport,
    TransportError, TransportErrorKind,
};

/// What answers the requests of a simulation.
pub trait World: Send {
    /// What becomes of `exchange`, which begins at `now`: the world acts on it at once, and its outcome comes later.
    fn answer(&mut self, now: Now, exchange: &Exchange) -> Planned;

    /// How far the client's wall clock is from the truth at `mono`, in seconds.
    fn wall_error(&mut self, _mono: Duration) -> i64 {
        0
    }
}

/// An outcome and when it comes.
#[derive(Debug)]
pub struct Planned {
    /// The time from the begin of the exchange.
    pub after: Duration,
    /// What comes then.
    pub outcome: Outcome,
}

/// A transport over a [`World`].
#[derive(Debug)]
pub struct Sim<W>(Mutex<State<W>>);

#[derive(Debug)]
struct State<W> {
    world: W,
    mono: Duration,
}

/// More steps than any honest scenario takes.
const MOST_STEPS: u32 = 2_000_000;

impl<W: World> Sim<W> {
    /// A simulation that begins at zero of its clock, in 2027.
    pub fn new(world: W) -> Self {
        Self(Mutex::new(State {
            world,
            mono: Duration::ZERO,
        }))
    }

    /// Looks into the world, or changes it.
    pub fn world<R>(&self, look: impl FnOnce(&mut W) -> R) -> R {
        look(&mut self.0.lock().expect("no simulation panicked before").world)
    }

    /// The virtual time that has passed.
    pub fn elapsed(&self) -> Duration {
        self.0.lock().expect("no simulation panicked before").mono
    }

    /// Lets time pass while nothing runs.
    pub fn pass(&self, time: Duration) {
        self.0.lock().expect("no simulation panicked before").mono += time;
    }

    /// Drives `flow` for at most `steps` events; `None` where it was not done by then, as if the process had been killed.
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

/// The outcome, cut off at the time limit of its exchange.
fn limited(planned: Planned, timeout: Duration) -> Planned {
    if planned.after <= timeout {
        return planned;
    }
    let outcome = Err(TransportError::new(
        TransportErrorKind::TimedOut,
        Delivery::Unknown,
    ));
    Planned {
        after: timeout,
        outcome,
    }
}

impl<W: World> Transport for Sim<W> {
    type Output<'a, R: Send + 'a>
        = R
    where
        Self: 'a;

    fn run<'a, F: Flow + 'a>(&'a self, flow: F) -> F::Output {
        self.run_now(flow)
    }
}

impl<W: World> BlockingTransport for Sim<W> {
    fn run_now<F: Flow>(&self, flow: F) -> F::Output {
        self.run_for(flow, MOST_STEPS)
            .expect("the flow comes to an end")
    }
}

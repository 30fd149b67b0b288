//! The contract between a workflow and whoever drives it.
//!
//! A flow is a pure state machine. It never waits, sends or reads a clock; it says what should happen:
//!
//! ```text
//!              ┌──────────── step(now) ────────────┐
//!              │                                   ▼
//!   new ──►  ready ──► Start(token, exchange)   keep it in flight, and call `step` again
//!              ▲  └──► Wait { until }           sleep until then, or until an outcome comes
//!              │  └──► Done(output)             the end: `step` is not called again
//!              │
//!              └── on_outcome(now, token, outcome)   once for each `Start`, in any order
//! ```
//!
//! - After `new`, after each `on_outcome` and when the time of a `Wait` has come, the driver calls `step` until it gives
//!   `Wait` or `Done`.
//! - Each `Start` is answered by exactly one `on_outcome`, unless the flow ended before: then the driver drops what is
//!   still in flight.
//! - A flow never has more than [`max_in_flight`](Flow::max_in_flight) exchanges under way, and never waits without end
//!   while nothing is in flight.
//! - A `Wait` that asks for a moment while an exchange is in flight may be answered late by a driver that has one lane:
//!   the exchange carries its own time limit.

use std::time::Duration;

use crate::{Exchange, Now, Outcome, Token};

/// What a flow wants next.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a step is moved once, from the flow to its driver"
)]
pub enum Step<T> {
    /// Begin this exchange and call `step` again.
    Start(Token, Exchange),
    /// Nothing until an outcome comes, or until this time on the driver's clock.
    Wait {
        /// When to call `step` even if no outcome came.
        until: Option<Duration>,
    },
    /// The end.
    Done(T),
}

impl<T> Step<T> {
    /// The same step towards another output.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Step<U> {
        match self {
            Self::Start(token, exchange) => Step::Start(token, exchange),
            Self::Wait { until } => Step::Wait { until },
            Self::Done(output) => Step::Done(f(output)),
        }
    }
}

/// A workflow as a pure state machine; see the [module](self) for the contract.
pub trait Flow: Send {
    /// What the workflow comes to.
    type Output: Send;

    /// The largest number of exchanges under way at once: a driver needs no more concurrency.
    fn max_in_flight(&self) -> usize {
        1
    }

    /// What should happen next.
    fn step(&mut self, now: Now) -> Step<Self::Output>;

    /// The end of an exchange that [`step`](Flow::step) started.
    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome);
}

//! The contract between a workflow and its driver.
//!
//! A flow is a pure state machine. It never waits, sends or reads a clock; it returns the next
//! action:
//!
//! ```text
//!              ┌──────────── step(now) ────────────┐
//!              │                                   ▼
//!   new ──►  ready ──► Start(token, exchange)   send it, and call `step` again
//!              ▲  └──► Wait { until }           sleep until then, or until an outcome arrives
//!              │  └──► Done(output)             finished: `step` is not called again
//!              │
//!              └── on_outcome(now, token, outcome)   once for each `Start`, in any order
//! ```
//!
//! - After `new`, after each `on_outcome` and when the time of a `Wait` has come, the driver calls
//!   `step` until it returns `Wait` or `Done`.
//! - Each `Start` gets exactly one `on_outcome`, unless the flow finished before: then the driver
//!   drops the exchanges that are still in flight.
//! - A flow never has more than [`max_in_flight`](Flow::max_in_flight) exchanges in flight, and
//!   never waits without a time limit while nothing is in flight.
//! - If the caller cancels (see [`CancelHandle`](crate::CancelHandle)), the driver calls
//!   `on_cancel`, and from then on sends nothing and does not wait: every exchange in flight and
//!   every one that the flow still starts has the outcome
//!   [`Canceled`](crate::TransportErrorKind::Canceled), and instead of a `Wait` with a time, its
//!   clock jumps to that time. A flow ends after such an outcome.
//! - A driver with a concurrency of one may return late from a `Wait` with a time while an exchange
//!   is in flight: the exchange has its own timeout.

use std::time::Duration;

use crate::{Exchange, Now, Outcome, Token};

/// The next action of a flow.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a step is moved once, from the flow to its driver"
)]
pub enum Step<T> {
    /// Start this exchange and call `step` again.
    Start(Token, Exchange),
    /// Do nothing until an outcome arrives, or until this time on the driver's clock.
    Wait {
        /// When to call `step` even if no outcome has arrived.
        until: Option<Duration>,
    },
    /// The flow is finished.
    Done(T),
}

impl<T> Step<T> {
    /// Converts the output type.
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
    /// The result of the workflow.
    type Output: Send;

    /// Maximum number of exchanges in flight. A driver needs no more concurrency.
    fn max_in_flight(&self) -> usize {
        1
    }

    /// Returns the next action.
    fn step(&mut self, now: Now) -> Step<Self::Output>;

    /// The caller canceled. A flow that may wait without an exchange for longer than one `Wait`,
    /// for example while it is paused, stops that.
    fn on_cancel(&mut self) {}

    /// Receives the outcome of an exchange that [`step`](Flow::step) started.
    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome);
}

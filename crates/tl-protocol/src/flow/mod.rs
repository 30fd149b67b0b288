//! The contract between a workflow and whoever drives it, and the workflows.
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
//!
//! A flow driven by hand, with time as a plain number:
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use tl_protocol::{flow::Call, endpoint::GetTask, Flow, Now, Policy, Step};
//!
//! let base = "https://api.twelvelabs.io/v1.3".parse().unwrap();
//! let mut flow = Call::new(GetTask { task_id: "62a1ec6d9ea24f052b971a0f".into() }, &base, Policy::default(), 1);
//! let at = |seconds| Now::new(Duration::from_secs(seconds), SystemTime::UNIX_EPOCH);
//!
//! let Step::Start(token, exchange) = flow.step(at(0)) else { panic!("the first step sends") };
//! assert_eq!(exchange.http.uri(), "https://api.twelvelabs.io/v1.3/tasks/62a1ec6d9ea24f052b971a0f");
//! assert!(matches!(flow.step(at(0)), Step::Wait { .. }));
//!
//! // The server is busy for three seconds, says the answer.
//! let busy = http::Response::builder().status(429).header("retry-after", "3").body("".into()).unwrap();
//! flow.on_outcome(at(1), token, Ok(busy));
//! let Step::Wait { until: Some(until) } = flow.step(at(1)) else { panic!("it waits") };
//! assert!(until >= Duration::from_secs(4));
//!
//! let Step::Start(token, _) = flow.step(at(60)) else { panic!("it sends again") };
//! let body = r#"{"_id": "62a1ec6d9ea24f052b971a0f", "status": "ready"}"#;
//! flow.on_outcome(at(61), token, Ok(http::Response::new(body.into())));
//! let Step::Done(Ok(task)) = flow.step(at(61)) else { panic!("it is done") };
//! assert_eq!(task.status.unwrap().as_str(), "ready");
//! ```

mod asset;
mod call;
mod create;
mod ingest;
mod ingest_asset;
mod pages;
mod reconcile;
pub mod upload;
mod wait;

use std::time::Duration;

pub use call::Call;
pub use create::{Create, Made};
pub use ingest::{IngestTask, IngestedTask};
pub use ingest_asset::{AssetPlan, AssetUpload, IngestAsset, IngestFailure, IngestedAsset, Stage};
pub use pages::{NextPageOf, Paged, Pages};
pub use reconcile::{Reconcile, Reconciled};
pub use wait::{Progress, Wait, WaitPolicy, Waited, Watched};

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

    /// The largest number of exchanges under way at once: a driver needs no more lanes.
    fn max_in_flight(&self) -> usize {
        1
    }

    /// What should happen next.
    fn step(&mut self, now: Now) -> Step<Self::Output>;

    /// The end of an exchange that [`step`](Flow::step) started.
    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome);
}

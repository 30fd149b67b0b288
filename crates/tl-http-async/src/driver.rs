//! Runs one flow: keeps its exchanges in flight in parallel, and wakes it at the requested time.

use std::{
    collections::BTreeSet,
    future,
    pin::pin,
    time::{Duration, SystemTime},
};

use futures_util::{
    StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};
use tl_http::{CancelHandle, Flow, Now, Step, cancel::CanceledRun};
use tokio::time::{Instant, sleep_until};

use crate::Shared;

/// Runs `flow` to completion. Exchanges still in flight are dropped when the flow ends, when
/// `cancel` is canceled, or when the future is dropped.
pub(crate) async fn drive<F: Flow>(
    shared: &Shared,
    cancel: Option<&CancelHandle>,
    mut flow: F,
) -> F::Output {
    let now = || Now::new(shared.started.elapsed(), SystemTime::now());
    let mut in_flight = FuturesUnordered::new();
    let mut tokens = BTreeSet::new();
    loop {
        if cancel.is_some_and(CancelHandle::is_canceled) {
            drop(in_flight);
            return CanceledRun::new(now(), tokens).finish(flow);
        }
        match flow.step(now()) {
            Step::Done(output) => return output,
            Step::Start(token, exchange) => {
                tokens.insert(token);
                in_flight.push(async move { (token, shared.send(exchange).await) });
            }
            Step::Wait { until } => {
                assert!(
                    until.is_some() || !in_flight.is_empty(),
                    "a flow waits without end while nothing is in flight: it breaks the contract of `Flow`"
                );
                let outcome = async {
                    match in_flight.next().await {
                        Some(outcome) => outcome,
                        None => future::pending().await,
                    }
                };
                let time = async {
                    match until {
                        Some(until) => sleep_until(at(shared.started, until)).await,
                        None => future::pending().await,
                    }
                };
                let canceled = async {
                    match cancel {
                        Some(cancel) => cancel.canceled().await,
                        None => future::pending().await,
                    }
                };
                let (outcome, time, canceled) = (pin!(outcome), pin!(time), pin!(canceled));
                if let Either::Left(((token, outcome), _)) =
                    select(outcome, select(time, canceled)).await
                {
                    tokens.remove(&token);
                    flow.on_outcome(now(), token, outcome);
                }
            }
        }
    }
}

/// If the time is too far away for an `Instant`, a year is as good as never.
pub(crate) fn at(started: Instant, after: Duration) -> Instant {
    started
        .checked_add(after)
        .unwrap_or_else(|| Instant::now() + Duration::from_secs(365 * 86_400))
}

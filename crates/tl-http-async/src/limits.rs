//! The time limits of an exchange.

use std::{
    future::{self, Future},
    pin::pin,
    time::Duration,
};

use futures_util::future::{Either, select};
use tl_http::{TransportError, TransportErrorKind};
use tokio::time::{Instant, sleep_until, timeout};

use crate::upload::Progress;

/// Runs `exchange` within its time limits.
pub(crate) async fn within<T>(
    limit: Duration,
    stall: Duration,
    progress: &Progress,
    exchange: impl Future<Output = Result<T, TransportError>>,
) -> Result<T, TransportError> {
    let failed = |kind, limit: Duration| {
        Err(TransportError::new(kind, progress.delivery())
            .with_source(format!("the limit is {limit:?}")))
    };
    let exchange = timeout(limit, exchange);
    match select(pin!(exchange), pin!(stalled(progress, stall))).await {
        Either::Left((Ok(outcome), _)) => outcome,
        Either::Left((Err(_), _)) => failed(TransportErrorKind::TimedOut, limit),
        Either::Right(((), _)) => failed(TransportErrorKind::Stalled, stall),
    }
}

/// Completes when the body has not moved for `limit`. Never completes before the body starts or
/// after it was sent.
async fn stalled(progress: &Progress, limit: Duration) {
    loop {
        let Some(last_activity) = progress.last_activity().await else {
            break;
        };
        let Some(end) = last_activity.checked_add(limit) else {
            break;
        };
        if Instant::now() >= end {
            return;
        }
        sleep_until(end).await;
    }
    future::pending::<()>().await;
}

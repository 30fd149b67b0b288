//! What the work on an item shares: how it ends, and what an error means for the item.

use std::time::Duration;

use jiff::Timestamp;
use tl_client::Ingested;
use tl_ledger::{AttemptId, Item, ItemError, Lease, Ledger, Operation, Outcome, State, Update};
use tl_protocol::ErrorKind;
use tl_protocol::limiter::{Category, Cost, ReportedLimit};
use tl_validate::Report;

use super::Shared;

/// How long an item in doubt is not looked up: a request in flight may still arrive.
const DOUBT: Duration = Duration::from_secs(2);

/// The longest delay before a temporary error is retried.
const MAX_BACKOFF: Duration = Duration::from_secs(300);

/// An item that this process has claimed.
#[derive(Debug, Clone)]
pub(super) struct Claimed {
    pub(super) item: Item,
    pub(super) lease: Lease,
}

/// What became of an item.
#[derive(Debug)]
pub(super) enum Step {
    /// It can be claimed for the next work, or again.
    Released(State),
    /// The platform processes or indexes it; this process waits for it.
    Waiting,
    /// It is done.
    Done,
    /// Another item has the same bytes.
    Duplicate,
    Refused(ItemError),
    Failed(ItemError),
    Held(Timestamp, &'static str),
    /// A response was lost.
    InDoubt,
    /// Its index has no room.
    IndexFull,
    /// The platform rejects everything like it. The item is tried again by a later run.
    Stop(StopReason, ItemError),
    /// Another process has claimed it since.
    Lost,
}

/// Why nothing else is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopReason {
    Quota,
    KeyRefused,
}

/// The end of the work on one item.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) claimed: Claimed,
    pub(super) step: Step,
    pub(super) details: Details,
}

/// What the work found out, for the result of the item.
#[derive(Debug, Default)]
pub(super) struct Details {
    pub(super) ingested: Ingested,
    pub(super) report: Option<Report>,
    /// Bytes that were sent.
    pub(super) sent: u64,
    pub(super) is_uploaded: bool,
    pub(super) is_settled: bool,
}

/// The result of the work on one item: how it ended, or an error of the ledger.
pub(super) type Work = tl_ledger::Result<Step>;

/// What an error of a create request means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is unknown whether the resource was created.
    InDoubt,
    RateLimited,
    Stop(StopReason),
    /// Try again later.
    Temporary,
    Permanent,
}

pub(super) fn verdict(kind: ErrorKind) -> Verdict {
    match kind {
        // A canceled request may have arrived, and an answer that cannot be read has one.
        ErrorKind::OutcomeUnknown | ErrorKind::Malformed | ErrorKind::Canceled => Verdict::InDoubt,
        ErrorKind::RateLimited => Verdict::RateLimited,
        ErrorKind::QuotaExhausted => Verdict::Stop(StopReason::Quota),
        ErrorKind::Unauthorized => Verdict::Stop(StopReason::KeyRefused),
        ErrorKind::Server
        | ErrorKind::Unreachable
        | ErrorKind::ConnectionLost
        | ErrorKind::DeadlinePassed => Verdict::Temporary,
        _ => Verdict::Permanent,
    }
}

/// The words for errors of the client, in rows and events.
const WORDS: [(ErrorKind, &str); 25] = [
    (ErrorKind::InvalidRequest, "invalid_request"),
    (ErrorKind::Unauthorized, "unauthorized"),
    (ErrorKind::Forbidden, "forbidden"),
    (ErrorKind::NotFound, "not_found"),
    (ErrorKind::RateLimited, "rate_limited"),
    (ErrorKind::QuotaExhausted, "quota_exhausted"),
    (ErrorKind::Refused, "refused"),
    (ErrorKind::Server, "server"),
    (ErrorKind::Unreachable, "unreachable"),
    (ErrorKind::ConnectionLost, "connection_lost"),
    (ErrorKind::OutcomeUnknown, "outcome_unknown"),
    (ErrorKind::Interrupted, "interrupted"),
    (ErrorKind::Malformed, "malformed"),
    (ErrorKind::UnsafeUrl, "unsafe_url"),
    (ErrorKind::SourceFailed, "source_failed"),
    (ErrorKind::DeadlinePassed, "deadline_passed"),
    (ErrorKind::Canceled, "canceled"),
    (ErrorKind::ProcessingFailed, "processing_failed"),
    (ErrorKind::Configuration, "configuration"),
    (ErrorKind::File, "file"),
    (ErrorKind::Route, "route"),
    (ErrorKind::CheckFailed, "check_failed"),
    (ErrorKind::RefusedLocally, "refused_locally"),
    (ErrorKind::Checkpoint, "checkpoint"),
    (ErrorKind::SourceChanged, "source_changed"),
];

/// The stable word for an error.
pub(super) fn kind_word(kind: ErrorKind) -> &'static str {
    let found = WORDS.iter().find(|(known, _)| *known == kind);
    found.map_or("other", |(_, word)| word)
}

/// The kind of an error in a row or an event, and the word itself.
///
/// ```
/// use tl_client::ErrorKind;
///
/// let kind = tl_bulk::error_kind("refused_locally");
/// assert_eq!(kind, Some((ErrorKind::RefusedLocally, "refused_locally")));
/// ```
#[must_use]
pub fn error_kind(word: &str) -> Option<(ErrorKind, &'static str)> {
    WORDS.into_iter().find(|(_, known)| *known == word)
}

pub(super) fn item_error(error: &tl_protocol::Error) -> ItemError {
    let found = ItemError::new(kind_word(error.kind()), error.to_string());
    match error.code() {
        Some(code) => found.with_code(code.as_str()),
        None => found,
    }
}

/// The delay before the next attempt of an item that was claimed so often.
fn backoff(claims: u64) -> Duration {
    let doublings = u32::try_from(claims.saturating_sub(1).min(16)).unwrap_or(16);
    Duration::from_secs(1)
        .saturating_mul(1 << doublings)
        .min(MAX_BACKOFF)
}

/// What a create request was, for the record of its failure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) attempt: AttemptId,
    pub(super) category: Category,
    /// The state to which the item returns if nothing was created.
    pub(super) back: State,
}

impl Shared {
    /// Records the failure of a create request.
    pub(super) async fn create_failed(
        &self,
        claimed: &Claimed,
        request: Request,
        error: &tl_protocol::Error,
    ) -> Work {
        let (lease, account) = (claimed.lease, self.account);
        let Request {
            attempt,
            category,
            back,
        } = request;
        let verdict = verdict(error.kind());
        let is_last = claimed.item.claims >= self.settings.max_claims;
        let delay = backoff(claimed.item.claims);
        // A 503 should mean that nothing was done. One request shows whether something was created
        // all the same: what is uploaded or indexed twice is paid for twice.
        let is_checked = verdict == Verdict::Temporary
            && error.status().is_some_and(|status| status >= 500)
            && !is_last;
        if verdict == Verdict::InDoubt || is_checked {
            // The attempt stays open.
            let wait = match is_checked {
                true => error.retry_after().unwrap_or_default().max(delay),
                false => DOUBT,
            };
            return self
                .store
                .call(move |ledger, now| {
                    let until = later(now, wait);
                    ledger.hold(lease, until, "in_doubt")?;
                    Ok(Step::InDoubt)
                })
                .await;
        }
        let mut outcome = Outcome::not_created(kind_word(error.kind()));
        if let Some(code) = error.code() {
            outcome.code = Some(code.as_str().to_owned());
        }
        outcome.http = error.status();
        outcome.request_id = error.request_id().map(str::to_owned);
        let retry_after = error.retry_after();
        let failed = item_error(error);
        self.store
            .call(move |ledger, now| {
                ledger.outcome(now, lease, attempt, &outcome, &Update::to(back))?;
                match verdict {
                    Verdict::RateLimited => {
                        ledger.limiter(now, account, |now, limiter| {
                            limiter.block(now, category, retry_after, &ReportedLimit::default())
                        })?;
                        ledger.release(lease)?;
                        Ok(Step::Released(back))
                    }
                    Verdict::Stop(reason) => {
                        ledger.release(lease)?;
                        Ok(Step::Stop(reason, failed.clone()))
                    }
                    Verdict::Temporary if !is_last => hold(ledger, now, lease, delay),
                    _ => {
                        ledger.fail(now, lease, failed.clone())?;
                        Ok(Step::Failed(failed.clone()))
                    }
                }
            })
            .await
    }

    /// Ends an item that failed permanently.
    pub(super) async fn fail(&self, lease: Lease, error: ItemError) -> Work {
        self.store
            .call(move |ledger, now| {
                ledger.fail(now, lease, error.clone())?;
                Ok(Step::Failed(error.clone()))
            })
            .await
    }

    /// Tries an item again later, or gives it up after many claims.
    pub(super) async fn hold_or_fail(&self, claimed: &Claimed, error: ItemError) -> Work {
        let lease = claimed.lease;
        if claimed.item.claims >= self.settings.max_claims {
            return self.fail(lease, error).await;
        }
        let delay = backoff(claimed.item.claims);
        self.store
            .call(move |ledger, now| hold(ledger, now, lease, delay))
            .await
    }

    /// Gives an item back in a state, and its cost to the limiter: nothing was sent.
    pub(super) async fn give_back(&self, lease: Lease, cost: Cost) -> tl_ledger::Result<()> {
        let account = self.account;
        self.store
            .call(move |ledger, now| {
                ledger.release(lease)?;
                ledger.limiter(now, account, |_, limiter| limiter.refund(cost))
            })
            .await
    }

    /// Stores the intent of a create request.
    pub(super) async fn intent(
        &self,
        lease: Lease,
        operation: Operation,
        update: Update,
    ) -> tl_ledger::Result<AttemptId> {
        let run = self.run;
        self.store
            .call(move |ledger, now| ledger.intent(now, lease, run, operation, &update))
            .await
    }

    /// Stores the outcome of a create request.
    pub(super) async fn outcome(
        &self,
        lease: Lease,
        attempt: AttemptId,
        outcome: Outcome,
        update: Update,
    ) -> tl_ledger::Result<()> {
        self.store
            .call(move |ledger, now| ledger.outcome(now, lease, attempt, &outcome, &update))
            .await
    }
}

fn hold(ledger: &mut Ledger, now: Timestamp, lease: Lease, delay: Duration) -> Work {
    let until = later(now, delay);
    ledger.hold(lease, until, "retry")?;
    Ok(Step::Held(until, "retry"))
}

pub(super) fn later(now: Timestamp, delay: Duration) -> Timestamp {
    now.checked_add(delay).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_become_stable_words() {
        assert_eq!(kind_word(ErrorKind::QuotaExhausted), "quota_exhausted");
        assert_eq!(kind_word(ErrorKind::File), "file");
        assert!(
            WORDS
                .iter()
                .all(|(kind, word)| error_kind(word) == Some((*kind, word)))
        );
    }

    #[test]
    fn backoff_doubles_to_five_minutes() {
        let seconds: Vec<u64> = (1..12).map(|claims| backoff(claims).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn lost_responses_are_in_doubt() {
        for kind in [
            ErrorKind::OutcomeUnknown,
            ErrorKind::Malformed,
            ErrorKind::Canceled,
        ] {
            assert_eq!(verdict(kind), Verdict::InDoubt);
        }
        assert_eq!(verdict(ErrorKind::Refused), Verdict::Permanent);
    }
}

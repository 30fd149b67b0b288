//! Sends chunks to the storage: one attempt, and the handling of its outcome.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::header;

use super::{
    ChunkInFlight, MultipartUpload, Phase, Sending, SentChunk, UploadControl, UploadStep,
    digest::{DigestSlot, HashingSource, is_md5},
    earlier,
    journal::Record,
};
use crate::{
    Auth, Body, Error, ErrorKind, Event, Exchange, Now, Outcome, Source, Step, TransportErrorKind,
    error::error_body,
    retry::{LOCAL_DELAY, is_local, retry_after},
    telemetry::{InFlightAttempt, Request},
};

/// The operation in spans and metrics.
const CHUNK_OPERATION: &str = "send a chunk";

impl MultipartUpload {
    /// Starts the next chunk that has a URL, if the concurrency limit allows it.
    pub(super) fn start_chunk(
        &mut self,
        now: Now,
        until: &mut Option<Duration>,
    ) -> Option<UploadStep> {
        let Phase::Sending(sending) = &mut self.phase else {
            return None;
        };
        if self.settings.control.is_paused() {
            *until = earlier(*until, Some(now.mono + UploadControl::POLL_INTERVAL));
            return None;
        }
        let next_due = sending.tracker.promote_due(now.mono);
        if sending.verify_call.is_some()
            || sending.tracker.in_flight() >= self.settings.concurrency.max(1)
        {
            return None;
        }
        *until = earlier(*until, next_due);
        let index = sending
            .tracker
            .ready()
            .find(|index| sending.urls.has(*index, now.mono))?;
        if now.mono < sending.paced_until {
            *until = earlier(*until, Some(sending.paced_until));
            return None;
        }
        let url = sending.urls.take(index, now.mono)?;
        let (start, len) = (
            sending.session.chunk_start(index),
            sending.session.chunk_len(index),
        );
        let (source, digest): (Arc<dyn Source>, _) = if self.settings.verify && sending.etag_is_md5
        {
            let (source, slot) = HashingSource::new(Arc::clone(&self.source), start);
            (Arc::new(source), Some(slot))
        } else {
            (Arc::clone(&self.source), None)
        };
        let Some(http) = put_request(
            url.as_str(),
            &sending.session.headers,
            Body::from_range(source, start, len),
        ) else {
            // The URL is a secret and is not printed.
            self.fail(Error::new(
                ErrorKind::Malformed,
                format!("the URL or the headers that the platform gave for chunk {index} are no valid HTTP"),
            ));
            return Some(Step::Wait {
                until: Some(now.mono),
            });
        };
        sending.tracker.start(index);
        let failures = sending.tracker.failures(index);
        let spent = sending.tracker.time_spent(index);
        sending.attempts += 1;
        if let Some(rate) = self.settings.bytes_per_second {
            #[expect(clippy::cast_precision_loss, reason = "a pace, not a count")]
            let time = Duration::from_secs_f64(len as f64 / rate.max(1) as f64);
            sending.paced_until = sending.paced_until.max(now.mono).saturating_add(time);
        }
        let timeout = self
            .policy
            .attempt_timeout
            .saturating_add(self.policy.body_time(len))
            .min(self.chunk_time(len).saturating_sub(spent));
        let timeout = self.deadline().map_or(timeout, |deadline| {
            timeout.min(deadline.saturating_sub(now.mono))
        });
        let attempt = Request {
            operation: CHUNK_OPERATION,
            template: None,
            attempt: failures + 1,
            chunk: Some(index),
            http: &http,
        };
        let attempt = InFlightAttempt::start(now, attempt, &self.observer);
        let exchange = Exchange::new(http, Auth::None, timeout, self.policy.stall_timeout);
        let token = self.tokens.next();
        self.chunks.insert(
            token,
            ChunkInFlight {
                index,
                digest,
                started: now.mono,
                attempt,
            },
        );
        Some(Step::Start(token, exchange))
    }

    /// Time allowed for all attempts to send a chunk of `len` bytes, delays included.
    fn chunk_time(&self, len: u64) -> Duration {
        self.policy
            .total_timeout
            .saturating_add(self.policy.body_time(len))
    }

    /// Handles the outcome of an attempt to send a chunk.
    pub(super) fn after_chunk(&mut self, now: Now, chunk: ChunkInFlight, outcome: Outcome) {
        chunk.attempt.on_outcome(now, &outcome, &self.observer);
        let (index, digest) = (chunk.index, chunk.digest.as_ref());
        let took = now.mono.saturating_sub(chunk.started);
        let Phase::Sending(sending) = &mut self.phase else {
            return;
        };
        let len = sending.session.chunk_len(index);
        if is_local(&outcome) {
            // Nothing was sent, so the attempt does not count.
            let delay = self.policy.backoff(1, &mut self.rng);
            let until = now.mono + delay.clamp(LOCAL_DELAY.0, LOCAL_DELAY.1);
            if let Phase::Sending(sending) = &mut self.phase {
                sending.tracker.back_off(index, until);
            }
            return;
        }
        let failure = match check_outcome(outcome, digest, len, now) {
            Ok(etag) => {
                sending.etag_is_md5 = is_md5(&etag);
                sending.tracker.sent(index, etag.clone());
                sending.unreported_since.get_or_insert(now.mono);
                sending.sent_bytes += len;
                self.journal.write(&Record::Sent(
                    index,
                    SentChunk {
                        etag,
                        chunk_size: len,
                    },
                ));
                self.observer.tell(&sending.progress(now, index));
                return;
            }
            Err(failure) => failure,
        };
        let failures = sending.tracker.failed(index);
        let spent = sending.tracker.spend(index, took);
        // An expired or used URL is not a failure of the storage: retry at once with a new URL.
        let backoff = if failure.is_about_the_url && failures == 1 {
            Duration::ZERO
        } else {
            self.policy.backoff(failures, &mut self.rng)
        };
        let delay = failure.retry_after.map_or(backoff, |requested| {
            requested.saturating_add(backoff.min(self.policy.base_delay))
        });
        // Attempts and delays count; the time that a chunk waits for its turn does not.
        if failure.is_final
            || failures >= self.policy.chunk_attempts
            || spent.saturating_add(delay) >= self.chunk_time(len)
        {
            let error = failure.error.after_attempts(failures);
            return self.fail(error.retry_in(failure.retry_after));
        }
        let Phase::Sending(sending) = &mut self.phase else {
            return;
        };
        sending.tracker.spend(index, delay);
        sending
            .tracker
            .back_off(index, now.mono.saturating_add(delay));
        let because = failure.error.kind();
        self.observer.tell(&Event::ChunkRetrying {
            chunk: index,
            attempt: failures,
            because,
            delay,
        });
    }
}

impl Sending {
    /// Number of bytes in the chunks that the storage has.
    fn received_bytes(&self) -> u64 {
        let total = self.session.total_chunks;
        let last = self.tracker.is_done(total);
        let full = u64::from(self.tracker.done_count() - u32::from(last));
        let last_bytes = if last {
            self.session.chunk_len(total)
        } else {
            0
        };
        full.saturating_mul(self.session.chunk_size) + last_bytes
    }

    fn progress(&self, now: Now, chunk: u32) -> Event {
        let elapsed = now.mono.saturating_sub(self.started);
        #[expect(clippy::cast_precision_loss, reason = "a rate, not a count")]
        let rate =
            (elapsed > Duration::ZERO).then(|| self.sent_bytes as f64 / elapsed.as_secs_f64());
        let bytes = self.received_bytes();
        let remaining_bytes = self.session.total_size.saturating_sub(bytes);
        #[expect(clippy::cast_precision_loss, reason = "a time, not a count")]
        let remaining_time =
            rate.and_then(|rate| Duration::try_from_secs_f64(remaining_bytes as f64 / rate).ok());
        Event::ChunkSent {
            chunk,
            chunks: self.tracker.done_count(),
            total_chunks: self.session.total_chunks,
            bytes,
            total_bytes: self.session.total_size,
            bytes_per_second: rate,
            left: remaining_time,
        }
    }
}

/// Maximum length of an ETag: those of S3 have 32 to 38 characters, those of Azure 19. Limited
/// because every ETag is kept.
const MAX_ETAG_LEN: usize = 256;

/// Why an attempt failed.
struct ChunkFailure {
    error: Error,
    /// Whether a retry cannot succeed.
    is_final: bool,
    is_about_the_url: bool,
    retry_after: Option<Duration>,
}

impl ChunkFailure {
    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            error: Error::new(kind, message),
            is_final: false,
            is_about_the_url: false,
            retry_after: None,
        }
    }
}

/// Returns the ETag if the storage has received the whole chunk.
fn check_outcome(
    outcome: Outcome,
    digest: Option<&DigestSlot>,
    len: u64,
    now: Now,
) -> Result<String, ChunkFailure> {
    let response = outcome.map_err(|failure| {
        let kind = match failure.kind() {
            TransportErrorKind::SourceFailed => ErrorKind::SourceFailed,
            TransportErrorKind::Unreachable
            | TransportErrorKind::Tls
            | TransportErrorKind::NoDescriptor => ErrorKind::Unreachable,
            TransportErrorKind::UnsafeUrl => ErrorKind::UnsafeUrl,
            TransportErrorKind::Canceled => ErrorKind::Canceled,
            // The platform supplied the URL and the headers.
            TransportErrorKind::Refused
            | TransportErrorKind::TooLarge
            | TransportErrorKind::NotHttp => ErrorKind::Malformed,
            _ => ErrorKind::ConnectionLost,
        };
        let is_final = matches!(
            failure.kind(),
            TransportErrorKind::SourceFailed
                | TransportErrorKind::Tls
                | TransportErrorKind::UnsafeUrl
                | TransportErrorKind::Canceled
                | TransportErrorKind::Refused
        );
        ChunkFailure {
            error: Error::new(kind, "the storage did not take a chunk").with_source(failure),
            is_final,
            ..ChunkFailure::new(kind, "")
        }
    })?;
    let status = response.status();
    if status.is_success() {
        let etag = response
            .headers()
            .get(header::ETAG)
            .and_then(|value| value.to_str().ok())
            .map(unquote);
        let Some(etag) = etag.filter(|etag| (1..=MAX_ETAG_LEN).contains(&etag.len())) else {
            return Err(ChunkFailure::new(
                ErrorKind::Malformed,
                "the storage took a chunk but gave no ETag of 1 to 256 characters as its receipt",
            ));
        };
        let md5 = digest
            .and_then(|slot| slot.hex(len))
            .filter(|_| is_md5(etag));
        return match md5 {
            Some(md5) if !md5.eq_ignore_ascii_case(etag) => Err(ChunkFailure::new(
                ErrorKind::Malformed,
                format!(
                    "the storage has other bytes than were sent: its ETag is {etag}, the MD5 of the chunk {md5}"
                ),
            )),
            _ => Ok(etag.to_owned()),
        };
    }
    let body = error_body(&response);
    let kind = match status.as_u16() {
        429 => ErrorKind::RateLimited,
        500..=599 => ErrorKind::Server,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        _ => ErrorKind::Refused,
    };
    let message = format!("the storage returned {body}");
    Err(ChunkFailure {
        error: Error::new(kind, message).with_response(status.as_u16(), body, None),
        is_final: false,
        is_about_the_url: status.is_client_error() && status.as_u16() != 429,
        retry_after: retry_after(response.headers(), now.wall),
    })
}

/// The request that sends a chunk to its URL; `None` if that is not valid HTTP.
fn put_request(
    url: &str,
    headers: &BTreeMap<String, String>,
    body: Body,
) -> Option<http::Request<Body>> {
    let mut request = http::Request::put(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if !request.headers_ref()?.contains_key(header::CONTENT_TYPE) {
        request = request.header(header::CONTENT_TYPE, "application/octet-stream");
    }
    request.body(body).ok()
}

/// An ETag without quotation marks and weak prefix, as the platform's own clients report it.
fn unquote(etag: &str) -> &str {
    etag.trim().trim_start_matches("W/").trim_matches('"')
}

#[cfg(test)]
mod tests;

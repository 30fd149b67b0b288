//! Tests of sending chunks: requests, outcomes, delays and progress.

use std::time::SystemTime;

use bytes::Bytes;
use tl_model::{NewUpload, UploadType};

use super::*;
use crate::{
    BytesSource, Delivery, Flow, Policy, Token, TransportError,
    endpoint::CreateUpload,
    flow::upload::{
        Begin, UploadSettings,
        driven_upload::{DrivenUpload, millis},
    },
};

/// Sends two chunks in sequence to a storage that responds to the first with `etag`. Returns
/// which were hashed.
fn hashed(etag: &str, verify: bool) -> Vec<bool> {
    let now = Now::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
    let upload = NewUpload::new("a.mp4", UploadType::Video, 2_u64);
    let settings = UploadSettings {
        concurrency: 1,
        verify,
        ..UploadSettings::default()
    };
    let mut flow = MultipartUpload::new(
        Arc::new(BytesSource::new("a.mp4", &b"ab"[..])),
        Begin::New(CreateUpload { upload }),
        &"https://api.example/v1.3".parse().unwrap(),
        Policy::default(),
        settings,
        1,
    );
    let mut hashed = Vec::new();
    loop {
        let Step::Start(token, exchange) = flow.step(now) else {
            return hashed;
        };
        let response = http::Response::builder();
        let response = if exchange.http.method() == http::Method::PUT {
            hashed.push(has_digest(&flow, token));
            response.header("etag", etag).body(Bytes::new())
        } else {
            response.status(201).body(Bytes::from_static(
                br#"{"upload_id":"u","asset_id":"a","chunk_size":1,"total_chunks":2,"upload_urls":[
                    {"chunk_index":1,"url":"https://storage.example/1"},{"chunk_index":2,"url":"https://storage.example/2"}]}"#,
            ))
        };
        std::io::copy(&mut exchange.http.body().reader(), &mut std::io::sink()).unwrap();
        flow.on_outcome(now, token, Ok(response.unwrap()));
        if hashed.len() == 2 {
            return hashed;
        }
    }
}

fn has_digest(flow: &MultipartUpload, token: Token) -> bool {
    flow.chunks[&token].digest.is_some()
}

#[test]
fn chunks_are_hashed_while_etags_may_be_md5() {
    // The MD5 of "a".
    assert_eq!(
        hashed("\"0cc175b9c0f1b6a831c399e269772661\"", true),
        [true, true]
    );
    assert_eq!(hashed("\"opaque-1\"", true), [true, false]);
    assert_eq!(hashed("\"opaque-1\"", false), [false, false]);
}

/// Sends one chunk whose attempts take `took` and end with `end`. Returns the error, and the
/// timeout of each attempt.
fn failing(policy: Policy, took: Duration, end: impl Fn() -> Outcome) -> (Error, Vec<Duration>) {
    let mut now = Now::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
    let upload = NewUpload::new("a.mp4", UploadType::Video, 1_u64);
    let mut flow = MultipartUpload::new(
        Arc::new(BytesSource::new("a.mp4", &b"a"[..])),
        Begin::New(CreateUpload { upload }),
        &"https://api.example/v1.3".parse().unwrap(),
        policy,
        UploadSettings::default(),
        1,
    );
    let mut timeouts = Vec::new();
    loop {
        let exchange = match flow.step(now) {
            Step::Done(result) => {
                let error = result.unwrap_err();
                assert_eq!(error.attempts() as usize, timeouts.len());
                return (error, timeouts);
            }
            Step::Wait { until } => {
                now = Now::new(until.unwrap(), now.wall);
                continue;
            }
            Step::Start(token, exchange) => (token, exchange),
        };
        let (token, exchange) = exchange;
        let outcome = if exchange.http.method() == http::Method::PUT {
            timeouts.push(exchange.timeout);
            now = Now::new(now.mono + took, now.wall);
            end()
        } else {
            let urls =
                br#"{"upload_id":"u","asset_id":"a","chunk_size":1,"total_chunks":1,"upload_urls":[
                {"chunk_index":1,"url":"https://storage.example/1"}]}"#;
            Ok(http::Response::builder()
                .status(201)
                .body(Bytes::from_static(urls))
                .unwrap())
        };
        flow.on_outcome(now, token, outcome);
    }
}

fn status(status: u16) -> Outcome {
    let response = http::Response::builder().status(status);
    Ok(response.body(Bytes::new()).unwrap())
}

fn busy() -> Outcome {
    status(500)
}

#[test]
fn attempts_apply_to_chunks() {
    let attempts = |policy| {
        let (error, timeouts) = failing(policy, Duration::ZERO, busy);
        assert_eq!(error.kind(), ErrorKind::Server);
        timeouts.len()
    };
    assert_eq!(attempts(Policy::default()), 8);
    assert_eq!(attempts(Policy::default().with_attempts(1)), 1);
    assert_eq!(attempts(Policy::default().with_attempts(3)), 3);
}

#[test]
fn timeout_applies_to_chunks() {
    let seconds = Duration::from_secs;
    let policy = |limit| Policy {
        base_delay: Duration::ZERO,
        ..Policy::default().with_attempts(100).with_timeout(limit)
    };
    let (error, timeouts) = failing(policy(seconds(10)), seconds(3), busy);
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(timeouts, [10, 7, 4, 1].map(seconds));
    // A delay requested by the storage counts and is not shortened.
    let wait = || {
        Ok(http::Response::builder()
            .status(429)
            .header("retry-after", "11")
            .body(Bytes::new())
            .unwrap())
    };
    let (error, timeouts) = failing(policy(seconds(10)), Duration::ZERO, wait);
    assert_eq!((error.kind(), timeouts.len()), (ErrorKind::RateLimited, 1));
    let (_, timeouts) = failing(policy(seconds(12)), Duration::ZERO, wait);
    assert_eq!(timeouts.len(), 2);
}

fn broken(kind: TransportErrorKind) -> Outcome {
    Err(TransportError::new(kind, Delivery::NotSent))
}

#[test]
fn transport_failures_of_chunks() {
    let check = |failure, kind, attempts| {
        let (error, timeouts) = failing(Policy::default(), Duration::ZERO, || broken(failure));
        assert_eq!(
            (error.kind(), timeouts.len()),
            (kind, attempts),
            "{failure:?}"
        );
        assert_eq!(error.transport().unwrap().kind(), failure);
        let text = error.to_string();
        assert!(text.contains("the storage did not take a chunk"), "{text}");
    };
    // These are not retried.
    check(TransportErrorKind::SourceFailed, ErrorKind::SourceFailed, 1);
    check(TransportErrorKind::Tls, ErrorKind::Unreachable, 1);
    check(TransportErrorKind::UnsafeUrl, ErrorKind::UnsafeUrl, 1);
    check(TransportErrorKind::Canceled, ErrorKind::Canceled, 1);
    check(TransportErrorKind::Refused, ErrorKind::Malformed, 1);
    // These are.
    check(TransportErrorKind::Unreachable, ErrorKind::Unreachable, 8);
    check(TransportErrorKind::TooLarge, ErrorKind::Malformed, 8);
    check(TransportErrorKind::NotHttp, ErrorKind::Malformed, 8);
    check(TransportErrorKind::Lost, ErrorKind::ConnectionLost, 8);
}

#[test]
fn error_kind_follows_the_status_of_the_storage() {
    for (code, kind) in [
        (400, ErrorKind::Refused),
        (403, ErrorKind::Forbidden),
        (404, ErrorKind::NotFound),
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::Server),
        (599, ErrorKind::Server),
    ] {
        let policy = Policy::default().with_attempts(1);
        let (error, _) = failing(policy, Duration::ZERO, || status(code));
        assert_eq!((error.kind(), error.status()), (kind, Some(code)));
    }
}

fn settings(concurrency: usize) -> UploadSettings {
    UploadSettings {
        concurrency,
        ..UploadSettings::default()
    }
}

#[test]
fn only_the_first_failure_of_a_url_is_retried_at_once() {
    // Whether each retry is at once.
    let check = |outcomes: &[fn() -> Outcome], at_once: &[bool]| {
        let mut upload = DrivenUpload::new(1, 1, settings(1), [1]);
        assert_eq!(upload.step(0), ["chunk 1"]);
        let mut now = 0;
        let mut delays = Vec::new();
        for outcome in outcomes {
            upload.end("chunk 1", outcome());
            let [Event::ChunkRetrying { delay, .. }] = upload.events()[..] else {
                panic!("the chunk is sent again");
            };
            delays.push(delay.is_zero());
            assert_eq!(upload.step(now), ["urls 1+1"]);
            upload.sign("urls 1+1", [1]);
            now += 60_000;
            assert_eq!(upload.step(now), ["chunk 1"]);
        }
        assert_eq!(delays, at_once);
    };
    check(&[|| status(403), || status(403)], &[true, false]);
    check(&[|| status(404)], &[true]);
    check(&[|| status(400)], &[true]);
    check(&[|| status(429)], &[false]);
    check(&[busy, || status(403)], &[false, false]);
    check(&[|| broken(TransportErrorKind::Lost)], &[false]);
}

#[test]
fn missing_file_descriptor_delays_a_chunk_and_is_not_counted() {
    for (base_delay, delay) in [(Duration::ZERO, 50), (Duration::from_secs(100), 1000)] {
        let policy = Policy {
            base_delay,
            max_delay: base_delay,
            ..Policy::default()
        };
        let mut upload = DrivenUpload::new(1, 1, settings(1), [1]).with_policy(policy);
        assert_eq!(upload.step(10_000), ["chunk 1"]);
        upload.end("chunk 1", broken(TransportErrorKind::NoDescriptor));
        assert_eq!(upload.events(), []);
        assert_eq!(upload.step(10_000), ["urls 1+1"]);
        upload.sign("urls 1+1", [1]);
        assert_eq!(upload.step(10_000), [""; 0]);
        assert_eq!(upload.until, Some(millis(10_000 + delay)));
        assert_eq!(upload.step(10_000 + delay), ["chunk 1"]);
        upload.end("chunk 1", busy());
        let [Event::ChunkRetrying { attempt, .. }] = upload.events()[..] else {
            panic!("the chunk is sent again");
        };
        assert_eq!(attempt, 1);
    }
}

#[test]
fn paused_upload_starts_no_chunk_until_it_is_resumed() {
    let settings = settings(1);
    let control = settings.control.clone();
    let mut upload = DrivenUpload::new(1, 1, settings, [1]);
    control.pause();
    assert_eq!(upload.step(10_000), [""; 0]);
    assert_eq!(upload.until, Some(millis(10_200)));
    control.resume();
    assert_eq!(upload.step(10_200), ["chunk 1"]);
}

#[test]
fn rate_limit_delays_the_next_chunk() {
    let settings = UploadSettings {
        bytes_per_second: Some(4),
        ..settings(2)
    };
    let mut upload = DrivenUpload::new(12, 6, settings, [1, 2]);
    assert_eq!(upload.step(10_000), ["chunk 1"]);
    assert_eq!(upload.until, Some(millis(11_500)));
    assert_eq!(upload.step(11_500), ["chunk 2"]);
}

#[test]
fn progress_has_the_rate_and_the_remaining_time() {
    let mut upload = DrivenUpload::new(14, 6, settings(3), 1..=3);
    assert_eq!(upload.step(0), ["chunk 1", "chunk 2", "chunk 3"]);
    let mut check = |time, chunk, chunks, bytes, bytes_per_second, left: Option<u64>| {
        upload.step(time);
        upload.store([chunk]);
        let event = Event::ChunkSent {
            chunk,
            chunks,
            total_chunks: 3,
            bytes,
            total_bytes: 14,
            bytes_per_second,
            left: left.map(millis),
        };
        assert_eq!(upload.events(), [event]);
    };
    check(0, 1, 1, 6, None, None);
    check(2_000, 3, 2, 8, Some(4.0), Some(1_500));
    check(4_000, 2, 3, 14, Some(3.5), Some(0));
}

//! Tests of the retry decision.

use bytes::Bytes;
use http::Response;
use proptest::prelude::*;

use super::*;
// The proptest prelude has a trait with this name.
use crate::TransportError;
use crate::rng::Rng;

const WALL: u64 = 1_800_000_000;

fn now() -> Now {
    Now::new(
        Duration::from_secs(100),
        SystemTime::UNIX_EPOCH + Duration::from_secs(WALL),
    )
}

fn response(status: u16, headers: &[(&str, &str)]) -> Outcome {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    Ok(builder.body(Bytes::new()).unwrap())
}

fn attempt(number: u32, repeat: Repeat) -> Attempt {
    Attempt {
        number,
        repeat,
        not_processed: &[],
        limits_resources: false,
        deadline: Duration::from_secs(10_000),
    }
}

fn decision(outcome: &Outcome, repeat: Repeat) -> Decision {
    decide(
        &Policy::default(),
        attempt(1, repeat),
        outcome,
        now(),
        &mut Rng::new(3),
    )
}

#[test]
fn descriptor_exhaustion_does_not_count() {
    let outcome = |kind| Err(TransportError::new(kind, Delivery::NotSent));
    let late = |kind| {
        decide(
            &Policy::default(),
            attempt(99, Repeat::IfNotProcessed),
            &outcome(kind),
            now(),
            &mut Rng::new(3),
        )
    };
    let Decision::Retry { at, because } = late(TransportErrorKind::NoDescriptor) else {
        panic!("it is tried again");
    };
    assert_eq!(because, ErrorKind::Unreachable);
    assert!((now().mono + LOCAL_DELAY.0..=now().mono + LOCAL_DELAY.1).contains(&at));
    assert!(matches!(
        late(TransportErrorKind::Unreachable),
        Decision::GiveUp { .. }
    ));
}

#[test]
fn post_is_repeated_only_if_not_processed() {
    let check = |outcome: Outcome, freely: &str, post: &str| {
        let word = |judgment| match judgment {
            Decision::Accept => "accept".to_owned(),
            Decision::Retry { because, .. } => format!("retry {because:?}"),
            Decision::GiveUp { kind, .. } => format!("{kind:?}"),
        };
        assert_eq!(
            word(decision(&outcome, Repeat::Freely)),
            freely,
            "{outcome:?}"
        );
        assert_eq!(
            word(decision(&outcome, Repeat::IfNotProcessed)),
            post,
            "{outcome:?}"
        );
    };
    let lost = |kind, delivery| Err(TransportError::new(kind, delivery));
    check(response(200, &[]), "accept", "accept");
    check(response(204, &[]), "accept", "accept");
    check(response(400, &[]), "Refused", "Refused");
    check(response(401, &[]), "Unauthorized", "Unauthorized");
    check(response(403, &[]), "Forbidden", "Forbidden");
    check(response(404, &[]), "NotFound", "NotFound");
    check(response(409, &[]), "Refused", "Refused");
    check(response(429, &[]), "retry RateLimited", "retry RateLimited");
    check(response(503, &[]), "retry Server", "retry Server");
    check(response(500, &[]), "retry Server", "OutcomeUnknown");
    check(response(502, &[]), "retry Server", "OutcomeUnknown");
    check(response(408, &[]), "retry Server", "OutcomeUnknown");
    check(response(599, &[]), "retry Server", "OutcomeUnknown");
    check(response(499, &[]), "Refused", "Refused");
    check(response(302, &[]), "Malformed", "Malformed");
    check(response(600, &[]), "Malformed", "Malformed");
    let (unreachable, gone) = (TransportErrorKind::Unreachable, TransportErrorKind::Lost);
    check(
        lost(unreachable, Delivery::NotSent),
        "retry Unreachable",
        "retry Unreachable",
    );
    check(
        lost(gone, Delivery::NotSent),
        "retry ConnectionLost",
        "retry ConnectionLost",
    );
    check(
        lost(gone, Delivery::Unknown),
        "retry ConnectionLost",
        "OutcomeUnknown",
    );
    check(
        lost(TransportErrorKind::TimedOut, Delivery::Unknown),
        "retry ConnectionLost",
        "OutcomeUnknown",
    );
    check(
        lost(TransportErrorKind::Tls, Delivery::NotSent),
        "Unreachable",
        "Unreachable",
    );
    for (kind, delivery, freely, post) in [
        (
            TransportErrorKind::SourceFailed,
            Delivery::Unknown,
            "SourceFailed",
            "SourceFailed",
        ),
        (
            TransportErrorKind::Canceled,
            Delivery::NotSent,
            "Canceled",
            "Canceled",
        ),
        (
            TransportErrorKind::UnsafeUrl,
            Delivery::NotSent,
            "UnsafeUrl",
            "UnsafeUrl",
        ),
        (
            TransportErrorKind::Refused,
            Delivery::NotSent,
            "InvalidRequest",
            "InvalidRequest",
        ),
        (
            TransportErrorKind::TooLarge,
            Delivery::Unknown,
            "Malformed",
            "OutcomeUnknown",
        ),
        (
            TransportErrorKind::NotHttp,
            Delivery::Unknown,
            "Malformed",
            "OutcomeUnknown",
        ),
        (
            TransportErrorKind::NoDescriptor,
            Delivery::NotSent,
            "retry Unreachable",
            "retry Unreachable",
        ),
        (
            TransportErrorKind::Stalled,
            Delivery::Unknown,
            "retry ConnectionLost",
            "OutcomeUnknown",
        ),
        (
            TransportErrorKind::Idle,
            Delivery::Unknown,
            "retry ConnectionLost",
            "OutcomeUnknown",
        ),
    ] {
        check(lost(kind, delivery), freely, post);
    }
}

#[test]
fn statuses_of_an_endpoint_change_the_decision() {
    let post = attempt(1, Repeat::IfNotProcessed);
    let kind = |attempt, outcome| {
        let rng = &mut Rng::new(3);
        match decide(&Policy::default(), attempt, &outcome, now(), rng) {
            Decision::Accept => panic!("accepted"),
            Decision::Retry { because, .. } => (true, because),
            Decision::GiveUp { kind, .. } => (false, kind),
        }
    };
    let not_processed = post.with_not_processed(&[500]);
    assert_eq!(
        kind(not_processed, response(500, &[])),
        (true, ErrorKind::Server)
    );
    assert_eq!(
        kind(not_processed, response(502, &[])),
        (false, ErrorKind::OutcomeUnknown)
    );
    // Waiting frees no resource, unless the platform says when.
    let limited = post.with_limits_resources(true);
    assert_eq!(
        kind(limited, response(429, &[])),
        (false, ErrorKind::RateLimited)
    );
    for header in [
        ("retry-after", "7".to_owned()),
        ("x-ratelimit-reset", (WALL + 7).to_string()),
    ] {
        assert_eq!(
            kind(limited, response(429, &[(header.0, &header.1)])),
            (true, ErrorKind::RateLimited)
        );
    }
}

#[test]
fn the_last_attempt_is_final() {
    let policy = Policy::default().with_attempts(3);
    let again = |number| {
        let attempt = attempt(number, Repeat::Freely);
        let rng = &mut Rng::new(3);
        matches!(
            decide(&policy, attempt, &response(500, &[]), now(), rng),
            Decision::Retry { .. }
        )
    };
    assert_eq!([1, 2, 3, 4].map(again), [true, true, false, false]);
}

#[test]
fn an_attempt_that_would_start_at_the_deadline_is_not_made() {
    let policy = Policy::default().with_base_delay(Duration::ZERO);
    let outcome = response(429, &[("retry-after", "7")]);
    let again = |seconds| {
        let attempt = Attempt::new(1, Repeat::Freely, Duration::from_secs(seconds));
        let rng = &mut Rng::new(3);
        matches!(
            decide(&policy, attempt, &outcome, now(), rng),
            Decision::Retry { .. }
        )
    };
    assert_eq!([106, 107, 108].map(again), [false, false, true]);
}

#[test]
fn attempts_apply_to_requests_and_chunks() {
    let policy = Policy::default().with_attempts(3);
    assert_eq!((policy.max_attempts, policy.chunk_attempts), (3, 3));
}

#[test]
fn a_timeout_caps_those_of_attempts_and_stalls() {
    let seconds = |policy: &Policy| {
        [
            policy.total_timeout,
            policy.slow_timeout,
            policy.attempt_timeout,
            policy.stall_timeout,
        ]
        .map(|timeout| timeout.as_secs())
    };
    let short = Policy::default().with_timeout(Duration::from_secs(7));
    assert_eq!(seconds(&short), [7; 4]);
    let long = Policy::default().with_timeout(Duration::from_secs(3600));
    assert_eq!(seconds(&long), [3600, 600, 60, 30]);
}

#[test]
fn backoff_doubles_and_uses_its_whole_range() {
    let policy = Policy::default();
    for (number, ceiling) in [
        (1, 500),
        (2, 1000),
        (3, 2000),
        (6, 16_000),
        (7, 30_000),
        (99, 30_000),
    ] {
        let delays: Vec<_> = (0..1000)
            .map(|seed| policy.backoff(number, &mut Rng::new(seed)).as_millis())
            .collect();
        let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
        assert!(*most <= ceiling, "{number}: {most}");
        assert!(*most * 100 >= ceiling * 95, "{number}: {most}");
        assert!(*least * 100 <= ceiling * 5, "{number}: {least}");
    }
}

#[test]
fn retry_after_in_both_forms() {
    let check = |headers: &[(&str, &str)], expected: Option<u64>| {
        let outcome = response(429, headers);
        let seen =
            retry_after(outcome.as_ref().unwrap().headers(), now().wall).map(|wait| wait.as_secs());
        assert_eq!(seen, expected, "{headers:?}");
    };
    check(&[], None);
    check(&[("retry-after", "7")], Some(7));
    check(&[("retry-after", " 0 ")], Some(0));
    check(&[("retry-after", "99999999999999999999999")], Some(86_400));
    check(&[("retry-after", "soon")], None);
    check(&[("retry-after", "-3")], None);
    // The date is compared with the response's own clock, not with the local one.
    let date = ("date", "Sun, 06 Nov 1994 08:49:00 GMT");
    check(
        &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), date],
        Some(37),
    );
    check(
        &[("retry-after", "Sun, 06 Nov 1994 08:48:00 GMT"), date],
        Some(0),
    );
    check(&[("retry-after", "Fri, 15 Jan 2027 08:00:09 GMT")], Some(9));
}

#[test]
fn rate_limit_reset_is_the_fallback() {
    let reset = (WALL + 12).to_string();
    for name in ["X-RateLimit-Request-Reset", "X-Ratelimit-Reset"] {
        let at = |headers: &[(&str, &str)]| match decision(
            &response(429, headers),
            Repeat::IfNotProcessed,
        ) {
            Decision::Retry { at, .. } => at.as_millis(),
            other => panic!("{name}: {other:?}"),
        };
        // Half a second of jitter at most.
        assert!(
            (112_000..=112_500).contains(&at(&[(name, &reset)])),
            "{name}"
        );
        // The date is compared with the response's own clock, not with the local one.
        let date = ("date", "Fri, 15 Jan 2027 08:00:05 GMT");
        assert!(
            (107_000..=107_500).contains(&at(&[(name, &reset), date])),
            "{name}"
        );
    }
}

#[test]
fn retry_after_past_the_deadline_gives_up() {
    let outcome = response(429, &[("retry-after", "3600")]);
    let attempt = Attempt {
        number: 1,
        repeat: Repeat::Freely,
        not_processed: &[],
        limits_resources: false,
        deadline: Duration::from_secs(400),
    };
    assert_eq!(
        decide(
            &Policy::default(),
            attempt,
            &outcome,
            now(),
            &mut Rng::new(1)
        ),
        Decision::GiveUp {
            kind: ErrorKind::RateLimited,
            retry_after: Some(Duration::from_secs(3600))
        }
    );
}

proptest! {
    #[test]
    fn retry_is_between_retry_after_and_deadline(
        wait in 0_u64..20_000, number in 1_u32..9, seed: u64, limit in 100_u64..30_000,
    ) {
        let outcome = response(429, &[("retry-after", &wait.to_string())]);
        let attempt = Attempt { number, repeat: Repeat::IfNotProcessed, not_processed: &[], limits_resources: false, deadline: Duration::from_secs(limit) };
        match decide(&Policy::default(), attempt, &outcome, now(), &mut Rng::new(seed)) {
            Decision::Retry { at, .. } => {
                prop_assert!(at >= now().mono + Duration::from_secs(wait));
                prop_assert!(at < attempt.deadline);
                prop_assert!(number < Policy::default().max_attempts);
            }
            Decision::GiveUp { kind, retry_after } => {
                prop_assert_eq!(kind, ErrorKind::RateLimited);
                prop_assert_eq!(retry_after, Some(Duration::from_secs(wait)));
            }
            Decision::Accept => prop_assert!(false, "a 429 is no success"),
        }
    }

    #[test]
    fn backoff_stays_under_its_ceiling(number in 1_u32..100, seed: u64) {
        let policy = Policy::default();
        let ceiling = policy.base_delay.saturating_mul(1 << (number - 1).min(31)).min(policy.max_delay);
        prop_assert!(policy.backoff(number, &mut Rng::new(seed)) <= ceiling);
    }
}

#[test]
fn body_time_follows_the_slowest_rate() {
    let policy = Policy::default();
    for (len, seconds) in [
        (0, 0),
        ((32 << 10) - 1, 0),
        (32 << 10, 1),
        (64 << 10, 2),
        (2 << 30, 65_536),
    ] {
        assert_eq!(policy.body_time(len), Duration::from_secs(seconds), "{len}");
    }
    // No rate at all counts as one byte per second.
    let policy = policy.with_min_upload_rate(0);
    assert_eq!(policy.body_time(7), Duration::from_secs(7));
}

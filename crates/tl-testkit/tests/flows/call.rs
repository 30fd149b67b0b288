//! One call with its retries.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use proptest::prelude::*;
use tl_model::NewIndex;
use tl_protocol::{
    BlockingTransport, Endpoint, Flow as _, Now, Policy, Step,
    endpoint::{CreateAsset, CreateIndex, DeleteTask, Media},
    flow::Call,
};
use tl_testkit::{script::Script, sim::Sim, source::PatternSource};

use super::{TASK, at_once, base, chain, get_task, run, short, task};

fn summary<E: Endpoint>(
    endpoint: E,
    policy: Policy,
    lines: &[&str],
    good: impl Fn(&E::Response) -> String,
) -> String {
    let (requests, end, result) = run(lines, Call::new(endpoint, &base(), policy, 1));
    let result = result.map_or_else(|error| short(&error), |response| good(&response));
    format!(
        "{} => {} {result}",
        requests
            .replace(&format!("/tasks/{TASK}"), "")
            .replace("/indexes", ""),
        end.as_secs_f64()
    )
}

fn check_get(policy: Policy, lines: &[&str], expected: &str) {
    let ready = task("ready");
    let lines: Vec<&str> = lines
        .iter()
        .map(|&line| if line == "200" { ready.as_str() } else { line })
        .collect();
    let seen = summary(get_task(), policy, &lines, |task| {
        task.status.clone().expect("a status").to_string()
    });
    assert_eq!(
        seen.replace(" GET ", " "),
        expected.replace(" GET ", " "),
        "{lines:?}"
    );
}

#[test]
fn get_is_retried_until_it_succeeds() {
    check_get(at_once(), &["200"], "0 GET  => 0 ready");
    check_get(
        at_once(),
        &[
            "500",
            "502 <html>bad gateway</html>",
            "lost",
            "unreachable",
            "200",
        ],
        "0 GET , 0 GET , 0 GET , 0 GET , 0 GET  => 0 ready",
    );
    check_get(
        at_once(),
        &["408", "503", "timeout", "stalled", "200"],
        "0 GET , 0 GET , 0 GET , 0 GET , 0 GET  => 0 ready",
    );
}

#[test]
fn get_gives_up_after_the_last_attempt() {
    check_get(
        at_once(),
        &["503"],
        "0 GET , 0 GET , 0 GET , 0 GET , 0 GET  => 0 Server",
    );
    check_get(
        at_once(),
        &["unreachable"],
        "0 GET , 0 GET , 0 GET , 0 GET , 0 GET  => 0 Unreachable",
    );
    check_get(
        at_once().with_attempts(1),
        &["lost"],
        "0 GET  => 0 ConnectionLost",
    );
    for (line, kind) in [
        ("400", "Refused"),
        ("401", "Unauthorized"),
        ("403", "Forbidden"),
        ("404", "NotFound"),
        ("302", "Malformed"),
        ("200 <html>", "Malformed"),
        ("tls", "Unreachable"),
        ("garbage", "Malformed"),
        ("too-large", "Malformed"),
        ("refused", "InvalidRequest"),
        (
            r#"400 {"code": "resource_not_exist", "message": "gone"}"#,
            "NotFound resource_not_exist",
        ),
        (
            r#"400 {"code": "usage_limit_exceeded", "message": "no minutes left"}"#,
            "QuotaExhausted usage_limit_exceeded",
        ),
    ] {
        check_get(at_once(), &[line], &format!("0 GET  => 0 {kind}"));
    }
}

#[test]
fn retry_after_is_respected_in_both_forms() {
    check_get(
        at_once(),
        &["429 retry-after=7", "200"],
        "0 GET , 7 GET  => 7 ready",
    );
    check_get(
        at_once(),
        &["503 retry-date=37", "200"],
        "0 GET , 37 GET  => 37 ready",
    );
    check_get(
        at_once(),
        &["@2s 429 retry-after=7", "429 retry-after=0", "200"],
        "0 GET , 9 GET , 9 GET  => 9 ready",
    );
    check_get(
        at_once().with_timeout(Duration::from_secs(7200)),
        &["429 retry-after=3600", "200"],
        "0 GET , 3600 GET  => 3600 ready",
    );
}

#[test]
fn wait_past_the_deadline_fails_at_once() {
    check_get(
        at_once(),
        &["429 retry-after=3600"],
        "0 GET  => 0 RateLimited retry_after=3600",
    );
    check_get(
        at_once(),
        &["@200s 503", "429 retry-date=120"],
        "0 GET , 60 GET , 180 GET  => 180 RateLimited retry_after=120",
    );
}

#[test]
fn deadline_bounds_a_silent_platform() {
    let hour = at_once().with_attempts(1000);
    check_get(
        hour,
        &["@3600s 200"],
        "0 GET , 60 GET , 120 GET , 180 GET , 240 GET  => 300 ConnectionLost",
    );
    let short = at_once()
        .with_attempts(1000)
        .with_timeout(Duration::from_secs(100));
    check_get(
        short,
        &["@3600s 200"],
        "0 GET , 60 GET  => 100 ConnectionLost",
    );
}

fn check_post(lines: &[&str], expected: &str) {
    let create = CreateIndex::new(NewIndex::new("sport", Vec::new()));
    let seen = summary(create, at_once(), lines, |created| created.id.to_string());
    assert_eq!(seen.replace(" POST ", " "), expected, "{lines:?}");
}

#[test]
fn post_is_retried_only_if_not_processed() {
    let made = r#"201 {"_id": "i1"}"#;
    check_post(&[made], "0  => 0 i1");
    check_post(
        &[
            "503",
            "429 retry-after=5",
            "unreachable",
            "lost-unsent",
            made,
        ],
        "0 , 0 , 5 , 5 , 5  => 5 i1",
    );
    check_post(&["stalled", made], "0 , 0  => 0 i1");
    for doubt in [
        "lost",
        "timeout",
        "garbage",
        "too-large",
        "500",
        "502",
        "504",
        "408",
        "@3600s 201",
    ] {
        let end = if doubt.starts_with('@') { 60 } else { 0 };
        check_post(&[doubt], &format!("0  => {end} OutcomeUnknown"));
        check_post(
            &["503", doubt, made],
            &format!("0 , 0  => {end} OutcomeUnknown"),
        );
    }
    check_post(&["source"], "0  => 0 SourceFailed");
    check_post(&["400"], "0  => 0 Refused");
}

#[test]
fn large_body_gets_more_time() {
    let timeout = |size: u64| {
        let source = PatternSource::new(size, 1);
        let endpoint = CreateAsset::new(Media::File(Arc::new(source)));
        let policy = Policy::default().with_min_upload_rate(1 << 20);
        let mut call = Call::new(endpoint, &base(), policy, 1);
        let Step::Start(_, exchange) = call.step(Now::new(Duration::ZERO, UNIX_EPOCH)) else {
            panic!("the first step sends");
        };
        exchange.timeout.as_secs()
    };
    assert_eq!(timeout(1), 60);
    assert_eq!(timeout(64 << 20), 60 + 64);
}

#[test]
fn delete_succeeds_on_404_after_doubt() {
    let check = |lines: &[&str], expected: &str| {
        let seen = summary(DeleteTask::new(TASK), at_once(), lines, |()| {
            "gone".to_owned()
        });
        assert_eq!(seen.replace(" DELETE ", " "), expected, "{lines:?}");
    };
    check(&["204"], "0  => 0 gone");
    check(&["lost", "404"], "0 , 0  => 0 gone");
    check(&["502", "404"], "0 , 0  => 0 gone");
    check(&["503", "404"], "0 , 0  => 0 NotFound");
    check(&["404"], "0  => 0 NotFound");
    check(&["unreachable", "404"], "0 , 0  => 0 NotFound");
}

#[test]
fn backoff_grows_up_to_its_limit() {
    let policy = Policy::default()
        .with_attempts(12)
        .with_timeout(Duration::from_secs(3600));
    let mut longest = Duration::ZERO;
    for seed in 0..200 {
        let sim = Sim::new(Script::new(["503"]));
        sim.run_now(Call::new(get_task(), &base(), policy.clone(), seed))
            .expect_err("it is never answered");
        let times: Vec<Duration> =
            sim.world(|script| script.requests().iter().map(|request| request.at).collect());
        assert_eq!(times.len(), 12);
        for (number, pair) in (0..).zip(times.windows(2)) {
            let ceiling = (policy.base_delay * 2_u32.pow(number)).min(policy.max_delay);
            assert!(pair[1] - pair[0] <= ceiling, "seed {seed}: {times:?}");
            longest = longest.max(pair[1] - pair[0]);
        }
    }
    assert!(
        longest > policy.max_delay / 2,
        "the delays do not grow: {longest:?}"
    );
}

#[test]
fn error_shows_each_message_once() {
    let (_, _, result) = run(
        &["500 {\"message\": \"out of order\"}"],
        Call::new(get_task(), &base(), at_once(), 1),
    );
    assert_eq!(
        chain(&result.expect_err("it fails")),
        "could not retrieve the task: the platform returned 500 Internal Server Error: out of order (after 5 attempts)"
    );
    let (_, _, result) = run(&["lost"], Call::new(get_task(), &base(), at_once(), 1));
    assert_eq!(
        chain(&result.expect_err("it fails")),
        "could not retrieve the task: no response from the platform (after 5 attempts): \
         connection lost before the response was complete: as scripted"
    );
}

/// Any line of a script, with its delay.
pub(crate) fn any_line() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "lost",
        "lost-unsent",
        "unreachable",
        "tls",
        "source",
        "refused",
        "timeout",
        "garbage",
        "too-large",
        "stalled",
        "200 {}",
        "200 <html>",
        "204",
        "302",
        "400",
        "401",
        "403",
        "404",
        "408",
        "409",
        "500",
        "502 <html>",
        "503",
        "504",
    ])
    .prop_map(str::to_owned);
    let waits = (
        prop::sample::select(vec!["429 retry-after", "503 retry-date", "429 retry-date"]),
        0_u32..400,
    )
        .prop_map(|(line, wait)| format!("{line}={wait}"));
    (0_u32..100, prop_oneof![3 => words, 1 => waits]).prop_map(|(after, what)| {
        if after < 70 {
            what
        } else {
            format!("@{}s {what}", (after - 70) * 5)
        }
    })
}

proptest! {
    // The script panics if a request arrives before the end of the wait that it requested.
    #[test]
    fn every_call_ends_and_post_is_not_repeated_in_doubt(
        lines in prop::collection::vec(any_line(), 1..12),
        seed: u64,
        max_attempts in 1_u32..20,
        total in 1_u64..1000,
    ) {
        let policy = Policy::default().with_attempts(max_attempts).with_timeout(Duration::from_secs(total));
        let limit = Duration::from_secs(total);

        let sim = Sim::new(Script::new(&lines));
        drop(sim.run_now(Call::new(get_task(), &base(), policy.clone(), seed)));
        prop_assert!(sim.elapsed() <= limit, "{:?}", sim.elapsed());
        prop_assert!(sim.world(|script| script.requests().len()) <= max_attempts as usize);

        let sim = Sim::new(Script::new(&lines));
        let create = CreateIndex::new(NewIndex::new("sport", Vec::new()));
        drop(sim.run_now(Call::new(create, &base(), policy, seed)));
        prop_assert!(sim.elapsed() <= limit + Duration::from_secs(1), "{:?}", sim.elapsed());
        let requests = sim.world(|script| script.requests().to_vec());
        let doubtful = requests.iter().position(|request| request.in_doubt);
        prop_assert!(doubtful.is_none_or(|index| index + 1 == requests.len()), "{requests:?}");
    }
}

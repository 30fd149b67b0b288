//! Waiting always ends.

use std::time::Duration;

use proptest::prelude::*;
use tl_protocol::{
    BlockingTransport, Policy,
    flow::{Wait, WaitPolicy},
};
use tl_testkit::{script::Script, sim::Sim};

use super::{at_once, base, call::any_line, chain, get_task, run, short, task};

fn wait(policy: WaitPolicy) -> Wait<tl_protocol::endpoint::GetTask> {
    Wait::new(get_task(), &base(), at_once(), policy, 1)
}

/// Runs a wait of at most a minute. Checks the statuses, the number of polls, the time, and the
/// result.
fn check(lines: &[&str], expected: &str) {
    let words = [
        "pending",
        "queued",
        "indexing",
        "validating",
        "ready",
        "uploading",
        "dancing",
        "failed",
    ];
    let lines: Vec<String> = lines
        .iter()
        .map(|&line| {
            if words.contains(&line) {
                task(line)
            } else {
                line.to_owned()
            }
        })
        .collect();
    let (requests, end, result) = run(&lines, wait(WaitPolicy::within(Duration::from_secs(60))));
    let (history, word) = match &result {
        Ok(waited) => (&waited.history[..], "ready".to_owned()),
        Err(error) => (error.history(), short(error)),
    };
    let history: Vec<String> = history
        .iter()
        .map(|seen| format!("{} {}", seen.status, seen.after.as_secs_f64()))
        .collect();
    let polls = requests.split(", ").count();
    assert_eq!(
        format!(
            "{} | {polls} polls, {} s, {word}",
            history.join(" → "),
            end.as_secs_f64()
        ),
        expected,
        "{lines:?}"
    );
}

#[test]
fn wait_reports_each_status_with_its_time() {
    check(&["ready"], "ready 0 | 1 polls, 0 s, ready");
    check(
        &[
            "validating",
            "pending",
            "pending",
            "queued",
            "indexing",
            "ready",
        ],
        "validating 0 → pending 1 → queued 3.5 → indexing 4.5 → ready 5.5 | 6 polls, 5.5 s, ready",
    );
    // An unknown status does not end the wait.
    check(
        &["dancing", "ready"],
        "dancing 0 → ready 1 | 2 polls, 1 s, ready",
    );
    check(
        &[r#"200 {"_id": "t"}"#, "ready"],
        "unknown 0 → ready 1 | 2 polls, 1 s, ready",
    );
}

#[test]
fn failed_task_has_the_platforms_reason() {
    check(
        &["indexing", "failed"],
        "indexing 0 → failed 1 | 2 polls, 1 s, ProcessingFailed",
    );
    let failed = r#"200 {"_id": "t", "status": "failed", "error_reason": "no video stream"}"#;
    let (_, _, result) = run(&[failed], wait(WaitPolicy::default()));
    let text = chain(&result.expect_err("it failed"));
    assert!(
        text.contains("no video stream") && text.contains("failed after 0.0 s"),
        "{text}"
    );
}

#[test]
fn permanent_error_ends_the_wait() {
    for (line, kind) in [
        ("401", "Unauthorized"),
        ("403", "Forbidden"),
        ("404", "NotFound"),
        ("400", "Refused"),
    ] {
        check(
            &["pending", line],
            &format!("pending 0 | 2 polls, 1 s, {kind}"),
        );
    }
    check(&["200 <html>"], " | 1 polls, 0 s, Malformed");
    check(&["refused"], " | 1 polls, 0 s, InvalidRequest");
}

#[test]
fn transient_error_does_not_end_the_wait() {
    // A poll has five attempts; then the wait pauses and polls again.
    check(
        &[
            "pending",
            "503",
            "503",
            "503",
            "503",
            "503",
            "lost",
            "unreachable",
            "ready",
        ],
        "pending 0 → ready 2.5 | 9 polls, 2.5 s, ready",
    );
    check(
        &["429 retry-after=20", "ready"],
        "ready 20 | 2 polls, 20 s, ready",
    );
}

#[test]
fn deadline_ends_the_wait_with_its_history() {
    check(
        &["pending", "indexing"],
        "pending 0 → indexing 1 | 10 polls, 60 s, DeadlinePassed",
    );
    check(&["@3600s 200 {}"], " | 1 polls, 60 s, DeadlinePassed");
    check(&["503"], " | 45 polls, 60 s, DeadlinePassed");
    let (_, _, result) = run(
        &[task("indexing"), "503".to_owned()],
        wait(WaitPolicy::within(Duration::from_secs(9))),
    );
    let text = chain(&result.expect_err("the deadline passed"));
    assert!(
        text.contains("not ready within 9.0 s: last status `indexing`") && text.contains("503"),
        "{text}"
    );
}

#[test]
fn retry_after_outlasts_a_failed_poll() {
    let day = WaitPolicy::within(Duration::from_secs(86_400));
    let (requests, end, result) = run(
        &["429 retry-after=3600".to_owned(), task("ready")],
        wait(day),
    );
    assert!(
        result.is_ok() && end >= Duration::from_secs(3600),
        "{requests}"
    );
    // A delay past the deadline is not waited for.
    let (requests, end, result) = run(
        &["429 retry-after=3600"],
        wait(WaitPolicy::within(Duration::from_secs(600))),
    );
    let error = result.expect_err("the deadline passed");
    assert_eq!(
        (
            requests.split(", ").count(),
            end <= Duration::from_secs(600)
        ),
        (1, true),
        "{requests}: {error}"
    );
}

proptest! {
    #[test]
    fn every_wait_ends_by_its_deadline(
        lines in prop::collection::vec(
            prop_oneof![any_line(), prop::sample::select(vec!["pending", "queued", "indexing", "ready"]).prop_map(task)],
            1..30,
        ),
        seed: u64,
        deadline in 0_u64..5000,
    ) {
        let limit = Duration::from_secs(deadline);
        let sim = Sim::new(Script::new(&lines));
        let flow = Wait::new(get_task(), &base(), Policy::default(), WaitPolicy::within(limit), seed);
        let result = sim.run_now(flow);
        prop_assert!(sim.elapsed() <= limit, "{:?}", sim.elapsed());
        if let Ok(waited) = result {
            let last = waited.history.last().map(|seen| seen.status.clone());
            prop_assert_eq!(last.as_deref(), Some("ready"));
        }
    }
}

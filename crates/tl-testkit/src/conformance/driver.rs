//! Cases about the driver, which keeps the contract of a flow, also with the flows of tl-protocol.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use tl_protocol::{ApiKey, Credentials, Policy, endpoint::GetTask, flow::Call};

use super::{Harness, plain, settings, with};
use crate::{
    exchanges::{Endless, Sleep},
    server::{Reaction, Reply, Server},
};

const TASK: &str = r#"{"_id": "62a1ec6d9ea24f052b971a0f", "status": "ready"}"#;

/// A wait is never too short, and not much too long.
pub fn wait_ends_on_time<H: Harness>(harness: &H) {
    let transport = plain(harness);
    for time in [
        Duration::ZERO,
        Duration::from_millis(1),
        Duration::from_millis(150),
    ] {
        let started = Instant::now();
        let late = harness.drive(&transport, Sleep::new(time));
        assert!(
            started.elapsed() >= time && late < Duration::from_secs(2),
            "{time:?}: {late:?} late"
        );
    }
}

/// A flow that can never continue is reported instead of hanging.
pub fn endless_wait_is_a_fault_of_the_flow<H: Harness>(harness: &H) {
    let transport = plain(harness);
    let panic = catch_unwind(AssertUnwindSafe(|| harness.drive(&transport, Endless)))
        .expect_err("the driver panics");
    let text = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
        .expect("a panic has a text");
    assert!(
        text.contains("waits without end while nothing is in flight"),
        "{text}"
    );
}

fn call(server: &Server) -> Call<GetTask> {
    let base = server.url("/v1.3").parse().expect("a URL");
    let policy = Policy::default().with_base_delay(Duration::from_millis(20));
    Call::new(GetTask::new("62a1ec6d9ea24f052b971a0f"), &base, policy, 1)
}

fn transport_for<H: Harness>(harness: &H, server: &Server) -> H::Transport {
    let key = ApiKey::new("tlk_test").expect("a key");
    let credentials =
        Credentials::new(key, server.url("/v1.3").parse().expect("a URL")).expect("loopback");
    with(harness, settings().with_credentials(Some(credentials)))
}

/// Seconds and dates, in real time.
pub fn retry_after_is_respected_in_both_forms<H: Harness>(harness: &H) {
    let date = ("Date", "Sun, 06 Nov 1994 08:49:36 GMT");
    let later = ("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT");
    let busy = [
        Reply::status(429).header("Retry-After", "1"),
        Reply::status(503)
            .header(date.0, date.1)
            .header(later.0, later.1),
    ];
    for reply in busy {
        let server = Server::scripted([reply.into(), Reply::ok(TASK).into()]);
        let started = Instant::now();
        let task = harness
            .drive(&transport_for(harness, &server), call(&server))
            .expect("a task");
        assert_eq!(task.status.expect("a status").as_str(), "ready");
        assert!(
            started.elapsed() >= Duration::from_secs(1),
            "asked again after {:?}",
            started.elapsed()
        );
        assert_eq!(server.seen().len(), 2);
    }
}

/// A `GET` succeeds after a lost response, a 500 and garbage.
pub fn call_is_retried_after_a_lost_connection<H: Harness>(harness: &H) {
    let server = Server::scripted([
        Reaction::close(),
        Reply::status(500).body("{}").into(),
        Reaction::cut(Reply::ok(TASK), 70),
        Reply::ok(TASK).into(),
    ]);
    let task = harness
        .drive(&transport_for(harness, &server), call(&server))
        .expect("a task");
    assert_eq!(task.status.expect("a status").as_str(), "ready");
    assert_eq!(server.seen().len(), 4, "each attempt is the flow's own");
}

//! Fault injection over real sockets: what the client sees, and what the platform did anyway.

use std::time::{Duration, Instant};

use serde_json::json;
use tl_emulator::{Emulator, FaultPlan};

use crate::{
    clips::clip,
    raw::{builder, connect, exchange, form, get, head, index, send_form, send_json},
};

fn with(fault: &str) -> Emulator {
    let mut plan = FaultPlan::default();
    plan.faults.push(fault.parse().unwrap());
    builder().faults(plan).unwrap().start_blocking().unwrap()
}

fn tasks(emulator: &Emulator) -> u64 {
    get(emulator, "/v1.3/tasks").json()["page_info"]["total_results"]
        .as_u64()
        .unwrap()
}

fn good_form(index: &str) -> Vec<u8> {
    form(
        &[("index_id", index)],
        Some(("a.mp4", &std::fs::read(clip("640x360", 5)).unwrap())),
    )
}

fn try_form(emulator: &Emulator, body: &[u8]) -> Option<u16> {
    let length = body.len().to_string();
    let headers = [
        ("content-type", "multipart/form-data; boundary=XX"),
        ("content-length", length.as_str()),
    ];
    exchange(emulator, &head("POST", "/v1.3/tasks", &headers), body).map(|response| response.status)
}

/// Checks the response of a faulty creation and the number of tasks afterwards.
fn check(fault: &str, status: Option<u16>, made: u64) {
    let emulator = with(fault);
    let index = index(&emulator);
    assert_eq!(try_form(&emulator, &good_form(&index)), status, "{fault}");
    assert_eq!(tasks(&emulator), made, "{fault}");
    let journal = emulator.journal();
    let entry = journal
        .iter()
        .find(|entry| entry.operation.as_deref() == Some("tasks.create"))
        .unwrap();
    assert_eq!(entry.faults.len(), 1, "{fault}: {entry:?}");
}

#[test]
fn fault_runs_the_operation_only_if_asked() {
    check("tasks.create status=503", Some(503), 0);
    check("tasks.create status=500 after_work", Some(500), 1);
    check("tasks.create drop", None, 0);
    check("tasks.create lose_answer", None, 1);
    check("tasks.create cut_after=20", None, 1);
    check("tasks.create duplicate", Some(201), 2);
    check("tasks.create retry_after=7", Some(429), 0);
}

#[test]
fn fault_applies_once() {
    let emulator = with("tasks.create nth=1 status=502 body=<html>Bad</html>");
    let index = index(&emulator);
    let first = send_form(&emulator, &good_form(&index));
    assert_eq!(
        (first.status, first.body.as_slice()),
        (502, &b"<html>Bad</html>"[..])
    );
    assert!(first.head.contains("text/html"), "{}", first.head);
    assert_eq!(send_form(&emulator, &good_form(&index)).status, 201);
}

#[test]
fn fault_delays_or_throttles_responses() {
    let emulator = with("tasks.list delay_ms=300");
    let started = Instant::now();
    assert_eq!(get(&emulator, "/v1.3/tasks").status, 200);
    assert!(started.elapsed() >= Duration::from_millis(300));

    let emulator = with("tasks.list bytes_per_second=200");
    let started = Instant::now();
    let response = get(&emulator, "/v1.3/tasks");
    let least = Duration::from_secs_f64(response.body.len() as f64 / 200.0);
    assert!(
        response.status == 200 && started.elapsed() >= least,
        "{:?} for {response:?}",
        started.elapsed()
    );
}

#[test]
fn fault_makes_task_hang_or_fail_late() {
    for (fault, last, reason) in [
        ("tasks.create stuck_in=queued", "queued", None),
        (
            "tasks.create fail_in=indexing reason=broken",
            "failed",
            Some("broken"),
        ),
    ] {
        let emulator = with(fault);
        let index = index(&emulator);
        let created = send_form(&emulator, &good_form(&index)).json();
        let task = format!("/v1.3/tasks/{}", created["_id"].as_str().unwrap());
        emulator.advance(Duration::from_secs(100));
        let body = get(&emulator, &task).json();
        assert_eq!(
            (body["status"].as_str(), body["error_reason"].as_str()),
            (Some(last), reason),
            "{fault}"
        );
        let videos = get(&emulator, &format!("/v1.3/indexes/{index}/videos")).json();
        assert_eq!(videos["page_info"]["total_results"], 0);
    }
}

#[test]
fn plan_changes_at_runtime() {
    let emulator = builder().start_blocking().unwrap();
    let plan = json!({ "faults": [{ "operation": "tasks.list", "times": 1, "status": 500 }] });
    assert_eq!(
        send_json(&emulator, "PUT", "/_emulator/faults", &plan).status,
        204
    );
    assert_eq!(
        send_json(
            &emulator,
            "POST",
            "/_emulator/faults",
            &json!("indexes.list drop")
        )
        .status,
        204
    );
    assert_eq!(get(&emulator, "/v1.3/tasks").status, 500);
    assert_eq!(get(&emulator, "/v1.3/tasks").status, 200);
    let mut stream = connect(&emulator);
    std::io::Write::write_all(&mut stream, head("GET", "/v1.3/indexes", &[]).as_bytes()).unwrap();
    assert!(crate::raw::read_response(&mut stream).is_none());
    assert_eq!(
        get(&emulator, "/_emulator/faults").json()["struck"],
        json!([1, 1])
    );
    let wrong = send_json(
        &emulator,
        "POST",
        "/_emulator/faults",
        &json!("tasks.list status=1"),
    );
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.json()["message"]
            .as_str()
            .unwrap()
            .contains("between 200 and 599")
    );
    assert_eq!(
        exchange(&emulator, &head("DELETE", "/_emulator/faults", &[]), b"")
            .unwrap()
            .status,
        204
    );
    assert_eq!(get(&emulator, "/v1.3/indexes").status, 200);
}

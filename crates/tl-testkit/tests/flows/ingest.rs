//! Ingestion of a video: exactly one task, whatever responses are lost.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Response};
use proptest::prelude::*;
use serde_json::json;
use tl_protocol::{
    BlockingTransport, Delivery, ErrorKind, Event, Exchange, Now, Observer, Outcome, Reached,
    Resource, Stage, TransportError, TransportErrorKind,
    flow::{IngestTask, IngestedTask, WaitPolicy},
};
use tl_testkit::sim::{Planned, Sim, World};

use super::{at_once, base, chain, create_task, short};

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ScriptedOutcome {
    Good,
    /// The connection broke before the platform had the complete request, and the client knows it.
    Unsent,
    /// The connection broke before the platform acted, but the client cannot know.
    LostBefore,
    /// The platform acted, and its response was lost.
    LostAfter,
    /// The platform acted, and a gateway responded with 502.
    GatewayAfter,
    /// The platform acted, and its response is invalid.
    GarbledAfter,
    Busy,
}

/// The actual tasks of the platform.
struct Platform {
    outcomes: VecDeque<ScriptedOutcome>,
    /// File names in order of creation; the id is the position.
    tasks: Vec<&'static str>,
    /// The status of every task.
    status: &'static str,
    posts: usize,
    lookups: usize,
}

impl Platform {
    fn new(outcomes: &[ScriptedOutcome], others: &[&'static str]) -> Self {
        Self {
            outcomes: outcomes.iter().copied().collect(),
            tasks: others.to_vec(),
            status: "ready",
            posts: 0,
            lookups: 0,
        }
    }

    fn act(&mut self, now: Now, exchange: &Exchange) -> (u16, serde_json::Value) {
        let made = jiff::Timestamp::try_from(now.wall)
            .expect("a time of this age")
            .to_string();
        let task = |(number, name): (usize, &&str)| {
            json!({"_id": format!("t{number}"), "status": self.status, "created_at": made,
                   "system_metadata": {"filename": name}})
        };
        match (exchange.http.method(), exchange.http.uri().path()) {
            (&Method::POST, "/v1.3/tasks") => {
                self.tasks.push("match.mp4");
                (201, json!({"_id": format!("t{}", self.tasks.len() - 1)}))
            }
            (&Method::GET, "/v1.3/tasks") => {
                self.lookups += 1;
                let tasks: Vec<_> = self.tasks.iter().enumerate().map(task).collect();
                (200, json!({"data": tasks, "page_info": {"total_page": 1}}))
            }
            (&Method::GET, path) => {
                let number: usize = path
                    .strip_prefix("/v1.3/tasks/t")
                    .and_then(|id| id.parse().ok())
                    .expect("a task's path");
                (200, task((number, &self.tasks[number])))
            }
            (method, path) => panic!("{method} {path} was asked for"),
        }
    }
}

impl World for Platform {
    fn answer(&mut self, now: Now, exchange: &Exchange) -> Planned {
        if exchange.http.method() == Method::POST {
            self.posts += 1;
        }
        let lost = |delivery| Err(TransportError::new(TransportErrorKind::Lost, delivery));
        let answer = |status: u16, body: String| -> Outcome {
            Ok(Response::builder()
                .status(status)
                .body(Bytes::from(body))
                .expect("an answer"))
        };
        let outcome = match self.outcomes.pop_front().unwrap_or(ScriptedOutcome::Good) {
            ScriptedOutcome::Unsent => lost(Delivery::NotSent),
            ScriptedOutcome::LostBefore => lost(Delivery::Unknown),
            ScriptedOutcome::Busy => answer(503, String::new()),
            scripted => {
                let (status, body) = self.act(now, exchange);
                match scripted {
                    ScriptedOutcome::LostAfter => lost(Delivery::Unknown),
                    ScriptedOutcome::GatewayAfter => {
                        answer(502, "<html>502 Bad Gateway</html>".to_owned())
                    }
                    ScriptedOutcome::GarbledAfter => {
                        answer(status, body.to_string()[..5].to_owned())
                    }
                    _ => answer(status, body.to_string()),
                }
            }
        };
        Planned::new(Duration::from_millis(100), outcome)
    }
}

fn flow(reconcile: bool, seed: u64) -> IngestTask {
    IngestTask::new(
        create_task(),
        &base(),
        at_once(),
        Some(WaitPolicy::default()),
        reconcile,
        seed,
    )
}

fn ingest(
    outcomes: &[ScriptedOutcome],
    others: &[&'static str],
) -> (Sim<Platform>, Result<IngestedTask, tl_protocol::Error>) {
    let sim = Sim::new(Platform::new(outcomes, others));
    let result = sim.run_now(flow(true, 1));
    (sim, result)
}

/// Checks the requests and the result; the platform starts with tasks for `others`.
fn check(outcomes: &[ScriptedOutcome], others: &[&'static str], expected: &str) {
    let (sim, result) = ingest(outcomes, others);
    let word = match &result {
        Ok(ingested) => {
            assert!(ingested.task.is_some());
            format!(
                "{}{}",
                ingested.created.id,
                if ingested.reconciled { " found" } else { "" }
            )
        }
        Err(error) => short(error),
    };
    let seen = sim.world(|platform| {
        format!(
            "{} sent, {} lookups, {} tasks, {word}",
            platform.posts,
            platform.lookups,
            platform.tasks.len()
        )
    });
    assert_eq!(seen, expected, "{outcomes:?}");
}

#[test]
fn video_creates_one_task() {
    check(&[], &[], "1 sent, 0 lookups, 1 tasks, t0");
    check(
        &[ScriptedOutcome::Busy, ScriptedOutcome::Unsent],
        &[],
        "3 sent, 0 lookups, 1 tasks, t0",
    );
}

#[test]
fn lost_response_is_found_by_lookup() {
    for scripted in [
        ScriptedOutcome::LostAfter,
        ScriptedOutcome::GatewayAfter,
        ScriptedOutcome::GarbledAfter,
    ] {
        check(&[scripted], &[], "1 sent, 1 lookups, 1 tasks, t0 found");
        check(
            &[scripted],
            &["other.mp4"],
            "1 sent, 1 lookups, 2 tasks, t1 found",
        );
        check(
            &[scripted, ScriptedOutcome::Busy, ScriptedOutcome::LostBefore],
            &[],
            "1 sent, 1 lookups, 1 tasks, t0 found",
        );
    }
}

#[test]
fn create_is_resent_if_lookup_finds_nothing() {
    check(
        &[ScriptedOutcome::LostBefore],
        &[],
        "2 sent, 2 lookups, 1 tasks, t0",
    );
    check(
        &[ScriptedOutcome::LostBefore],
        &["other.mp4"],
        "2 sent, 2 lookups, 2 tasks, t1",
    );
    let (good, lost) = (ScriptedOutcome::Good, ScriptedOutcome::LostBefore);
    check(
        &[lost, good, good, lost, good, good, lost],
        &[],
        "3 sent, 6 lookups, 0 tasks, OutcomeUnknown",
    );
}

#[test]
fn several_candidates_are_an_error_with_all_ids() {
    check(
        &[ScriptedOutcome::LostAfter],
        &["match.mp4"],
        "1 sent, 1 lookups, 2 tasks, OutcomeUnknown",
    );
    let (_, result) = ingest(&[ScriptedOutcome::LostAfter], &["match.mp4"]);
    let text = chain(&result.expect_err("nobody can know"));
    assert!(text.contains("t0") && text.contains("t1"), "{text}");
}

#[test]
fn lost_response_without_lookup_is_an_error() {
    let sim = Sim::new(Platform::new(&[ScriptedOutcome::LostAfter], &[]));
    let error = sim.run_now(flow(false, 1)).expect_err("nobody lookups");
    assert_eq!(short(&error), "OutcomeUnknown");
    assert_eq!(
        sim.world(|platform| (platform.posts, platform.lookups)),
        (1, 0)
    );
}

#[test]
fn observer_receives_each_step() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&events);
    let observer = Observer::new(move |event: &Event| {
        let text = format!("{event:?}");
        let name = text.split([' ', '{']).next().expect("a name").to_owned();
        listener.lock().expect("no listener panicked").push(name);
    });
    let sim = Sim::new(Platform::new(
        &[ScriptedOutcome::Busy, ScriptedOutcome::LostAfter],
        &[],
    ));
    sim.run_now(flow(true, 1).observed(observer))
        .expect("it ends well");
    assert_eq!(
        *events.lock().expect("no listener panicked"),
        ["Retrying", "Reconciling", "Reconciled", "Created", "Status"]
    );
}

#[test]
fn events_and_errors_have_the_typed_task() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&seen);
    let observer = Observer::new(move |event: &Event| {
        if let Event::Reconciled { resource }
        | Event::Created { resource }
        | Event::Status { resource, .. } = event
        {
            listener.lock().expect("no panic").push(resource.clone());
        }
    });
    let mut platform = Platform::new(&[ScriptedOutcome::LostAfter], &[]);
    platform.status = "failed";
    let result = Sim::new(platform).run_now(flow(true, 1).observed(observer));
    let task = Resource::Task("t0".into());
    assert_eq!(*seen.lock().expect("no panic"), vec![task; 3]);

    let error = result.expect_err("the platform failed on the video");
    assert_eq!(error.kind(), ErrorKind::ProcessingFailed);
    assert_eq!(error.stage(), Some(Stage::Indexing));
    let Some(Reached::Task(ingested)) = error.reached() else {
        panic!("the task was created: {error}");
    };
    assert_eq!(ingested.created.id.as_str(), "t0");
    assert!(ingested.reconciled && ingested.task.is_none());
    assert_eq!(ingested.history, error.history());
}

#[test]
fn failed_create_has_a_stage_and_no_task() {
    let lost = [ScriptedOutcome::LostBefore];
    let sim = Sim::new(Platform::new(&lost, &[]));
    let error = sim
        .run_now(flow(false, 1))
        .expect_err("the outcome is unknown");
    assert_eq!(
        (error.stage(), error.reached()),
        (Some(Stage::Uploading), None)
    );
}

fn any_outcome() -> impl Strategy<Value = ScriptedOutcome> {
    prop::sample::select(vec![
        ScriptedOutcome::Good,
        ScriptedOutcome::Unsent,
        ScriptedOutcome::LostBefore,
        ScriptedOutcome::LostAfter,
        ScriptedOutcome::GatewayAfter,
        ScriptedOutcome::GarbledAfter,
        ScriptedOutcome::Busy,
    ])
}

proptest! {
    #[test]
    fn at_most_one_task_and_it_is_the_reported_one(
        outcomes in prop::collection::vec(any_outcome(), 0..40),
        seed: u64,
    ) {
        let sim = Sim::new(Platform::new(&outcomes, &["other.mp4"]));
        let result = sim.run_now(flow(true, seed));
        let made = sim.world(|platform| platform.tasks.len() - 1);
        prop_assert!(made <= 1, "{made} tasks were made");
        if let Ok(ingested) = result {
            prop_assert_eq!((made, ingested.created.id.as_str()), (1, "t1"));
        }
    }
}

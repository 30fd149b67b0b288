//! Tests of an upload with responses by hand: its start, what it resumes, and what ends it.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};
use tl_model::{NewUpload, UploadType};

use super::{
    driven_upload::{request_name, signed},
    *,
};
use crate::{BytesSource, Event};

const CHUNKS: u32 = 3;

/// The upload of a file of three chunks, whose outcomes arrive in any order.
struct Scenario {
    flow: MultipartUpload,
    now: Duration,
    in_flight: Vec<(String, Token)>,
    /// The requests and the events of the start, in order.
    log: Arc<Mutex<Vec<String>>>,
}

type End = Option<Result<Uploaded, Error>>;

impl Scenario {
    fn new(begin: Begin, settings: UploadSettings) -> Self {
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = Arc::clone(&log);
        let observer = Observer::new(move |event| {
            let line = match event {
                Event::UploadStarted {
                    chunks, resumed, ..
                } => format!("started with {resumed} of {chunks}"),
                Event::UploadRestarted { because } => format!("restarted: {because}"),
                _ => return,
            };
            sink.lock().unwrap().push(line);
        });
        let flow = MultipartUpload::new(
            Arc::new(BytesSource::new("a.mp4", &b"abc"[..])),
            begin,
            &"https://api.example/v1.3".parse().unwrap(),
            Policy::default().with_attempts(1),
            settings,
            1,
        );
        Self {
            flow: flow.observed(observer),
            now: Duration::ZERO,
            in_flight: Vec::new(),
            log,
        }
    }

    /// Steps the upload at `seconds` until it waits or ends. Returns the time until which it
    /// waits, and the end.
    fn step(&mut self, seconds: f64) -> (Option<Duration>, End) {
        self.now = Duration::from_secs_f64(seconds);
        let now = Now::new(self.now, SystemTime::UNIX_EPOCH + self.now);
        loop {
            match self.flow.step(now) {
                Step::Done(result) => return (None, Some(result)),
                Step::Wait { until } => return (until, None),
                Step::Start(token, exchange) => {
                    let request = request_name(&exchange);
                    self.log.lock().unwrap().push(request.clone());
                    self.in_flight.push((request, token));
                }
            }
        }
    }

    /// Delivers the response to `request`, which is in flight.
    fn respond(&mut self, request: &str, status: u16, body: &Value) {
        let position = self.in_flight.iter().position(|(sent, _)| sent == request);
        let position = position.unwrap_or_else(|| panic!("{request} in {:?}", self.log()));
        let (_, token) = self.in_flight.remove(position);
        let response = http::Response::builder()
            .status(status)
            .header("etag", "\"e\"");
        let response = response.body(Bytes::from(body.to_string())).unwrap();
        let now = Now::new(self.now, SystemTime::UNIX_EPOCH + self.now);
        self.flow.on_outcome(now, token, Ok(response));
    }

    fn log(&self) -> Vec<String> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.clone()
    }
}

fn create() -> CreateUpload {
    CreateUpload::new(NewUpload::new(
        "a.mp4",
        UploadType::Video,
        u64::from(CHUNKS),
    ))
}

/// The record of an earlier process that has sent `sent`.
fn record(sent: &[u32]) -> UploadRecord {
    let sent = sent.iter().map(|index| (*index, SentChunk::new("e", 1)));
    UploadRecord::new("u", "a", 1, CHUNKS, u64::from(CHUNKS)).with_sent(sent.collect())
}

fn session() -> Value {
    json!({"upload_id": "u", "asset_id": "a", "chunk_size": 1, "total_chunks": CHUNKS,
           "upload_urls": signed(1..=CHUNKS)})
}

/// A page of the state of the session: its complete chunks, and the number of pages.
fn state(status: &str, complete: &[u32], pages: Option<u32>) -> (u16, Value) {
    let chunk = |index| json!({"index": index, "status": "completed"});
    let chunks: Value = complete.iter().map(chunk).collect();
    (
        200,
        json!({"upload_id": "u", "status": status, "uploaded_chunks": chunks,
               "page_info": {"total_page": pages}}),
    )
}

/// Resumes an upload with responses to the requests for its state. Checks the requests, the events
/// and the end.
#[track_caller]
fn check_resumed(begin: Begin, states: &[(u16, Value)], expected: &[&str]) {
    let mut scenario = Scenario::new(begin, UploadSettings::default());
    let (_, mut end) = scenario.step(0.0);
    for (page, (status, body)) in states.iter().enumerate() {
        scenario.respond(&format!("state {}", page + 1), *status, body);
        (_, end) = scenario.step(1.0);
    }
    let mut log = scenario.log();
    log.extend(end.map(|end| match end {
        Ok(done) => format!(
            "done with {} of {}, {} attempts",
            done.resumed, done.chunks, done.attempts
        ),
        Err(error) => format!("{:?}", error.kind()),
    }));
    assert_eq!(log, expected);
}

fn resume(sent: &[u32]) -> Begin {
    Begin::Resume(record(sent), create())
}

fn resume_compared(sent: &[u32]) -> Begin {
    Begin::ResumeCompared(record(sent), create())
}

#[test]
fn an_unusable_session_is_replaced_by_a_new_one() {
    let check = |response, because: &str| {
        let restarted = format!("restarted: {because}");
        check_resumed(
            resume(&[1]),
            &[response],
            &["state 1", &restarted, "session"],
        );
    };
    check((404, json!({})), "the platform does not know it any more");
    check(
        state("expired", &[], None),
        "it has expired (a session lives 24 hours)",
    );
    check(state("failed", &[], None), "the platform gave it up");
}

#[test]
fn an_unreadable_state_ends_the_upload() {
    check_resumed(resume(&[1]), &[(500, json!({}))], &["state 1", "Server"]);
    check_resumed(
        resume(&[1]),
        &[(401, json!({}))],
        &["state 1", "Unauthorized"],
    );
}

#[test]
fn a_completed_session_needs_no_more_requests() {
    let completed = || [state("completed", &[], None)];
    let done = ["state 1", "done with 3 of 3, 0 attempts"];
    check_resumed(resume(&[]), &completed(), &done);
    check_resumed(resume(&[1]), &completed(), &done);
    check_resumed(resume_compared(&[1, 2, 3]), &completed(), &done);
}

const OTHER_VERSION: &str = "restarted: the file may have changed, and the platform has chunks of it \
                             that this checkpoint does not name";

#[test]
fn chunks_that_were_not_compared_are_not_resumed() {
    let restarted = ["state 1", OTHER_VERSION, "session"];
    let completed = state("completed", &[], None);
    check_resumed(resume_compared(&[1, 2]), &[completed], &restarted);
    let active = || state("active", &[1, 2], Some(1));
    check_resumed(resume_compared(&[1]), &[active()], &restarted);
    // With the same chunks it is resumed, and so is a file that has not changed.
    let resumed = ["state 1", "started with 2 of 3", "urls 3+1"];
    check_resumed(resume_compared(&[1, 2]), &[active()], &resumed);
    check_resumed(resume(&[]), &[active()], &resumed);
}

#[test]
fn complete_chunks_of_all_pages_are_resumed() {
    let one = &["state 1", "started with 1 of 3", "urls 2+2"];
    check_resumed(resume(&[]), &[state("active", &[1], Some(1))], one);
    let two = &["state 1", "state 2", "started with 2 of 3", "urls 3+1"];
    let first = |pages| state("active", &[1], pages);
    check_resumed(
        resume(&[]),
        &[first(Some(2)), state("active", &[2], Some(2))],
        two,
    );
    // Without a number of pages, an empty page is the last one.
    let end = state("active", &[], None);
    check_resumed(
        resume(&[2]),
        &[first(None), end],
        &["state 1", "state 2", "started with 2 of 3", "urls 3+1"],
    );
    let none = &["state 1", "started with 0 of 3", "urls 1+3"];
    check_resumed(resume(&[]), &[state("active", &[], Some(9))], none);
}

#[test]
fn only_complete_chunks_of_the_state_are_resumed() {
    let (status, mut body) = state("active", &[1, 2, 3], Some(1));
    body["uploaded_chunks"][0]["status"] = "failed".into();
    body["uploaded_chunks"][1]["status"] = "pending".into();
    check_resumed(
        resume(&[]),
        &[(status, body)],
        &["state 1", "started with 1 of 3", "urls 1+2"],
    );
}

/// A new upload whose session was created at once, and whose chunks are in flight.
fn sending(settings: UploadSettings) -> Scenario {
    let mut scenario = Scenario::new(Begin::New(create()), settings);
    scenario.step(0.0);
    scenario.respond("session", 201, &session());
    scenario.step(0.0);
    let started = ["session", "started with 0 of 3"];
    let chunks = ["chunk 1", "chunk 2", "chunk 3"];
    assert_eq!(scenario.log(), [&started[..], &chunks[..]].concat());
    scenario
}

#[test]
fn a_sent_chunk_is_reported_five_seconds_later() {
    let mut scenario = sending(UploadSettings::default());
    scenario.step(4.0);
    scenario.respond("chunk 2", 200, &Value::Null);
    let (until, _) = scenario.step(4.0);
    assert_eq!(until, Some(Duration::from_secs(9)));
    scenario.step(8.9);
    assert_eq!(scenario.log().last().unwrap(), "chunk 3");
    scenario.step(9.0);
    assert_eq!(scenario.log().last().unwrap(), "report 2");
}

#[test]
fn a_chunk_of_an_earlier_process_is_reported_in_time() {
    let mut scenario = Scenario::new(resume(&[1]), UploadSettings::default());
    scenario.step(0.0);
    let (status, body) = state("active", &[], Some(1));
    scenario.respond("state 1", status, &body);
    scenario.step(1.0);
    scenario.respond("urls 2+2", 200, &json!({"upload_urls": signed(1..=CHUNKS)}));
    let (until, _) = scenario.step(2.0);
    assert_eq!(until, Some(Duration::from_secs(6)));
    scenario.step(5.9);
    assert_eq!(scenario.log().last().unwrap(), "chunk 3");
    scenario.step(6.0);
    assert_eq!(scenario.log().last().unwrap(), "report 1");
}

#[test]
fn the_deadline_of_the_upload_ends_it() {
    let deadline = Duration::from_secs(10);
    let settings = || UploadSettings::default().with_deadline(Some(deadline));
    let mut creating = Scenario::new(Begin::New(create()), settings());
    creating.step(0.0);
    for mut scenario in [creating, sending(settings())] {
        let (until, end) = scenario.step(9.999);
        assert_eq!(until, Some(deadline));
        assert!(end.is_none(), "{end:?}");
        let (_, end) = scenario.step(10.0);
        let error = end.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlinePassed);
    }
}

#[test]
fn the_caller_or_the_driver_cancels_an_upload() {
    let control = UploadControl::default();
    let settings = UploadSettings::default().with_control(control.clone());
    let mut by_caller = sending(settings);
    assert!(by_caller.step(1.0).1.is_none());
    control.cancel();
    let mut by_driver = sending(UploadSettings::default());
    by_driver.flow.on_cancel();
    for mut scenario in [by_caller, by_driver] {
        let error = scenario.step(2.0).1.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Canceled);
        // An ended upload stays so.
        let error = scenario.step(3.0).1.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
}

//! Tests of the flow that analyzes many assets, with a platform in memory and virtual time.

use std::{
    io::Read as _,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use bytes::Bytes;
use serde_json::{Value, json};
use tl_model::AnalyzeRequest;

use super::*;
use crate::{Delivery, Exchange, TransportError, TransportErrorKind, pegasus::batch::Row};

/// How long a batch takes.
const WORK: Duration = Duration::from_secs(60);

/// A platform with batches of analyses.
#[derive(Default)]
struct Platform {
    /// When each batch was created, and the ids of its items.
    batches: Vec<(Duration, Vec<String>)>,
    mono: Duration,
    sent: Vec<String>,
    /// The number of the creation whose answer is lost.
    loses: Option<usize>,
    /// Batches of others that are active until then.
    others_until: Duration,
    /// The status of the answer to the next poll, if it is an error.
    poll_fails: Option<u16>,
    /// The status of the answer to the next request for results, if it is an error.
    results_fail: Option<u16>,
}

impl Platform {
    fn status(&self, batch: usize) -> &'static str {
        match self.mono >= self.batches[batch].0 + WORK {
            true => "completed",
            false => "processing",
        }
    }

    fn view(&self, batch: usize) -> Value {
        let items = self.batches[batch].1.len();
        json!({"batch_id": format!("b{batch}"), "status": self.status(batch), "total_items": items})
    }

    fn respond(&mut self, method: &str, path: &str, body: &Value) -> Option<(u16, String)> {
        if method == "POST" {
            let own = (0..self.batches.len()).filter(|batch| self.status(*batch) != "completed");
            let others = if self.mono < self.others_until { 5 } else { 0 };
            if own.count() + others >= MAX_ACTIVE_BATCHES {
                return Some((
                    429,
                    r#"{"error": {"message": "five are active"}}"#.to_owned(),
                ));
            }
            let ids = body["requests"].as_array().unwrap().iter();
            let ids = ids.map(|item| item["custom_id"].as_str().unwrap().to_owned());
            self.batches.push((self.mono, ids.collect()));
            let number = self.batches.len() - 1;
            if self.loses == Some(number) {
                return None;
            }
            return Some((201, self.view(number).to_string()));
        }
        let Some(rest) = path.strip_prefix("/analyze/batches/b") else {
            let query = path.strip_prefix("/analyze/batches?page=").unwrap();
            let number = query.strip_suffix("&page_limit=50").unwrap();
            let skipped = 50 * (number.parse::<usize>().unwrap() - 1);
            let newest_first = (0..self.batches.len()).rev().skip(skipped).take(50);
            let data: Vec<_> = newest_first.map(|batch| self.view(batch)).collect();
            let page = json!({"data": data, "page_info": {}});
            return Some((200, page.to_string()));
        };
        if let Some(number) = rest.strip_suffix("/results") {
            if let Some(status) = self.results_fail.take() {
                return Some((status, String::new()));
            }
            // In another order than the items.
            let batch: usize = number.parse().unwrap();
            let ids = self.batches[batch].1.iter().rev();
            let lines = ids.map(|id| {
                let row = id.rsplit('-').next().unwrap();
                let data = json!({"generation_id": "g", "data": row, "finish_reason": "stop"});
                json!({"task_id": id, "custom_id": id, "status": "ready", "data": data}).to_string()
            });
            return Some((200, lines.collect::<Vec<_>>().join("\n")));
        }
        match self.poll_fails.take() {
            Some(status) => Some((status, String::new())),
            None => Some((200, self.view(rest.parse().unwrap()).to_string())),
        }
    }

    fn now(&self) -> Now {
        Now::new(self.mono, SystemTime::UNIX_EPOCH + self.mono)
    }

    fn send(&mut self, exchange: &Exchange) -> Outcome {
        let path = exchange.http.uri().path_and_query().unwrap().as_str();
        let path = path.replace("/v1.3", "");
        let mut body = Vec::new();
        let mut reader = exchange.http.body().reader();
        reader.read_to_end(&mut body).unwrap();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let method = exchange.http.method().as_str();
        self.sent.push(format!("{method} {path}"));
        match self.respond(method, &path, &body) {
            Some((status, body)) => {
                let response = http::Response::builder().status(status);
                Ok(response.body(Bytes::from(body)).unwrap())
            }
            None => Err(TransportError::new(
                TransportErrorKind::Lost,
                Delivery::Unknown,
            )),
        }
    }

    fn drive(&mut self, mut flow: RunBatches) -> Result<BatchAnswers, Error> {
        loop {
            match flow.step(self.now()) {
                Step::Done(result) => return result,
                Step::Wait { until } => self.mono = until.expect("nothing is in flight"),
                Step::Start(token, exchange) => {
                    let outcome = self.send(&exchange);
                    flow.on_outcome(self.now(), token, outcome);
                }
            }
        }
    }

    fn creations(&self) -> usize {
        let sent = self.sent.iter();
        sent.filter(|line| line.starts_with("POST")).count()
    }
}

fn run_of(rows: usize) -> BatchRun {
    let mut request = AnalyzeRequest::default();
    request.prompt = Some("Why?".to_owned());
    let rows = (0..rows).map(|row| Row::new(format!("{row:024x}")).with_id(row.to_string()));
    BatchRun::new(&request, rows.collect()).unwrap()
}

/// What was saved, newest last.
type Saved = Arc<Mutex<Vec<BatchState>>>;

fn flow(rows: usize, saved: &Saved, deadline: u64) -> RunBatches {
    let base = "https://api.twelvelabs.io/v1.3".parse().unwrap();
    let wait = WaitPolicy::within(Duration::from_secs(deadline));
    let last = saved.lock().unwrap().last().cloned();
    let flow = RunBatches::new(run_of(rows), last, &base, Policy::default(), wait, 1);
    let saved = Arc::clone(saved);
    flow.recorded(BatchJournal::new(move |state| {
        let mut saved = saved.lock().unwrap_or_else(PoisonError::into_inner);
        saved.push(state.clone());
        Ok(())
    }))
}

/// The state of a run that ended while it created its first batch.
fn in_doubt(rows: usize) -> Saved {
    let mut state = run_of(rows).start();
    state.intend(0);
    Saved::new(Mutex::new(vec![state]))
}

/// A flow that polls every ten seconds.
fn steady(saved: &Saved, deadline: u64) -> RunBatches {
    let mut flow = flow(3, saved, deadline);
    flow.interval = Duration::from_secs(10);
    flow.wait.first_interval = flow.interval;
    flow.wait.max_interval = flow.interval;
    flow
}

fn texts(answers: &BatchAnswers) -> Vec<&str> {
    let answers = answers.answers.iter();
    answers.map(|answer| answer.text().unwrap()).collect()
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|row| row.to_string()).collect()
}

#[test]
fn rows_are_split_queued_and_joined_in_their_order() {
    let (mut platform, saved) = (Platform::default(), Saved::default());
    let answers = platform.drive(flow(6500, &saved, 3600)).unwrap();
    assert_eq!(texts(&answers), numbers(6500));
    assert_eq!(platform.batches.len(), 7);
    // Two had to wait until others ended.
    let late = platform.batches.iter().filter(|batch| batch.0 >= WORK);
    assert_eq!(late.count(), 2);
    let states = saved.lock().unwrap();
    let in_doubt = states.iter().filter_map(BatchState::in_doubt);
    assert_eq!(in_doubt.collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
    assert!(states.last().unwrap().is_done());
}

#[test]
fn lost_creation_is_found_by_another_run() {
    for loses in 0..3 {
        let (mut platform, saved) = (Platform::default(), Saved::default());
        platform.loses = Some(loses);
        let lost = platform.drive(flow(2500, &saved, 3600)).unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::OutcomeUnknown);
        platform.loses = None;
        let answers = platform.drive(flow(2500, &saved, 3600)).unwrap();
        assert_eq!(texts(&answers), numbers(2500));
        assert_eq!(platform.creations(), 3, "{:?}", platform.sent);
    }
}

#[test]
fn creation_that_never_arrived_is_sent_again() {
    let (mut platform, saved) = (Platform::default(), in_doubt(3));
    // Another batch of the same size, of other rows.
    let other = vec!["other".to_owned(); 3];
    platform.batches.push((Duration::ZERO, other));
    let answers = platform.drive(flow(3, &saved, 3600)).unwrap();
    assert_eq!(texts(&answers), numbers(3));
    assert_eq!(platform.creations(), 1);
}

#[test]
fn batch_in_doubt_is_found_on_a_later_page() {
    for newer in [0, 49, 50, 100] {
        let (mut platform, saved) = (Platform::default(), in_doubt(3));
        let run = run_of(3);
        let own = (0..3).map(|row| run.item_id(row)).collect();
        platform.batches.push((Duration::ZERO, own));
        // Batches of another size are not looked into.
        let other = (Duration::ZERO, vec!["other".to_owned(); 2]);
        platform.batches.extend(vec![other; newer]);
        let answers = platform.drive(flow(3, &saved, 3600)).unwrap();
        assert_eq!(texts(&answers), numbers(3));
        let pages = 1..=newer / 50 + 1;
        let mut expected: Vec<_> = pages
            .map(|page| format!("GET /analyze/batches?page={page}&page_limit=50"))
            .collect();
        expected.push("GET /analyze/batches/b0/results".to_owned());
        expected.push("GET /analyze/batches/b0".to_owned());
        assert_eq!(platform.sent[..expected.len()], expected);
        assert_eq!(platform.creations(), 0);
    }
}

#[test]
fn full_last_page_is_followed_by_an_empty_one() {
    let (mut platform, saved) = (Platform::default(), in_doubt(3));
    let other = (Duration::ZERO, vec!["other".to_owned(); 2]);
    platform.batches = vec![other; 50];
    platform.mono = WORK;
    platform.drive(flow(3, &saved, 3600)).unwrap();
    assert_eq!(
        platform.sent[..3],
        [
            "GET /analyze/batches?page=1&page_limit=50",
            "GET /analyze/batches?page=2&page_limit=50",
            "POST /analyze/batches"
        ]
    );
}

#[test]
fn deleted_batch_is_not_the_one_in_doubt() {
    let with_results = |status| {
        let (mut platform, saved) = (Platform::default(), in_doubt(3));
        let other = vec!["other".to_owned(); 3];
        platform.batches.push((Duration::ZERO, other));
        platform.results_fail = Some(status);
        let result = platform.drive(flow(3, &saved, 3600));
        (result, platform.creations())
    };
    let (answers, creations) = with_results(404);
    assert_eq!(texts(&answers.unwrap()), numbers(3));
    assert_eq!(creations, 1);
    // Any other error leaves the doubt: nothing is created.
    let (error, creations) = with_results(403);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Forbidden);
    assert_eq!(creations, 0);
}

#[test]
fn each_status_is_reported_once() {
    let (mut platform, saved) = (Platform::default(), Saved::default());
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&events);
    let observer = Observer::new(move |event| {
        if let Event::Status { .. } = event {
            heard.lock().unwrap().push(event.clone());
        }
    });
    platform
        .drive(steady(&saved, 3600).observed(observer))
        .unwrap();
    let status = |status: &str, seconds| Event::Status {
        resource: AnalyzeBatchId::from("b0").into(),
        status: status.to_owned(),
        after: Duration::from_secs(seconds),
    };
    let expected = [status("processing", 10), status("completed", 60)];
    assert_eq!(*events.lock().unwrap(), expected);
}

#[test]
fn deadline_includes_a_poll_at_its_time() {
    let (mut platform, saved) = (Platform::default(), Saved::default());
    assert_eq!(platform.drive(steady(&saved, 60)).unwrap().failed(), 0);
    assert_eq!(platform.mono, WORK);
    // A poll that would be too late is not awaited.
    let (mut platform, saved) = (Platform::default(), Saved::default());
    let late = platform.drive(steady(&saved, 59)).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::DeadlinePassed);
    assert_eq!(platform.mono, Duration::from_secs(50));
}

#[test]
fn cancel_is_the_error_even_close_to_the_deadline() {
    let (mut platform, saved) = (Platform::default(), Saved::default());
    let mut flow = steady(&saved, 15);
    // The batch is created, and polled after 10 seconds.
    for _ in 0..2 {
        let step = loop {
            match flow.step(platform.now()) {
                Step::Wait { until } => platform.mono = until.unwrap(),
                step => break step,
            }
        };
        let Step::Start(token, exchange) = step else {
            panic!("it sends a request: {step:?}")
        };
        let outcome = platform.send(&exchange);
        flow.on_outcome(platform.now(), token, outcome);
    }
    // Together with the status, the cancel arrives. The next poll would be too late.
    flow.on_cancel();
    let step = flow.step(platform.now());
    let Step::Wait { until: Some(until) } = step else {
        panic!("it waits for the next poll: {step:?}")
    };
    platform.mono = until;
    let Step::Start(token, _) = flow.step(platform.now()) else {
        panic!("it polls")
    };
    let canceled = TransportError::new(TransportErrorKind::Canceled, Delivery::NotSent);
    flow.on_outcome(platform.now(), token, Err(canceled));
    match flow.step(platform.now()) {
        Step::Done(Err(error)) => assert_eq!(error.kind(), ErrorKind::Canceled),
        step => panic!("it ends: {step:?}"),
    }
}

#[test]
fn limit_on_active_batches_delays_the_creation() {
    let (mut platform, saved) = (Platform::default(), Saved::default());
    platform.others_until = Duration::from_secs(600);
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&events);
    let observer = Observer::new(move |event| {
        if !matches!(event, Event::Status { .. }) {
            heard.lock().unwrap().push(event.clone());
        }
    });
    let flow = flow(3, &saved, 3600).observed(observer);
    assert_eq!(platform.drive(flow).unwrap().failed(), 0);
    assert_eq!(platform.batches.len(), 1);
    assert!(platform.batches[0].0 >= Duration::from_secs(600));
    let expected = [
        Event::CreationDelayed {
            operation: "create a batch of analyses",
            limits_active: true,
        },
        Event::Created {
            resource: AnalyzeBatchId::from("b0").into(),
        },
    ];
    assert_eq!(*events.lock().unwrap(), expected);
}

#[test]
fn deadline_leaves_a_run_that_continues() {
    let (mut platform, saved) = (Platform::default(), Saved::default());
    let late = platform.drive(flow(2500, &saved, 5)).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::DeadlinePassed);
    assert_eq!(platform.creations(), 3);
    let answers = platform.drive(flow(2500, &saved, 3600)).unwrap();
    assert_eq!((answers.failed(), platform.creations()), (0, 3));
    // A run that is complete creates nothing and returns the same.
    let again = platform.drive(flow(2500, &saved, 3600)).unwrap();
    assert_eq!((again, platform.creations()), (answers, 3));
}

#[test]
fn failed_poll_is_repeated() {
    let (mut platform, saved) = (Platform::default(), Saved::default());
    let policy = Policy::default().with_attempts(1);
    platform.poll_fails = Some(500);
    let mut flow = flow(3, &saved, 3600);
    flow.policy = policy;
    assert_eq!(platform.drive(flow).unwrap().failed(), 0);
    assert_eq!(platform.poll_fails, None);
}

#[test]
fn refused_poll_ends_the_run() {
    let (mut platform, saved) = (Platform::default(), Saved::default());
    platform.poll_fails = Some(403);
    let error = platform.drive(flow(3, &saved, 3600)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    assert_eq!(platform.creations(), 1);
}

#[test]
fn debug_output_says_whether_the_state_is_kept() {
    let kept = BatchJournal::new(|_| Ok(()));
    assert_eq!(format!("{kept:?}"), "BatchJournal(kept)");
    assert_eq!(format!("{:?}", BatchJournal::none()), "BatchJournal(none)");
}

#[test]
fn nothing_is_sent_without_a_saved_intention() {
    let mut platform = Platform::default();
    let saved = Saved::default();
    let unsaved = flow(3, &saved, 3600);
    let unsaved = unsaved.recorded(BatchJournal::new(|_| Err("the disk is full".to_owned())));
    let error = platform.drive(unsaved).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert!(error.to_string().contains("the disk is full"), "{error}");
    // The state of other rows.
    saved.lock().unwrap().push(run_of(4).start());
    let error = platform.drive(flow(3, &saved, 3600)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert_eq!(platform.sent, [""; 0]);
}

#[test]
fn incomplete_answers_count_as_failed_and_can_be_asked_again() {
    let run = run_of(3);
    let result = |row: usize, reason: &str| -> (String, AnalyzeBatchResult) {
        let data = json!({"generation_id": "g", "data": "so far", "finish_reason": reason,
            "usage": {"output_tokens": 7}});
        let value = json!({"task_id": "t", "custom_id": run.item_id(row), "data": data});
        (run.item_id(row), serde_json::from_value(value).unwrap())
    };
    let results = [result(0, "stop"), result(2, "length")];
    let answers = BatchAnswers::of(&run, results.into_iter().collect());
    assert_eq!((answers.failed(), answers.output_tokens()), (2, 14));
    let failed = answers.failed_rows();
    assert_eq!(failed, [run.rows()[1].clone(), run.rows()[2].clone()]);
    let jsonl = answers.to_jsonl();
    let lines: Vec<Value> = jsonl
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[1]["id"], "1");
    assert_eq!(lines[1]["data"], Value::Null);
    // What was paid for is kept.
    assert_eq!(lines[2]["data"], "so far");
    assert_eq!(lines[2]["finish_reason"], "length");
}

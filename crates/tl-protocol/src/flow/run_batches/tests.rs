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
use crate::{Delivery, TransportError, TransportErrorKind, pegasus::batch::Row};

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
            let newest_first = (0..self.batches.len()).rev().map(|batch| self.view(batch));
            let page = json!({"data": newest_first.collect::<Vec<_>>(), "page_info": {}});
            return Some((200, page.to_string()));
        };
        if let Some(number) = rest.strip_suffix("/results") {
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

    fn drive(&mut self, mut flow: RunBatches) -> Result<BatchAnswers, Error> {
        loop {
            let now = Now::new(self.mono, SystemTime::UNIX_EPOCH + self.mono);
            match flow.step(now) {
                Step::Done(result) => return result,
                Step::Wait { until } => self.mono = until.expect("nothing is in flight"),
                Step::Start(token, exchange) => {
                    let path = exchange.http.uri().path().replace("/v1.3", "");
                    let mut body = Vec::new();
                    let mut reader = exchange.http.body().reader();
                    reader.read_to_end(&mut body).unwrap();
                    let body = serde_json::from_slice(&body).unwrap_or_default();
                    let method = exchange.http.method().as_str();
                    self.sent.push(format!("{method} {path}"));
                    let outcome = match self.respond(method, &path, &body) {
                        Some((status, body)) => {
                            let response = http::Response::builder().status(status);
                            Ok(response.body(Bytes::from(body)).unwrap())
                        }
                        None => Err(TransportError::new(
                            TransportErrorKind::Lost,
                            Delivery::Unknown,
                        )),
                    };
                    flow.on_outcome(now, token, outcome);
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
    let (mut platform, saved) = (Platform::default(), Saved::default());
    let run = run_of(3);
    let mut state = run.start();
    state.intend(0);
    saved.lock().unwrap().push(state);
    // Another batch of the same size, of other rows.
    let other = vec!["other".to_owned(); 3];
    platform.batches.push((Duration::ZERO, other));
    let answers = platform.drive(flow(3, &saved, 3600)).unwrap();
    assert_eq!(texts(&answers), numbers(3));
    assert_eq!(platform.creations(), 1);
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

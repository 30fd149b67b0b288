//! Tests of ingestions with assets: the requests, the records, the stages, and the results. A script
//! responds to each request after a second.

use std::{
    sync::{Arc, Mutex},
    time::SystemTime,
};

use tl_http::cancel::CanceledRun;
use tl_model::{NewUpload, UploadType};

use super::*;
use crate::{
    BytesSource, Delivery, Source, TransportError, TransportErrorKind,
    endpoint::{CreateUpload, Media},
    flow::{
        Reconcile,
        upload::{Begin, IngestRecord, UploadJournal, UploadSettings},
    },
};

mod resume;

const ASSET_CREATED: &str = r#"201 {"_id": "a", "status": "processing"}"#;
const ASSET_PROCESSING: &str = r#"200 {"_id": "a", "status": "processing"}"#;
const ASSET_READY: &str = r#"200 {"_id": "a", "status": "ready"}"#;
const INDEXED_CREATED: &str = r#"202 {"_id": "x"}"#;
const INDEXING: &str = r#"200 {"_id": "x", "status": "indexing"}"#;
const INDEXED_READY: &str = r#"200 {"_id": "x", "status": "ready"}"#;

fn base() -> Url {
    "https://api.example/v1.3".parse().unwrap()
}

fn at(mono: Duration) -> Now {
    Now::new(mono, SystemTime::UNIX_EPOCH + mono)
}

fn source() -> Arc<dyn Source> {
    Arc::new(BytesSource::new("a.mp4", &b"media"[..]))
}

fn create() -> CreateAsset {
    CreateAsset::new(Media::File(source()))
}

fn whole() -> AssetUpload {
    AssetUpload::Whole(create())
}

fn chunks(concurrency: usize) -> AssetUpload {
    let upload = NewUpload::new("a.mp4", UploadType::Video, 5_u64);
    AssetUpload::Chunks {
        source: source(),
        begin: Box::new(Begin::New(CreateUpload::new(upload))),
        settings: UploadSettings::default().with_concurrency(concurrency),
    }
}

fn existing() -> AssetUpload {
    AssetUpload::Existing("a".into())
}

fn text(id: Option<impl ToString>) -> String {
    id.map_or_else(|| "-".to_owned(), |id| id.to_string())
}

/// What an ingestion did.
struct Seen {
    /// The requests with their time in seconds, the records, and the events, in their order.
    log: Vec<String>,
    result: IngestResult,
}

impl Seen {
    fn result(&self) -> String {
        match &self.result {
            Ok(IngestedAsset {
                asset_id,
                indexed_asset_id: indexed,
                reconciled,
                ..
            }) => {
                let found = if *reconciled { " reconciled" } else { "" };
                format!(
                    "{} {}{found}",
                    text(asset_id.as_ref()),
                    text(indexed.as_ref())
                )
            }
            Err(error) => {
                let (stage, reached) = (error.stage().unwrap(), error.reached().unwrap());
                format!("{:?} in {stage}{reached}", error.kind())
            }
        }
    }

    /// The log without the events and the records.
    fn requests(&self) -> Vec<&str> {
        let lines = self.log.iter().map(String::as_str);
        lines
            .filter(|line| line.starts_with(|first: char| first.is_ascii_digit()))
            .collect()
    }
}

/// The flow of a plan without retries, with its log.
fn flow(plan: AssetPlan) -> (IngestAsset, Arc<Mutex<Vec<String>>>) {
    let log = Arc::<Mutex<Vec<String>>>::default();
    let records = Arc::clone(&log);
    let plan = plan.with_journal(UploadJournal::new(move |record| {
        let record = serde_json::to_string(record).unwrap();
        records.lock().unwrap().push(format!("record {record}"));
    }));
    let events = Arc::clone(&log);
    let observer = Observer::new(move |event| {
        let line = match event {
            Event::StageStarted {
                stage,
                asset_id,
                indexed_asset_id,
            } => {
                let (asset, indexed) = (text(asset_id.as_ref()), text(indexed_asset_id.as_ref()));
                format!("started {stage} {asset} {indexed}")
            }
            Event::UploadRestarted { .. } => "restarted".to_owned(),
            Event::Reconciled { resource } => format!("reconciled {}", resource.id()),
            _ => return,
        };
        events.lock().unwrap().push(line);
    });
    let policy = Policy::default().with_attempts(1);
    let flow = IngestAsset::new(plan, &base(), policy, 1).observed(observer);
    (flow, log)
}

/// Runs a plan on a platform that responds with `responses`, and checks that all are requested.
#[track_caller]
fn ingest(plan: AssetPlan, responses: &[&str]) -> Seen {
    let (mut flow, log) = flow(plan);
    let mut responses = responses.iter();
    let mut mono = Duration::ZERO;
    let result = loop {
        match flow.step(at(mono)) {
            Step::Done(result) => break result,
            Step::Wait { until } => mono = until.expect("nothing is in flight"),
            Step::Start(token, exchange) => {
                let (method, path) = (exchange.http.method(), exchange.http.uri().path());
                let path = path.strip_prefix("/v1.3").unwrap();
                let line = format!("{} {method} {path}", mono.as_secs_f64());
                let response = responses
                    .next()
                    .unwrap_or_else(|| panic!("no response is left: {line}"));
                log.lock().unwrap().push(line);
                mono += Duration::from_secs(1);
                flow.on_outcome(at(mono), token, outcome(response));
            }
        }
    };
    assert_eq!(responses.next(), None, "it was not requested");
    let log = log.lock().unwrap().clone();
    Seen { log, result }
}

fn outcome(line: &str) -> Outcome {
    let (status, body) = line.split_once(' ').unwrap_or((line, ""));
    if status == "lost" {
        let lost = TransportError::new(TransportErrorKind::Lost, Delivery::Unknown);
        return Err(lost);
    }
    let response = http::Response::builder().status(status);
    Ok(response.body(body.to_owned().into()).unwrap())
}

fn seconds(times: &[(Stage, Duration)]) -> Vec<(Stage, f64)> {
    let times = times.iter();
    times
        .map(|(stage, took)| (*stage, took.as_secs_f64()))
        .collect()
}

#[test]
fn stages_are_announced_recorded_and_timed() {
    let plan = AssetPlan::new(whole()).with_index(Some("i".into()));
    let seen = ingest(
        plan,
        &[
            ASSET_CREATED,
            ASSET_PROCESSING,
            ASSET_READY,
            INDEXED_CREATED,
            INDEXING,
            INDEXING,
            INDEXED_READY,
        ],
    );
    assert_eq!(
        seen.log,
        [
            "started upload - -",
            r#"record {"creating":{"since":0,"mark":null}}"#,
            "0 POST /assets",
            r#"record {"asset":"a"}"#,
            "started processing a -",
            "1 GET /assets/a",
            "3 GET /assets/a",
            "started indexing a -",
            r#"record {"indexing":"i"}"#,
            "4 POST /indexes/i/indexed-assets",
            r#"record {"indexed":{"index_id":"i","indexed_asset_id":"x"}}"#,
            "started indexing a x",
            "5 GET /indexes/i/indexed-assets/x",
            "7 GET /indexes/i/indexed-assets/x",
            "9.5 GET /indexes/i/indexed-assets/x",
        ]
    );
    assert_eq!(seen.result(), "a x");
    let times = seconds(&seen.result.unwrap().times);
    assert_eq!(
        times,
        [
            (Stage::Uploading, 1.0),
            (Stage::Processing, 3.0),
            (Stage::Indexing, 6.5)
        ]
    );
}

#[test]
fn failed_stage_has_a_time_too() {
    let plan = AssetPlan::new(whole());
    let seen = ingest(plan, &[ASSET_CREATED, ASSET_PROCESSING, "403"]);
    assert_eq!(seen.result(), "Forbidden in processing; asset a");
    let error = seen.result.unwrap_err();
    let Some(Reached::Asset(reached)) = error.reached() else {
        panic!("{error}");
    };
    let times = seconds(&reached.times);
    assert_eq!(times, [(Stage::Uploading, 1.0), (Stage::Processing, 3.0)]);
    let history = reached.history.iter();
    let history: Vec<_> = history
        .map(|(stage, seen)| (*stage, seen.status.as_str()))
        .collect();
    assert_eq!(history, [(Stage::Processing, "processing")]);
}

#[test]
fn existing_asset_without_a_wait_needs_no_request() {
    let plan = AssetPlan::new(existing()).with_wait(None);
    let seen = ingest(plan, &[]);
    assert_eq!((seen.result(), seen.log.len()), ("a -".to_owned(), 0));
}

#[test]
fn upload_without_a_wait_needs_one_request() {
    let plan = AssetPlan::new(whole()).with_wait(None);
    let seen = ingest(plan, &[ASSET_CREATED]);
    assert_eq!(seen.result(), "a -");
}

#[test]
fn lost_asset_of_this_process_is_not_uploaded_again() {
    let plan = AssetPlan::new(existing());
    let seen = ingest(plan, &["404"]);
    assert_eq!(seen.result(), "NotFound in processing; asset a");
    assert_eq!(seen.log, ["started processing a -", "0 GET /assets/a"]);
}

#[test]
fn lost_indexed_asset_of_this_process_is_not_created_again() {
    let plan = AssetPlan::new(existing()).with_index(Some("i".into()));
    let seen = ingest(plan, &[ASSET_READY, INDEXED_CREATED, "404"]);
    let expected = "NotFound in indexing; asset a; indexed asset x";
    assert_eq!(seen.result(), expected);
}

/// Checks whether a create request that ends with `response` is recorded as one that created
/// nothing.
#[track_caller]
fn check_not_created(response: &str, expected: bool, result: &str) {
    let plan = |upload| AssetPlan::new(upload).with_reconcile(Reconcile::Never);
    let seen = ingest(plan(whole()), &[response]);
    assert_eq!(seen.result(), format!("{result} in upload"));
    let last = seen.log.last().unwrap();
    assert_eq!(last == r#"record "not_created""#, expected, "{last}");
    let seen = ingest(
        plan(existing()).with_index(Some("i".into())),
        &[ASSET_READY, response],
    );
    assert_eq!(seen.result(), format!("{result} in indexing; asset a"));
    let last = seen.log.last().unwrap();
    assert_eq!(last == r#"record "not_indexed""#, expected, "{last}");
}

#[test]
fn only_certain_failures_are_recorded_as_not_created() {
    check_not_created("400", true, "Refused");
    check_not_created("429", true, "RateLimited");
    check_not_created("lost", false, "OutcomeUnknown");
    check_not_created("200 <html>", false, "Malformed");
}

#[test]
fn chunks_need_two_exchanges_beside_the_concurrency() {
    let most = |upload| IngestAsset::new(AssetPlan::new(upload), &base(), Policy::default(), 1);
    for (concurrency, expected) in [(0, 3), (1, 3), (2, 4), (8, 10)] {
        assert_eq!(most(chunks(concurrency)).max_in_flight(), expected);
        let resumed = AssetUpload::Resumed {
            asset_id: "a".into(),
            indexed_asset_id: None,
            is_indexing: false,
            fallback: Box::new(chunks(concurrency)),
        };
        assert_eq!(most(resumed).max_in_flight(), expected);
    }
    assert_eq!(most(whole()).max_in_flight(), 1);
}

/// Cancels an ingestion after `responses`. The deadline of its wait is before the next poll.
fn cancel(plan: AssetPlan, responses: &[&str]) -> (String, String) {
    let wait = WaitPolicy::within(Duration::from_secs(10));
    let wait = wait.with_first_interval(Duration::from_secs(20));
    let (mut flow, _) = flow(plan.with_wait(Some(wait)));
    for response in responses {
        let Step::Start(token, _) = flow.step(at(Duration::ZERO)) else {
            panic!("it sends a request");
        };
        flow.on_outcome(at(Duration::ZERO), token, outcome(response));
    }
    assert!(matches!(
        flow.step(at(Duration::ZERO)),
        Step::Wait { until: Some(_) }
    ));
    let result = CanceledRun::new(at(Duration::ZERO), []).finish(flow);
    let log = Vec::new();
    let seen = Seen { log, result };
    (seen.result(), seen.result.unwrap_err().to_string())
}

#[test]
fn canceled_wait_is_not_a_passed_deadline() {
    let plan = AssetPlan::new(existing()).with_index(Some("i".into()));
    let (result, text) = cancel(AssetPlan::new(existing()), &[ASSET_PROCESSING]);
    assert_eq!(result, "Canceled in processing; asset a", "{text}");
    let (result, text) = cancel(plan, &[ASSET_READY, INDEXED_CREATED, INDEXING]);
    let expected = "Canceled in indexing; asset a; indexed asset x";
    assert_eq!(result, expected, "{text}");
}

#[test]
fn canceled_upload_in_chunks_can_be_resumed() {
    let (mut flow, _) = flow(AssetPlan::new(chunks(1)));
    let now = at(Duration::ZERO);
    let Step::Start(token, _) = flow.step(now) else {
        panic!("it creates a session");
    };
    let result = CanceledRun::new(now, [token]).finish(flow);
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Canceled);
    assert!(error.to_string().contains("can be resumed"), "{error}");
}

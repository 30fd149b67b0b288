//! Tests of the builder against a scripted platform: what is sent, what the rows know, and what is
//! not sent.

use std::{
    collections::VecDeque,
    io::Read,
    sync::Mutex,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::{BlockingTransport, ClientSettings, ErrorKind, Flow, Now, Step};

const TASK: &str = "6298d673f1090f1100476d4d";

/// A transport that answers from a script and records the requests.
#[derive(Debug, Default)]
struct Script {
    responses: Mutex<VecDeque<(u16, Value)>>,
    requests: Mutex<Vec<String>>,
}

impl Transport for Script {
    type Output<'a, R: Send + 'a> = R;
    type Stream<'a, F: tl_http::Feed + 'a> = ();

    fn stream<'a, F: tl_http::Feed + 'a>(&self, _: F) {
        panic!("no answer is streamed here");
    }

    fn run<'a, F: Flow + 'a>(&self, flow: F) -> F::Output {
        self.run_now(flow)
    }
}

impl BlockingTransport for Script {
    fn run_now<F: Flow>(&self, mut flow: F) -> F::Output {
        let mut at = Duration::ZERO;
        loop {
            let now = Now::new(at, SystemTime::UNIX_EPOCH);
            match flow.step(now) {
                Step::Done(output) => return output,
                Step::Wait { until } => at = until.expect("nothing is in flight"),
                Step::Start(token, exchange) => {
                    let path = exchange
                        .http
                        .uri()
                        .path()
                        .trim_start_matches("/v1.3")
                        .to_owned();
                    let mut body = String::new();
                    let mut reader = exchange.http.body().reader();
                    reader.read_to_string(&mut body).unwrap();
                    let line = format!("{} {path} {body}", exchange.http.method());
                    self.requests.lock().unwrap().push(line.trim().to_owned());
                    let (status, body) = self.responses.lock().unwrap().pop_front().unwrap();
                    let response = http::Response::builder().status(status);
                    let response = response.body(Bytes::from(body.to_string())).unwrap();
                    flow.on_outcome(now, token, Ok(response));
                }
            }
        }
    }
}

fn client(responses: impl IntoIterator<Item = (u16, Value)>) -> Client<Script> {
    let base = "https://api.twelvelabs.io/v1.3".parse().unwrap();
    let script = Script {
        responses: Mutex::new(responses.into_iter().collect()),
        ..Script::default()
    };
    Client::new(script, ClientSettings::new(base, 1))
}

fn sent(client: &Client<Script>) -> Vec<String> {
    client.transport().requests.lock().unwrap().clone()
}

fn asset() -> EmbeddingSource {
    EmbeddingSource::asset("6298d673f1090f1100476d4c")
}

fn rows() -> Value {
    json!([
        { "embedding": [1, 0], "embedding_option": "visual", "embedding_scope": "clip", "start_sec": 0, "end_sec": 6 },
        { "embedding": [0, 1], "embedding_option": "audio", "embedding_scope": "clip", "start_sec": 0, "end_sec": 6 },
    ])
}

#[test]
fn rows_know_where_they_come_from() {
    let client = client([(200, json!({ "data": rows() }))]);
    let result = client
        .embed("marengo3.0")
        .video(asset())
        .fixed(6)
        .run()
        .unwrap();
    let origin = result.data.rows()[1].origin.as_deref().unwrap();
    assert_eq!(
        origin.asset.as_ref().unwrap().as_str(),
        "6298d673f1090f1100476d4c"
    );
    assert_eq!(
        (origin.task.as_ref(), origin.model.as_ref()),
        (None, Some(&ModelName::Marengo3_0))
    );
    assert_eq!(
        sent(&client),
        [concat!(
            r#"POST /embed-v2 {"input_type":"video","model_name":"marengo3.0","video":{"media_source":"#,
            r#"{"asset_id":"6298d673f1090f1100476d4c"},"segmentation":{"fixed":{"duration_sec":6},"strategy":"fixed"}}}"#
        )]
    );
}

#[test]
fn a_task_is_created_once_and_can_be_resumed() {
    let working = json!({ "_id": TASK, "status": "processing", "data": null });
    let ready =
        json!({ "_id": TASK, "status": "ready", "data": rows(), "metadata": { "duration": 6 } });
    let responses = [
        (202, json!({ "_id": TASK, "status": "processing" })),
        (200, working.clone()),
        (503, json!({})),
        (200, ready.clone()),
    ];
    let client = client(responses.clone());
    let result = client
        .embed("marengo3.0")
        .video(asset())
        .run_task(WaitPolicy::default())
        .unwrap();
    let origin = result.data.rows()[0].origin.as_deref().unwrap();
    assert_eq!(origin.task.as_ref().unwrap().as_str(), TASK);
    assert_eq!(result.metadata.unwrap()["duration"], 6);
    let get = format!("GET /embed-v2/tasks/{TASK}");
    let requests = sent(&client);
    assert!(
        requests[0].starts_with("POST /embed-v2/tasks "),
        "{requests:?}"
    );
    assert_eq!(requests[1..], [get.clone(), get.clone(), get.clone()]);

    // Another process, which knows the task only.
    let client = self::client([(200, working), (200, ready)]);
    let result = client
        .embed("marengo3.0")
        .resume(TASK, WaitPolicy::default())
        .unwrap();
    assert_eq!(
        (result.data.len(), result.data.model()),
        (2, Some(&ModelName::Marengo3_0))
    );
    assert_eq!(sent(&client), [get.clone(), get]);
}

#[test]
fn errors_of_a_task_name_it() {
    let failed = json!({ "_id": TASK, "status": "failed", "error": { "message": "no video" } });
    let client = client([(202, json!({ "_id": TASK })), (200, failed)]);
    let error = client
        .embed("marengo3.0")
        .video(asset())
        .run_task(WaitPolicy::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProcessingFailed);
    assert!(error.to_string().contains("no video"), "{error}");

    let working = || (200, json!({ "_id": TASK, "status": "processing" }));
    let responses = std::iter::once((202, json!({ "_id": TASK }))).chain((0..9).map(|_| working()));
    let client = self::client(responses);
    let policy = WaitPolicy::within(Duration::from_secs(3));
    let error = client
        .embed("marengo3.0")
        .video(asset())
        .run_task(policy)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlinePassed);
    assert!(error.to_string().contains(TASK), "{error}");
}

#[test]
fn a_request_that_breaks_a_rule_is_not_sent() {
    let client = client([]);
    let old = || client.embed("marengo3.0");
    let new = || client.embed("marengo3.5");
    let refused = [
        old().run(),
        old().text(" ").run(),
        client.embed("marengo2.7").text("goal").run(),
        old().text("goal").dimension(256).run(),
        old().text("goal").with_uncertainty().run(),
        old().video(asset()).fixed(11).run(),
        old().video(asset()).dynamic(6).run(),
        old().audio(asset()).dynamic(4).run(),
        old().audio(asset()).options(["visual"]).run(),
        old().video(asset()).options(["smell"]).run(),
        old().video(asset()).window(0.0, 601.0).run(),
        old().video(asset()).window(9.0, 8.0).run(),
        old().video(asset()).options(["visual"]).fused().run(),
        old().video(EmbeddingSource::default()).run(),
        old().image(asset()).fixed(6).run(),
        old().text("goal").run_task(WaitPolicy::default()),
        new()
            .video(asset())
            .options(["transcription"])
            .run_task(WaitPolicy::default()),
        new()
            .video(asset())
            .scopes(["asset"])
            .with_uncertainty()
            .run_task(WaitPolicy::default()),
        new().text("goal").image(asset()).with_uncertainty().run(),
    ];
    let texts: Vec<String> = refused
        .into_iter()
        .map(|result| {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            error.to_string()
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n"));
    assert!(sent(&client).is_empty());
}

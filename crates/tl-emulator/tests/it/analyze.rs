//! Analyses, tasks and batches: on the pure handler, and streamed with faults to both clients.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tl_emulator::{
    Answers, Emulator, FaultPlan,
    platform::{Payload, Settings},
};
use tl_http_blocking::BlockingHttp;
use tl_model::{AnalyzeRequest, AnalyzeVideo};
use tl_protocol::{
    ApiKey, Client, ClientSettings, Credentials, ErrorKind, HttpSettings, Policy, Proxy,
    endpoint::{Analyze, CreateAnalyzeTask, StreamAnalysis},
};

use crate::{
    assets,
    raw::builder,
    world::{Response, World, facts},
};

fn text(response: &Response, name: &str) -> String {
    let found = response.body[name].as_str();
    found
        .unwrap_or_else(|| panic!("{name}: {response:?}"))
        .to_owned()
}

/// A ready video of this many seconds, as the member `video` of a request.
fn video(world: &mut World, key: &str, seconds: f64) -> Value {
    let sent = assets::send(world, key, "match.mp4", Ok(facts(640, 360, seconds)), &[]);
    let id = text(&sent, "_id");
    world.wait(1000);
    json!({"type": "asset_id", "asset_id": id})
}

fn goals() -> Value {
    let field = json!({"name": "team", "type": "string", "description": "who scores"});
    let goal = json!({"id": "goal", "description": "a goal", "fields": [field]});
    json!({"type": "segment_definitions", "segment_definitions": [goal]})
}

fn batch(requests: &[Value]) -> Value {
    json!({"model_name": "pegasus1.5", "analysis_mode": "general", "requests": requests,
        "defaults": {"prompt": {"input_text": "why?"}}})
}

/// Requests every operation, so that every documented field is returned.
pub(crate) fn every_operation(world: &mut World) {
    let short = video(world, "an-short", 20.0);
    let long = video(world, "an-long", 8000.0);
    let ask = |video: &Value| json!({"video": video, "prompt": "x".repeat(3000), "stream": false, "max_tokens": 512});
    assert_eq!(world.json("POST", "/analyze", &ask(&short)).status, 200);
    let tasks = "/analyze/tasks";
    let general = json!({"video": short, "prompt": "x".repeat(3000), "max_tokens": 512, "temperature": 0.5, "start_time": 1.5,
        "end_time": 9.5, "custom_id": "row-1", "response_format": {"type": "json_schema", "json_schema": {"type": "string"}}});
    let segments = json!({"video": {"type": "url", "url": "https://x.example/a.mp4"}, "analysis_mode": "time_based_metadata",
        "response_format": goals(), "min_segment_duration": 2.5, "max_segment_duration": 4.5});
    let truncated = json!({"video": short, "prompt": "x".repeat(3000), "max_tokens": 512});
    let mut created = Vec::new();
    for body in [&general, &segments, &truncated] {
        let task = world.json("POST", tasks, body);
        assert_eq!(task.status, 202, "{task:?}");
        created.push(text(&task, "task_id"));
    }
    let cancel = format!("{tasks}/{}/cancel", created[1]);
    assert_eq!(world.request("POST", &cancel, Payload::None).status, 200);
    let path = "/analyze/batches";
    let first = world.json(
        "POST",
        path,
        &batch(&[json!({"video": short, "custom_id": "a"})]),
    );
    let failing = world.json("POST", path, &batch(&[json!({"video": long})]));
    let canceled = world.json("POST", path, &batch(&[json!({"video": short})]));
    let expired = world.json("POST", path, &batch(&[json!({"video": short})]));
    let id = |batch: &Response| format!("{path}/{}", text(batch, "batch_id"));
    assert_eq!(
        world
            .request("POST", &format!("{}/cancel", id(&canceled)), Payload::None)
            .status,
        202
    );
    world.wait(2000);
    for task in &created {
        assert_eq!(world.get(&format!("{tasks}/{task}")).status, 200);
    }
    let item = expired.body["items"][0]["task_id"].as_str().unwrap();
    assert_eq!(world.get(&format!("{tasks}/{item}")).status, 200);
    assert_eq!(world.get(&format!("{tasks}?page_limit=50")).status, 200);
    for batch in [&first, &failing, &canceled] {
        assert_eq!(world.get(&id(batch)).status, 200);
        assert_eq!(world.get(&format!("{}/results", id(batch))).status, 200);
    }
    assert_eq!(world.get(path).status, 200);
    assert_eq!(
        world.request("DELETE", &id(&first), Payload::None).status,
        204
    );
    assert_eq!(
        world
            .request("DELETE", &format!("{tasks}/{}", created[0]), Payload::None)
            .status,
        204
    );
}

#[test]
fn segments_are_regular_and_inside_the_window() {
    let mut world = World::new(Settings::default());
    let video = video(&mut world, "v", 60.0);
    let body = json!({"video": video, "analysis_mode": "time_based_metadata", "response_format": goals(),
        "start_time": 10.0, "end_time": 35.0});
    let task = text(&world.json("POST", "/analyze/tasks", &body), "task_id");
    world.wait(2000);
    let task = world.get(&format!("/analyze/tasks/{task}"));
    let data: Value = serde_json::from_str(task.body["result"]["data"].as_str().unwrap()).unwrap();
    let times = data["goal"].as_array().unwrap().iter();
    let times: Vec<_> = times
        .map(|s| {
            (
                s["start_time"].as_f64().unwrap(),
                s["end_time"].as_f64().unwrap(),
            )
        })
        .collect();
    assert_eq!(times, [(10.0, 20.0), (20.0, 30.0), (30.0, 35.0)]);
    assert!(data["goal"][0]["metadata"]["team"].is_string());
}

#[test]
fn batch_expires_after_a_day_and_cancels_its_items() {
    let mut settings = Settings::default();
    settings.schedule = tl_emulator::Schedule::every(Duration::from_secs(100_000));
    let mut world = World::new(settings);
    let sent = assets::send(&mut world, "v", "a.mp4", Ok(facts(640, 360, 20.0)), &[]);
    let id = text(&sent, "_id");
    world.wait(100_000_000);
    let video = json!({"type": "asset_id", "asset_id": id});
    let created = world.json(
        "POST",
        "/analyze/batches",
        &batch(&[json!({"video": video})]),
    );
    let path = format!("/analyze/batches/{}", text(&created, "batch_id"));
    assert_eq!(world.get(&path).body["status"], "pending");
    world.wait(86_400_000);
    let expired = world.get(&path);
    assert_eq!(expired.body["status"], "expired");
    assert_eq!(expired.body["canceled_items"], 1);
    assert_eq!(
        world.get(&format!("{path}/results")).body["status"],
        "canceled"
    );
}

fn request(prompt: &str) -> AnalyzeRequest {
    let mut request = AnalyzeRequest::default();
    request.video = Some(AnalyzeVideo::Url("https://x.example/a.mp4".to_owned()));
    request.prompt = Some(prompt.to_owned());
    request
}

fn blocking(emulator: &Emulator) -> Client<BlockingHttp> {
    let key = ApiKey::new(&emulator.api_key()).unwrap();
    let mut http = HttpSettings::new(Credentials::new(key, emulator.base_url()).unwrap());
    http.proxy = Proxy::Direct;
    let transport = BlockingHttp::new(http).unwrap();
    let policy = Policy::default().with_base_delay(Duration::from_millis(1));
    let settings = ClientSettings::new(emulator.base_url(), 1).with_policy(policy);
    Client::new(transport, settings)
}

fn with_fault(fault: &str) -> Emulator {
    let mut answers = Answers::new();
    let fixtures = json!({"fixtures": [{"answer": "é one two three four five six seven eight nine ten eleven"}]});
    answers.add_fixtures(&fixtures.to_string()).unwrap();
    let emulator = builder().answers(answers).start_blocking().unwrap();
    if !fault.is_empty() {
        let plan = json!({"faults": [serde_json::to_value(fault.parse::<tl_emulator::Fault>().unwrap()).unwrap()]});
        emulator
            .set_faults(FaultPlan::from_json(&plan.to_string()).unwrap())
            .unwrap();
    }
    emulator
}

/// Each fault of a stream, as a client sees it: the text, and how the stream ended.
#[test]
fn stream_faults_reach_the_client() {
    let whole = "é one two three four five six seven eight nine ten eleven";
    for (fault, is_whole, kind) in [
        ("", true, None),
        ("analyze split_bytes=1", true, None),
        ("analyze no_final_newline", true, None),
        ("analyze event_gap_ms=1", true, None),
        ("analyze omit_end", true, Some(ErrorKind::Interrupted)),
        (
            "analyze cut_after_events=2",
            false,
            Some(ErrorKind::Interrupted),
        ),
        ("analyze garble_event=2", false, Some(ErrorKind::Malformed)),
        ("analyze error_event=3", false, Some(ErrorKind::Interrupted)),
    ] {
        let emulator = with_fault(fault);
        let mut seen = String::new();
        let mut ended = None;
        for event in blocking(&emulator).stream(&StreamAnalysis::new(request("why?"))) {
            match event {
                Ok(event) => seen.push_str(&event.text.unwrap_or_default()),
                Err(error) => ended = Some(error.kind()),
            }
        }
        assert_eq!(ended, kind, "{fault}");
        assert_eq!(seen == whole, is_whole, "{fault}: {seen}");
        assert!(whole.starts_with(&seen), "{fault}: {seen}");
    }
}

#[test]
fn lost_create_of_a_task_is_repeated_with_the_same_key() {
    let emulator = with_fault("analyze_async.tasks.create nth=1 lose_answer");
    let client = blocking(&emulator);
    let created = client
        .call(CreateAnalyzeTask::new(request("why?")))
        .unwrap();
    let listed = client
        .call(tl_protocol::endpoint::ListAnalyzeTasks::default())
        .unwrap();
    assert_eq!(listed.data.len(), 1, "created twice");
    assert_eq!(listed.data[0].task_id, created.task_id);
    // Without a key, the outcome is not known, and nothing is sent again.
    let emulator = with_fault("analyze nth=1 lose_answer");
    let error = blocking(&emulator)
        .call(Analyze::new(request("why?")))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(emulator.journal().len(), 1);
}

#[test]
fn payload_of_a_keyed_request_is_compared() {
    let mut world = World::new(Settings::default());
    let send = |world: &mut World, key: &str, prompt: &str| {
        let body =
            json!({"video": {"type": "url", "url": "https://x.example/a.mp4"}, "prompt": prompt});
        let request = http::Request::post("/v1.3/analyze/tasks")
            .header("x-api-key", crate::world::KEY)
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(Payload::Json(Bytes::from(body.to_string())))
            .unwrap();
        let response = world.handle(request).response;
        (
            response.status().as_u16(),
            String::from_utf8(response.body().to_vec()).unwrap(),
        )
    };
    let first = send(&mut world, "k", "why?");
    assert_eq!(first.0, 202);
    assert_eq!(send(&mut world, "k", "why?"), first);
    assert_eq!(send(&mut world, "k", "how?").0, 409);
    assert_ne!(send(&mut world, "other", "why?").1, first.1);
    assert_eq!(send(&mut world, "", "why?").0, 400);
    // A key is forgotten after a day.
    world.wait(86_400_000);
    assert_eq!(send(&mut world, "k", "how?").0, 202);
}

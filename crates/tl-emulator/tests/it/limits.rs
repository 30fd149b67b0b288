//! Plan limits, with a manual clock.

use serde_json::json;
use tl_emulator::platform::{Payload, Plan, Settings};
use tl_protocol::limiter::{Limits, Preset};

use crate::world::{KEY, World, facts, text};

fn on(plan: &str) -> World {
    let mut settings = Settings::default();
    settings.plan = Plan::named(plan).unwrap();
    World::new(settings)
}

/// Creates a task by URL and returns the status, the code and the rate limit headers.
fn create(world: &mut World, index: &str) -> (u16, String, Vec<String>) {
    let fields = vec![
        text("index_id", index),
        text("video_url", "http://example.com/a.mp4"),
    ];
    let request = http::Request::builder()
        .method("POST")
        .uri("/v1.3/tasks")
        .header("x-api-key", KEY)
        .header("content-type", "multipart/form-data; boundary=x")
        .body(Payload::Form {
            fields,
            uploads: Vec::new(),
        })
        .unwrap();
    let reply = world.handle(request);
    let headers = reply.response.headers().iter();
    let mut limits: Vec<String> = headers
        .filter(|(name, _)| name.as_str().contains("ratelimit") || *name == "retry-after")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    limits.sort();
    let code = reply
        .refusal
        .map(|code| code.to_string())
        .unwrap_or_default();
    (reply.response.status().as_u16(), code, limits)
}

#[test]
fn free_plan_allows_sixty_requests_per_minute() {
    let mut world = on("free");
    let index = world.index("clips");
    world.wait(15_000);
    for at in 1..=60 {
        assert_eq!(create(&mut world, &index).0, 201, "{at}");
    }
    let (status, code, headers) = create(&mut world, &index);
    assert_eq!((status, code.as_str()), (429, "too_many_requests"));
    insta::assert_snapshot!(headers.join("\n"), @r"
    retry-after: 45
    x-ratelimit-duration-reset: 1795266000
    x-ratelimit-limit: 60
    x-ratelimit-remaining: 0
    x-ratelimit-request-remaining: 0
    x-ratelimit-request-reset: 1795262460
    x-ratelimit-reset: 1795262460
    x-ratelimit-used: 60
    ");
    assert_eq!(world.get("/tasks").status, 200, "lists are not counted");
    world.wait(45_000);
    let (status, _, headers) = create(&mut world, &index);
    assert_eq!(status, 201);
    assert!(
        headers.contains(&"x-ratelimit-remaining: 59".to_owned()),
        "{headers:?}"
    );
}

#[test]
fn video_minutes_are_limited_per_hour_and_in_total() {
    let mut world = on("developer-1");
    let index = world.index("clips");
    let upload = |world: &mut World, hours: f64| {
        world.upload(&index, "a.mp4", Ok(facts(640, 360, hours * 3600.0)), &[])
    };
    for _ in 0..5 {
        assert_eq!(upload(&mut world, 2.0).status, 201);
    }
    let refused = upload(&mut world, 0.1);
    assert_eq!(
        (refused.status, refused.body["code"].as_str()),
        (429, Some("too_many_requests"))
    );
    let message = refused.body["message"].as_str().unwrap();
    assert!(
        message.contains("600 minutes of video per hour"),
        "{message}"
    );
    world.wait(3_600_000);
    assert_eq!(upload(&mut world, 2.0).status, 201);

    let mut world = on("free");
    let (index, other) = (world.index("clips"), world.index("others"));
    for _ in 0..2 {
        assert_eq!(
            world
                .upload(&index, "a.mp4", Ok(facts(640, 360, 4.0 * 3600.0)), &[])
                .status,
            201
        );
    }
    world.wait(3_600_000);
    // Ten hours per index, and ten hours in total.
    let full = world.upload(&index, "a.mp4", Ok(facts(640, 360, 3.0 * 3600.0)), &[]);
    assert_eq!(
        (full.status, full.body["code"].as_str()),
        (400, Some("usage_limit_exceeded"))
    );
    assert_eq!(
        world
            .upload(&other, "a.mp4", Ok(facts(640, 360, 2.0 * 3600.0)), &[])
            .status,
        201
    );
    let used = world.upload(&other, "a.mp4", Ok(facts(640, 360, 10.0)), &[]);
    assert_eq!(
        (used.status, used.body["code"].as_str()),
        (400, Some("usage_limit_exceeded"))
    );
    assert_eq!(
        world
            .upload(&other, "a.mp4", Ok(facts(320, 180, 10.0)), &[])
            .body["code"],
        "video_resolution_too_low"
    );
}

#[test]
fn tasks_beyond_the_concurrency_limit_are_queued() {
    let mut world = on("free");
    let index = world.index("clips");
    let tasks: Vec<String> = (0..7).map(|_| world.task(&index, "a.mp4").0).collect();
    world.wait(800);
    let seen: Vec<String> = tasks.iter().map(|task| world.status(task)).collect();
    assert_eq!(
        seen,
        [
            "ready", "ready", "ready", "ready", "ready", "indexing", "indexing"
        ]
    );
    world.wait(200);
    assert_eq!(world.status(&tasks[6]), "ready");
}

#[test]
fn free_plan_index_expires() {
    let mut world = on("free");
    let index = world.index("clips");
    assert_eq!(
        world.get(&format!("/indexes/{index}")).body["expires_at"],
        "2027-02-19T12:00:00.000Z"
    );
}

/// Sends JSON and returns the status, the body as text, and the value of `Retry-After`.
fn post(world: &mut World, path: &str, body: &serde_json::Value) -> (u16, String, Option<String>) {
    let request = http::Request::builder()
        .method("POST")
        .uri(format!("/v1.3{path}"))
        .header("x-api-key", KEY)
        .header("content-type", "application/json")
        .body(Payload::Json(body.to_string().into()))
        .unwrap();
    let response = world.handle(request).response;
    let after = response.headers().get("retry-after");
    let after = after.map(|after| after.to_str().unwrap().to_owned());
    let text = String::from_utf8(response.body().to_vec()).unwrap();
    (response.status().as_u16(), text, after)
}

#[test]
fn classes_of_model_requests_have_their_own_limits_and_forms() {
    let mut world = on("free");
    world.wait(15_000);
    let text =
        json!({"input_type": "text", "model_name": "marengo3.0", "text": {"input_text": "a"}});
    // Video is counted apart from text, although the requests are refused for another reason.
    let video = json!({"input_type": "video", "model_name": "marengo3.0", "video":
        {"media_source": {"asset_id": "6298d673f1090f1100476d4c"}}});
    for at in 1..=25 {
        assert_ne!(post(&mut world, "/embed-v2", &video).0, 429, "{at}");
    }
    let (status, body, after) = post(&mut world, "/embed-v2/tasks", &video);
    assert_eq!((status, after.as_deref()), (429, Some("45")));
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["error"]["code"], "RATE_LIMIT_EXCEEDED");
    assert!(body["error"]["details"].is_object(), "{body}");
    assert_eq!(post(&mut world, "/embed-v2", &text).0, 200);

    // Analyses: 60 requests per minute; the body of the refusal is empty.
    let analysis = json!({"model_name": "pegasus1.5", "prompt": "Why?", "stream": false, "end_time": 60,
        "video": {"type": "url", "url": "https://example.com/a.mp4"}});
    for at in 1..=60 {
        assert_eq!(post(&mut world, "/analyze", &analysis).0, 200, "{at}");
    }
    let refused = post(&mut world, "/analyze/tasks", &analysis);
    assert_eq!(refused, (429, String::new(), Some("45".to_owned())));
}

#[test]
fn minutes_of_analyses_are_limited_per_definition() {
    let mut world = on("developer-1");
    let ask = |world: &mut World, definitions: usize| {
        let definitions: Vec<_> = (0..definitions)
            .map(|at| json!({"id": format!("d{at}"), "description": "a goal"}))
            .collect();
        let task = json!({"model_name": "pegasus1.5", "analysis_mode": "time_based_metadata",
            "response_format": {"type": "segment_definitions", "segment_definitions": definitions},
            "end_time": 3600, "video": {"type": "url", "url": "https://example.com/a.mp4"}});
        post(world, "/analyze/tasks", &task)
    };
    // 600 minutes per hour are ten hours: ten windows of one hour.
    assert_eq!(ask(&mut world, 9).0, 202);
    let (status, body, after) = ask(&mut world, 2);
    assert_eq!((status, body.as_str()), (429, ""));
    assert!(after.is_some());
    assert_eq!(ask(&mut world, 1).0, 202);
    world.wait(3_600_000);
    assert_eq!(ask(&mut world, 9).0, 202);
}

#[test]
fn client_limiter_has_the_same_plans() {
    let names = |names: &mut dyn Iterator<Item = &'static str>| names.collect::<Vec<_>>();
    assert_eq!(
        names(&mut Preset::ALL.iter().map(|preset| preset.name)),
        names(&mut Plan::ALL.iter().map(|plan| plan.name))
    );
    for plan in Plan::ALL {
        let limits = Limits::named(plan.name).unwrap();
        // The emulator counts both categories against the same limits.
        let uploads = (limits.uploads_per_minute, limits.uploads_per_day);
        let index = (
            limits.index_requests_per_minute,
            limits.index_requests_per_day,
        );
        let expected = (plan.requests_per_minute, plan.requests_per_day);
        assert_eq!((uploads, index), (expected, expected), "{}", plan.name);
        assert_eq!(
            (
                limits.minutes_per_hour,
                limits.minutes_per_day,
                limits.total_minutes
            ),
            (
                plan.minutes_per_hour,
                plan.minutes_per_day,
                plan.total_minutes
            ),
            "{}",
            plan.name
        );
        let tasks = limits.concurrent_tasks.map(|tasks| tasks as usize);
        assert_eq!(tasks, plan.concurrent_tasks, "{}", plan.name);
    }
}

//! A platform with a manual clock and helpers for requests.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::{Value, json};
use tl_emulator::platform::{
    Effect, MediaKey, Operation, Payload, Platform, Quirks, Reply, Settings, Upload,
};
use tl_protocol::{
    BytesSource, Now,
    endpoint::{Field, FieldValue},
};
use tl_validate::{MediaFacts, ProbeError, VideoStream};

use crate::conformance;

pub(crate) const KEY: &str = "tlk_emulator_test";

pub(crate) struct World {
    pub(crate) platform: Platform,
    now: Now,
    pub(crate) effects: Vec<Effect>,
    /// All responses so far, with the names of their operations.
    pub(crate) responses: Vec<(String, Response)>,
    files: u32,
}

/// A decoded response.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        // 2026-11-21T12:00:00Z
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_262_400);
        Self {
            platform: Platform::new(settings),
            now: Now::new(Duration::ZERO, wall),
            effects: Vec::new(),
            responses: Vec::new(),
            files: 0,
        }
    }

    pub(crate) fn now(&self) -> Now {
        self.now
    }

    pub(crate) fn wait(&mut self, millis: u64) {
        let by = Duration::from_millis(millis);
        self.now = Now::new(self.now.mono + by, self.now.wall + by);
    }

    pub(crate) fn handle(&mut self, request: http::Request<Payload>) -> Reply {
        let mut reply = self.platform.handle(self.now, request);
        self.effects.append(&mut reply.effects);
        self.check(&reply);
        reply
    }

    /// Panics if a response does not match the platform's description. Responses changed by a fault
    /// or quirk are not checked.
    fn check(&mut self, reply: &Reply) {
        if reply.faults.is_empty() && self.platform.settings().quirks == Quirks::default() {
            let response = read(reply);
            conformance::check(reply.operation, &response);
            let operation = reply.operation.map(Operation::as_str).unwrap_or_default();
            self.responses.push((operation.to_owned(), response));
        }
    }

    pub(crate) fn request(&mut self, method: &str, path: &str, payload: Payload) -> Response {
        let content_type = match payload {
            Payload::Json(_) => "application/json",
            Payload::Form { .. } => "multipart/form-data; boundary=x",
            _ => "",
        };
        let request = http::Request::builder()
            .method(method)
            .uri(format!("/v1.3{path}"))
            .header("x-api-key", KEY)
            .header("content-type", content_type)
            .body(payload)
            .unwrap();
        let reply = self.handle(request);
        read(&reply)
    }

    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.request("GET", path, Payload::None)
    }

    pub(crate) fn json(&mut self, method: &str, path: &str, body: &Value) -> Response {
        self.request(method, path, Payload::Json(Bytes::from(body.to_string())))
    }

    pub(crate) fn index(&mut self, name: &str) -> String {
        let body = json!({
            "index_name": name,
            "models": [{ "model_name": "marengo3.0", "model_options": ["visual", "audio"] }],
        });
        let response = self.json("POST", "/indexes", &body);
        assert_eq!(response.status, 201, "{response:?}");
        response.body["_id"].as_str().unwrap().to_owned()
    }

    /// Uploads a video with the probe result `probe`.
    pub(crate) fn upload(
        &mut self,
        index: &str,
        filename: &str,
        probe: Result<MediaFacts, ProbeError>,
        texts: &[(&str, &str)],
    ) -> Response {
        self.files += 1;
        let bytes = probe.as_ref().map_or(1000, |facts| facts.file_size_bytes);
        let upload = Upload::new(
            "video_file",
            filename,
            MediaKey::new(format!("file{}", self.files)),
            bytes,
            probe,
        );
        let mut fields = vec![text("index_id", index)];
        fields.extend(texts.iter().map(|(name, value)| text(name, value)));
        fields.push(Field::new(
            "video_file".to_owned(),
            FieldValue::File(std::sync::Arc::new(BytesSource::new(
                filename,
                Bytes::new(),
            ))),
        ));
        self.request(
            "POST",
            "/tasks",
            Payload::Form {
                fields,
                uploads: vec![upload],
            },
        )
    }

    /// Creates a task with a valid video.
    pub(crate) fn task(&mut self, index: &str, filename: &str) -> (String, String) {
        let response = self.upload(index, filename, Ok(facts(640, 360, 12.0)), &[]);
        assert_eq!(response.status, 201, "{response:?}");
        let id = |name: &str| response.body[name].as_str().unwrap().to_owned();
        (id("_id"), id("video_id"))
    }

    pub(crate) fn form(&mut self, texts: &[(&str, &str)]) -> Response {
        let fields = texts
            .iter()
            .map(|(name, value)| text(name, value))
            .collect();
        self.request(
            "POST",
            "/tasks",
            Payload::Form {
                fields,
                uploads: Vec::new(),
            },
        )
    }

    pub(crate) fn status(&mut self, task: &str) -> String {
        let response = self.get(&format!("/tasks/{task}"));
        response.body["status"]
            .as_str()
            .unwrap_or("none")
            .to_owned()
    }
}

pub(crate) fn text(name: &str, value: &str) -> Field {
    Field::new(name.to_owned(), FieldValue::Text(value.to_owned()))
}

pub(crate) fn read(reply: &Reply) -> Response {
    let body = reply.response.body();
    let content_type = reply.response.headers().get("content-type");
    let body = if body.is_empty() {
        Value::Null
    } else if content_type.is_some_and(|kind| kind == "text/event-stream") {
        Value::String(String::from_utf8(body.to_vec()).unwrap())
    } else {
        serde_json::from_slice(body).unwrap()
    };
    Response {
        status: reply.response.status().as_u16(),
        body,
    }
}

/// Facts of a video with this frame size and duration, with 1000 bytes per second.
pub(crate) fn facts(width: u32, height: u32, seconds: f64) -> MediaFacts {
    let stream = VideoStream::default().with(|video| {
        video.codec = "h264".to_owned();
        video.width = width;
        video.height = height;
        video.fps = Some(25.0);
    });
    MediaFacts::default().with(|facts| {
        facts.file_size_bytes = (seconds * 1000.0) as u64;
        facts.duration_seconds = Some(seconds);
        facts.video_streams = vec![stream];
    })
}

//! The emulator: requests of clients, and files of users.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::Value;
use tl_emulator::platform::{Payload, Platform, Settings};
use tl_emulator::{Answers, FaultPlan, Seed};
use tl_protocol::Now;

use crate::input;

const SEED: &str =
    r#"{"indexes": [{"index_name": "sport", "videos": [{"filename": "match.mp4"}]}]}"#;

fn now() -> Now {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_262_400);
    Now::new(Duration::ZERO, wall)
}

/// Texts about media files: subtitles, sidecars, fixtures. What is refused changes nothing.
pub(crate) fn sidecar(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut answers = Answers::new();
    let results = [
        answers.add_subtitles("match.mp4", None, &text),
        answers.add_sidecar("match.mp4", None, &text),
        answers.add_fixtures(&text),
    ];
    for error in results.into_iter().filter_map(Result::err) {
        assert!(!error.to_string().is_empty());
    }
    let mut platform = Platform::new(Settings::default());
    let seed: Seed = serde_json::from_str(SEED).expect("a seed");
    platform.seed(now(), &seed).expect("a seed");
}

/// A series of requests, separated by NUL: method, path and query in the first line, then a JSON
/// body. The platform always responds, with a documented error at most.
pub(crate) fn requests(data: &[u8]) {
    let mut platform = Platform::new(Settings::default());
    let seed: Seed = serde_json::from_str(SEED).expect("a seed");
    platform.seed(now(), &seed).expect("a seed");
    let mut rest = data;
    for _ in 0..8 {
        let request;
        (request, rest) = input::split(rest);
        let at = request.iter().position(|byte| *byte == b'\n');
        let (line, body) = request.split_at(at.unwrap_or(request.len()));
        let line = String::from_utf8_lossy(line);
        let (method, path) = line.split_once(' ').unwrap_or(("GET", &line));
        let body = body.get(1..).unwrap_or_default();
        let (payload, kind) = if body.is_empty() {
            (Payload::None, "")
        } else {
            (
                Payload::Json(Bytes::copy_from_slice(body)),
                "application/json",
            )
        };
        let request = http::Request::builder()
            .method(method)
            .uri(format!("/v1.3{path}"))
            .header("x-api-key", "tlk_emulator_test")
            .header("content-type", kind)
            .body(payload);
        let Ok(request) = request else {
            continue;
        };
        let reply = platform.handle(now(), request);
        let status = reply.response.status().as_u16();
        let allowed = (200..500).contains(&status) || status == 501;
        assert!(allowed, "{line}: {status}");
    }
}

/// Plans of faults, seeds, and exports of the state. An export that is accepted can be exported
/// again, and imported again.
pub(crate) fn state(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(plan) = FaultPlan::from_json(&text) {
        drop(Platform::new(Settings::default()).set_faults(plan));
    }
    if let Ok(seed) = serde_json::from_str::<Seed>(&text) {
        let _ = Platform::new(Settings::default()).seed(now(), &seed);
    }
    if let Ok(value) = serde_json::from_str::<Value>(&text) {
        let mut platform = Platform::new(Settings::default());
        if platform.import(&value).is_ok() {
            let export = platform.export();
            let mut again = Platform::new(Settings::default());
            again.import(&export).expect("own output");
            assert_eq!(again.export(), export);
        }
    }
}

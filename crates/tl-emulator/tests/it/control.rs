//! The control API: clock, webhooks, quirks, and access control.

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::Command,
    sync::mpsc,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};
use tl_emulator::{ClockMode, TimeLimits, exit_code};
use tl_protocol::webhook;

use crate::{
    clips::clip,
    raw::{builder, exchange, form, get, index, send_form, send_json},
};

#[test]
fn clock_is_read_set_and_advanced() {
    let emulator = builder().clock(ClockMode::Manual).start_blocking().unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let task = send_form(
        &emulator,
        &form(&[("index_id", &index)], Some(("a.mp4", &bytes))),
    )
    .json();
    let path = format!("/v1.3/tasks/{}", task["_id"].as_str().unwrap());
    let status = || {
        get(&emulator, &path).json()["status"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let advance = |body: Value| send_json(&emulator, "POST", "/_emulator/clock/advance", &body);
    assert_eq!(status(), "validating");
    assert_eq!(advance(json!({ "seconds": 0.25 })).status, 200);
    assert_eq!(status(), "pending");
    assert_eq!(advance(json!({ "until": "idle" })).status, 200);
    assert_eq!(status(), "ready");
    let mode = send_json(
        &emulator,
        "PUT",
        "/_emulator/clock",
        &json!({ "mode": "x60" }),
    );
    assert_eq!(mode.json()["mode"], "x60");
    for wrong in [
        json!({}),
        json!({ "seconds": -1 }),
        json!({ "seconds": 1, "until": "idle" }),
        json!({ "until": "noon" }),
    ] {
        let refused = advance(wrong);
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(refused.json()["message"].is_string());
    }
}

/// A webhook receiver that responds with `statuses`, one per attempt, and forwards the requests it
/// received.
pub(crate) fn webhook_receiver(statuses: &'static [u16]) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for (stream, status) in listener.incoming().zip(statuses) {
            let mut stream = stream.unwrap();
            let mut bytes = Vec::new();
            let mut piece = [0; 4096];
            loop {
                let count = stream.read(&mut piece).unwrap();
                bytes.extend_from_slice(&piece[..count]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
                if body.len() >= length.unwrap() {
                    break;
                }
            }
            write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            .unwrap();
            sender.send(String::from_utf8(bytes).unwrap()).unwrap();
        }
    });
    (url, requests)
}

#[test]
fn webhook_is_signed_and_retried_until_accepted() {
    let limits = TimeLimits::default().with_webhook_retry(Duration::from_millis(20));
    let emulator = builder().time_limits(limits).start_blocking().unwrap();
    let (url, requests) = webhook_receiver(&[500, 200]);
    let hook = send_json(
        &emulator,
        "POST",
        "/_emulator/webhooks",
        &json!({ "url": url, "secret": "whsec_1" }),
    );
    assert_eq!(hook.status, 201, "{hook:?}");
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let task = send_form(
        &emulator,
        &form(&[("index_id", &index)], Some(("a.mp4", &bytes))),
    )
    .json();

    let first = requests.recv_timeout(Duration::from_secs(10)).unwrap();
    let second = requests.recv_timeout(Duration::from_secs(10)).unwrap();
    let event =
        |text: &str| serde_json::from_str::<Value>(text.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(event(&first), event(&second));
    let body = event(&second);
    assert_eq!(
        (&body["type"], &body["data"]["id"]),
        (&json!("index.task.ready"), &task["_id"])
    );
    assert!(body["id"].as_str().unwrap().starts_with("whe_"), "{body}");
    assert!(
        body["created_at"].as_str().unwrap().ends_with("+00:00"),
        "{body}"
    );
    assert_eq!(
        body["data"]["models"],
        json!([{ "name": "marengo3.0", "options": ["visual", "audio"] }])
    );
    let signature = second
        .lines()
        .find_map(|line| line.strip_prefix("tl-signature: "))
        .unwrap();
    let raw = second.split_once("\r\n\r\n").unwrap().1.as_bytes();
    let (now, tolerance) = (SystemTime::now(), webhook::TOLERANCE);
    webhook::verify("whsec_1", signature, raw, now, tolerance).unwrap();
    // The delivery is recorded shortly after the receiver has responded.
    let started = Instant::now();
    let webhooks = loop {
        let webhooks = get(&emulator, "/_emulator/webhooks");
        let delivery = webhooks.json()["deliveries"][0].take();
        if delivery["delivered"] == json!(true) {
            assert_eq!(delivery["attempts"], 2, "{delivery}");
            assert_eq!(delivery["type"], "index.task.ready", "{delivery}");
            break webhooks;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{delivery}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(!String::from_utf8_lossy(&webhooks.body).contains("whsec"));
}

#[test]
fn cross_origin_requests_are_rejected() {
    let emulator = builder().start_blocking().unwrap();
    let host = format!("127.0.0.1:{}", emulator.base_url().port().unwrap());
    let request = |method: &str, headers: &str| {
        let path = if method == "GET" {
            "/_emulator/state"
        } else {
            "/_emulator/reset"
        };
        let text = format!("{method} {path} HTTP/1.1\r\n{headers}content-length: 0\r\n\r\n");
        exchange(&emulator, &text, b"").unwrap().status
    };
    for (method, headers, status) in [
        ("GET", format!("host: {host}\r\n"), 200),
        ("GET", "host: localhost\r\n".to_owned(), 200),
        ("GET", "host: evil.example\r\n".to_owned(), 403),
        ("GET", "host: 127.0.0.1.evil.example\r\n".to_owned(), 403),
        ("POST", format!("host: {host}\r\n"), 204),
        (
            "POST",
            format!("host: {host}\r\norigin: http://{host}\r\nsec-fetch-site: same-origin\r\n"),
            204,
        ),
        (
            "POST",
            format!("host: {host}\r\norigin: https://evil.example\r\n"),
            403,
        ),
        ("POST", format!("host: {host}\r\norigin: null\r\n"), 403),
        (
            "POST",
            format!("host: {host}\r\nsec-fetch-site: cross-site\r\n"),
            403,
        ),
        ("POST", "host: evil.example\r\n".to_owned(), 403),
    ] {
        assert_eq!(request(method, &headers), status, "{method} {headers}");
    }
}

#[test]
fn every_quirk_is_listed_with_its_values() {
    let emulator = builder()
        .quirk("created-status", "200")
        .unwrap()
        .start_blocking()
        .unwrap();
    let quirks = get(&emulator, "/_emulator/quirks").json();
    let created = quirks
        .as_array()
        .unwrap()
        .iter()
        .find(|quirk| quirk["name"] == "created-status")
        .unwrap()
        .clone();
    assert_eq!(
        (&created["value"], &created["values"]),
        (&json!("200"), &json!(["201", "200"]))
    );
}

#[test]
fn plan_changes_at_runtime() {
    let emulator = builder().start_blocking().unwrap();
    assert_eq!(
        get(&emulator, "/_emulator/plan").json()["plan"],
        "unlimited"
    );
    assert_eq!(
        send_json(
            &emulator,
            "PUT",
            "/_emulator/plan",
            &json!({ "plan": "free" })
        )
        .status,
        204
    );
    let refused = send_json(
        &emulator,
        "PUT",
        "/_emulator/plan",
        &json!({ "plan": "gold" }),
    );
    assert!(
        refused.json()["message"]
            .as_str()
            .unwrap()
            .contains("developer-1"),
        "{refused:?}"
    );
    assert_eq!(get(&emulator, "/_emulator/plan").json()["plan"], "free");
}

#[test]
fn exec_sets_environment_and_returns_exit_code() {
    let emulator = builder().start_blocking().unwrap();
    let script = r#"case "$TWELVELABS_BASE_URL" in http://127.0.0.1:*/v1.3) ;; *) exit 9 ;; esac
                    case "$TWELVE_LABS_API_KEY" in tlk_emulator*) exit 7 ;; *) exit 8 ;; esac"#;
    let status = emulator
        .exec(Command::new("sh").args(["-c", script]))
        .unwrap();
    assert_eq!(exit_code(status), 7);
    let killed = emulator
        .exec(Command::new("sh").args(["-c", "kill -9 $$"]))
        .unwrap();
    assert_eq!(exit_code(killed), 137);
    assert!(emulator.exec(&mut Command::new("/nowhere/at/all")).is_err());

    get(&emulator, "/v1.3/tasks");
    get(&emulator, "/v1.3/tasks?page=0");
    get(&emulator, "/v1.3/other");
    insta::assert_snapshot!(emulator.summary(), @r"
    3 requests, 0 bytes received, 0 files kept
      tasks.list: 2 (1 refused)
      other: 1
    ");
}

#[test]
fn journal_shows_redacted_bodies_on_request() {
    let (sender, requests) = mpsc::channel();
    let emulator = builder()
        .allow_private_urls(true)
        .on_request(move |entry| _ = sender.send(entry.to_string()))
        .start_blocking()
        .unwrap();
    let index = index(&emulator);
    let url = "http://user:word@127.0.0.1:9/a.mp4?X-Amz-Signature=abc";
    let fields = [
        ("index_id", index.as_str()),
        ("video_url", url),
        (
            "user_metadata",
            r#"{"note":"tlk_real_key","access_token":"xyz"}"#,
        ),
    ];
    assert_eq!(send_form(&emulator, &form(&fields, None)).status, 201);
    let quiet = get(&emulator, "/_emulator/journal").json();
    assert!(quiet["entries"].as_array().unwrap().iter().all(|entry| {
        entry.get("request_body").is_none() && entry.get("response_body").is_none()
    }));
    let shown = get(&emulator, "/_emulator/journal?bodies=true&after=1").json();
    assert_eq!(shown["count"], 1);
    let entry = &shown["entries"][0];
    let request = entry["request_body"].as_str().unwrap();
    assert_eq!(
        request,
        format!(
            "index_id={index}\nvideo_url=http://…@127.0.0.1:9/a.mp4?…\nuser_metadata={}",
            r#"{"access_token":"…","note":"tlk_…"}"#
        )
    );
    assert!(
        entry["response_body"]
            .as_str()
            .unwrap()
            .contains("video_id")
    );
    assert_eq!(
        emulator.journal_with_bodies()[1].request_body.as_deref(),
        Some(request)
    );
    let lines: Vec<String> = requests.try_iter().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].contains("Z POST /v1.3/indexes 201 indexes.create, "),
        "{lines:?}"
    );
}

//! Errors of the platform and the network: each case has its message and exit code, and ends in
//! time.

use std::time::Duration;

use tl_testkit::server::{Reaction, Reply, Seen};

use crate::clips;
use crate::platform::{INDEX, Platform, TASK, index, json, page, scripted, task, tl_to};
use crate::tl::{KEY, SECRET, Tl, snapshot};

const HTML: &str =
    "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>";

fn gateway() -> Reaction {
    Reaction::from(
        Reply::status(502)
            .header("content-type", "text/html")
            .body(HTML),
    )
}

/// One request that meets `reaction`, as text and as JSON.
fn check(name: &str, code: i32, reaction: impl Fn() -> Reaction + Send + Sync + Clone + 'static) {
    let arguments = ["index", "get", INDEX, "--attempts", "2", "--timeout", "3s"];
    let react = reaction.clone();
    let server = scripted(move |_| react());
    let run = tl_to(&server, &arguments).code(code);
    assert_eq!(run.stdout, "", "{}", run.text());
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    snapshot!(name, run);
    let server = scripted(move |_| reaction());
    let run = tl_to(&server, &arguments)
        .arg("--json")
        .arg("--quiet")
        .code(code);
    assert_eq!(
        run.stderr, "",
        "with --json and --quiet the JSON alone tells"
    );
    let error = &run.json()["error"];
    assert_eq!(error["exit_code"], code);
    for member in [
        "kind",
        "message",
        "code",
        "status",
        "request_id",
        "retryable",
        "retry_after",
        "next",
        "causes",
    ] {
        assert!(
            error.get(member).is_some(),
            "{member} is always there: {error}"
        );
    }
}

#[test]
fn responses_map_to_exit_codes() {
    let answer = |status: u16, body: &'static str| move || Reaction::from(json(status, body));
    check("html_502", 5, gateway);
    check("line_cut", 5, || {
        Reaction::cut(json(200, r#"{"_id": "1"}"#), 20)
    });
    check("line_closed", 5, Reaction::close);
    check("not_http", 7, || Reaction::raw("SSH-2.0-OpenSSH_9.6\r\n"));
    check(
        "key_refused",
        4,
        answer(
            401,
            r#"{"code": "api_key_invalid", "message": "The provided API key is invalid or expired."}"#,
        ),
    );
    check(
        "forbidden",
        7,
        answer(
            403,
            r#"{"code": "api_not_allowed", "message": "This API is not allowed."}"#,
        ),
    );
    check(
        "not_found",
        7,
        answer(
            404,
            r#"{"code": "resource_not_exist", "message": "Resource does not exist."}"#,
        ),
    );
    check(
        "refused",
        7,
        answer(
            400,
            r#"{"code": "parameter_invalid", "message": "The page parameter is invalid."}"#,
        ),
    );
    check(
        "quota",
        6,
        answer(
            400,
            r#"{"code": "usage_limit_exceeded", "message": "Not enough free credit."}"#,
        ),
    );
    check("html_page", 7, || {
        Reaction::from(Reply::ok(HTML).header("content-type", "text/html"))
    });
    check("redirect", 7, || {
        Reaction::from(Reply::status(302).header("location", "https://example.com/"))
    });
}

#[test]
fn long_retry_after_is_reported() {
    let busy = || {
        Reaction::from(
            json(
                429,
                r#"{"code": "too_many_requests", "message": "You have reached the rate limit."}"#,
            )
            .header("retry-after", "3600")
            .header("x-request-id", "req-1"),
        )
    };
    let server = scripted(move |_| busy());
    let run = tl_to(&server, &["task", "list"]).code(6);
    assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
    snapshot!(run);
    let error = tl_to(&server, &["task", "list", "--json"]).code(6).json();
    assert_eq!(error["error"]["retry_after"], 3600.0);
    assert_eq!(error["error"]["request_id"], "req-1");
    assert_eq!(error["error"]["retryable"], true);
    assert_eq!(server.seen().len(), 2, "once for each run");
}

#[test]
fn unresponsive_server_times_out() {
    let server = scripted(|_| Reaction::never());
    let run = tl_to(&server, &["task", "list", "--timeout", "1s"]).code(5);
    assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
    snapshot!("never_answers", run);
    let folder = clips::folder(&["good.mp4"]);
    let server = scripted(|seen: &Seen| {
        if seen.target.ends_with(INDEX) {
            index().into()
        } else {
            Reaction::never()
        }
    });
    let run = tl_to(
        &server,
        &[
            "ingest",
            "good.mp4",
            "--route",
            "tasks",
            "--index",
            INDEX,
            "--timeout",
            "1s",
            "--attempts",
            "1",
        ],
    )
    .in_folder(folder.path())
    .code(5);
    assert!(run.took < Duration::from_secs(40), "{:?}", run.took);
    snapshot!("never_answers_an_upload", run);
}

#[test]
fn unreachable_host_is_temporary() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let base_url = format!("http://127.0.0.1:{port}/v1.3");
    let run = Tl::new(&["task", "list", "--attempts", "1"])
        .to(&base_url, KEY)
        .code(5);
    snapshot!("unreachable", run);
    let run = Tl::new(&["doctor", "--online", "--attempts", "1"])
        .to(&base_url, KEY)
        .code(5);
    assert!(run.stdout.contains("error platform"), "{}", run.text());
}

#[test]
fn rejected_key_ends_the_run() {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4"]);
    std::fs::copy(
        folder.path().join("good.mp4"),
        folder.path().join("again.mp4"),
    )
    .unwrap();
    let run = Tl::new(&[
        "ingest",
        "good.mp4",
        "again.mp4",
        "--index",
        &platform.index,
        "--json",
    ])
    .to(&platform.base_url, KEY)
    .in_folder(folder.path())
    .code(4);
    let lines = run.json_lines();
    assert_eq!(lines.len(), 1, "the run has one error");
    assert_eq!(lines[0]["error"]["kind"], "unauthorized");
    assert_eq!(lines[0]["error"]["code"], "api_key_invalid");
    assert!(platform.uploads().is_empty());
    snapshot!(
        "key_refused_by_the_emulator",
        Tl::new(&["index", "list"])
            .to(&platform.base_url, KEY)
            .code(4)
    );
}

#[test]
fn unknown_index_is_detected_before_upload() {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4"]);
    let run = platform
        .tl(&["ingest", "good.mp4", "--index", INDEX])
        .in_folder(folder.path())
        .code(7);
    snapshot!("unknown_index", run);
    assert!(platform.uploads().is_empty());
    snapshot!("unknown_task", platform.tl(&["task", "wait", TASK]).code(7));
}

#[test]
fn lost_response_does_not_create_twice() {
    let folder = clips::folder(&["good.mp4"]);
    let server = scripted(|seen: &Seen| {
        match (seen.method.as_str(), seen.target.as_str()) {
        ("POST", _) => Reaction::close(),
        ("GET", target) if target.contains("/tasks?") => page(&format!(
            r#"{{"_id": "{TASK}", "index_id": "{INDEX}", "status": "pending", "system_metadata": {{"filename": "good.mp4"}}}}"#
        ))
        .into(),
        _ => index().into(),
    }
    });
    let run = tl_to(
        &server,
        &[
            "ingest", "good.mp4", "--route", "tasks", "--index", INDEX, "--json",
        ],
    )
    .in_folder(folder.path())
    .code(0);
    let line = run.json();
    assert_eq!(line["task_id"], TASK);
    assert_eq!(line["reconciled"], true);
    let posts = server
        .seen()
        .iter()
        .filter(|seen| seen.method == "POST")
        .count();
    assert_eq!(posts, 1, "{}", server.transcript());
}

#[test]
fn broken_gateway_is_temporary() {
    let folder = clips::folder(&["good.mp4"]);
    let server = scripted(|seen: &Seen| match seen.method.as_str() {
        "GET" if seen.target.ends_with(INDEX) => index().into(),
        _ => gateway(),
    });
    let run = tl_to(
        &server,
        &[
            "ingest",
            "good.mp4",
            "--route",
            "tasks",
            "--index",
            INDEX,
            "--attempts",
            "1",
        ],
    )
    .in_folder(folder.path())
    .code(5);
    snapshot!("upload_html_502", run);
}

#[test]
fn wait_ends_at_its_deadline() {
    let server = scripted(|_| task("pending").into());
    let run = tl_to(
        &server,
        &[
            "task",
            "wait",
            TASK,
            "--deadline",
            "1s",
            "--interval",
            "100ms",
        ],
    )
    .code(8);
    assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
    snapshot!("wait_deadline", run);
    let error = tl_to(
        &server,
        &[
            "task",
            "wait",
            TASK,
            "--deadline",
            "500ms",
            "--interval",
            "100ms",
            "--json",
        ],
    )
    .code(8)
    .json();
    assert_eq!(error["error"]["kind"], "deadline_passed");
    assert_eq!(error["error"]["history"][0]["status"], "pending");
    // Independent of what happens in between.
    let server = scripted(|_| gateway());
    tl_to(&server, &["task", "wait", TASK, "--deadline", "1s"]).code(8);
    let server = scripted(|_| Reaction::never());
    let run = tl_to(&server, &["task", "wait", TASK, "--deadline", "1s"]).code(8);
    assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
}

#[test]
fn failed_processing_reports_the_reason() {
    let server = scripted(|_| {
        json(
            200,
            &format!(
                r#"{{"_id": "{TASK}", "status": "failed", "error_reason": "no usable frames"}}"#
            ),
        )
        .into()
    });
    let run = tl_to(&server, &["task", "wait", TASK]).code(7);
    snapshot!("processing_failed", run);
}

#[test]
fn key_in_a_response_is_masked() {
    let repeats = || {
        Reaction::from(json(
            401,
            &format!(r#"{{"code": "api_key_invalid", "message": "The key {KEY} is unknown."}}"#),
        ))
    };
    let server = scripted(move |_| repeats());
    // Every run is searched for the key.
    let run = tl_to(&server, &["task", "list"]).code(4);
    assert!(
        run.stderr.contains("The key [API key] is unknown."),
        "{}",
        run.text()
    );
    let error = tl_to(&server, &["task", "list", "--json"]).code(4).json();
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("[API key]"),
        "{error}"
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), KEY).unwrap();
    let run = Tl::new(&[
        "task",
        "list",
        "--api-key-file",
        "key",
        "--base-url",
        &server.url("/v1.3"),
        "-v",
    ])
    .in_folder(folder.path())
    .code(4);
    assert!(run.stderr.contains("[API key]"), "{}", run.text());
    assert_eq!(
        server.seen()[0].header("x-api-key"),
        Some(KEY),
        "the key was sent"
    );
    assert!(KEY.contains(SECRET), "the search looks for the right thing");
}

#[test]
fn base_url_without_version_is_reported() {
    let platform = Platform::start();
    let base = platform.base_url.trim_end_matches("/v1.3").to_owned();
    assert_ne!(base, platform.base_url);
    for words in [
        &["index", "list"][..],
        &["index", "get", INDEX],
        &["task", "get", TASK],
    ] {
        let error = platform
            .tl(words)
            .env("TWELVELABS_BASE_URL", &base)
            .arg("--json")
            .code(7)
            .json();
        let next = error["error"]["next"].as_str().unwrap();
        assert!(
            next.contains("has no version") && next.contains(&format!("{base}/v1.3")),
            "{next}"
        );
    }
    // With a version in the base URL, the id is reported.
    let error = platform
        .tl(&["index", "get", INDEX, "--json"])
        .code(7)
        .json();
    assert!(
        error["error"]["next"]
            .as_str()
            .unwrap()
            .contains("check the id")
    );
}

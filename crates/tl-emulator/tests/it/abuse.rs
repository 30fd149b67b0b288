//! Misbehaving clients: requests are rejected, resource use is bounded, and the emulator keeps
//! running.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use tl_emulator::{Emulator, TimeLimits};

use crate::raw::{builder, connect, exchange, form, get, head, index, read_response, send_form};

fn assert_alive(emulator: &Emulator) {
    assert_eq!(get(emulator, "/v1.3/tasks").status, 200);
}

#[test]
fn malformed_form_is_a_bad_request() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    let whole = form(&[("index_id", &index)], Some(("a.mp4", b"bytes")));
    for (name, content_type, body) in [
        ("no boundary", "multipart/form-data", whole.clone()),
        ("another boundary", "multipart/form-data; boundary=YY", whole.clone()),
        ("cut in the file", "multipart/form-data; boundary=XX", whole[..whole.len() - 20].to_vec()),
        ("no parts at all", "multipart/form-data; boundary=XX", Vec::new()),
        ("no form at all", "multipart/form-data; boundary=XX", vec![b'a'; 100_000]),
        ("a part without a name", "multipart/form-data; boundary=XX", b"--XX\r\nContent-Type: x\r\n\r\n1\r\n--XX--\r\n".to_vec()),
        ("bytes that are no text", "multipart/form-data; boundary=XX",
            b"--XX\r\nContent-Disposition: form-data; name=\"index_id\"\r\n\r\n\xff\xfe\r\n--XX--\r\n".to_vec()),
    ] {
        let length = body.len().to_string();
        let headers = [("content-type", content_type), ("content-length", length.as_str())];
        let response = exchange(&emulator, &head("POST", "/v1.3/tasks", &headers), &body).unwrap();
        assert_eq!(response.status, 400, "{name}: {response:?}");
        assert!(response.json()["code"].is_string(), "{name}");
    }
    assert_alive(&emulator);
}

#[test]
fn oversized_bodies_are_rejected_without_buffering() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    let json = vec![b' '; 2 << 20];
    let length = json.len().to_string();
    let headers = [
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
    ];
    let refused = exchange(&emulator, &head("POST", "/v1.3/indexes", &headers), &json).unwrap();
    assert_eq!(refused.status, 413, "{refused:?}");

    let long = "x".repeat(2 << 20);
    let refused = send_form(
        &emulator,
        &form(&[("index_id", &index), ("user_metadata", &long)], None),
    );
    assert_eq!(refused.status, 413, "{refused:?}");

    // A part header that never ends.
    let mut endless = b"--XX\r\nContent-Disposition: form-data; name=\"a\"; x=\"".to_vec();
    endless.extend(vec![b'y'; 4 << 20]);
    let length = endless.len().to_string();
    let headers = [
        ("content-type", "multipart/form-data; boundary=XX"),
        ("content-length", length.as_str()),
    ];
    if let Some(refused) = exchange(&emulator, &head("POST", "/v1.3/tasks", &headers), &endless) {
        assert_eq!(refused.status, 400, "{refused:?}");
    }

    let huge = "y".repeat(10 << 20);
    if let Some(refused) = exchange(
        &emulator,
        &head("GET", "/v1.3/tasks", &[("x-large", &huge)]),
        b"",
    ) {
        assert_eq!(refused.status, 431, "{refused:?}");
    }
    assert_alive(&emulator);
}

#[test]
fn stalled_clients_time_out() {
    let limits = TimeLimits::default()
        .with_idle(Duration::from_millis(300))
        .with_head(Duration::from_millis(300));
    let folder = tempfile::tempdir().unwrap();
    let emulator = builder()
        .time_limits(limits)
        .data_dir(folder.path())
        .start_blocking()
        .unwrap();
    let started = Instant::now();

    let mut slow = connect(&emulator);
    let headers = [
        ("content-type", "multipart/form-data; boundary=XX"),
        ("content-length", "1000000"),
    ];
    slow.write_all(head("POST", "/v1.3/tasks", &headers).as_bytes())
        .unwrap();
    slow.write_all(
        b"--XX\r\nContent-Disposition: form-data; name=\"video_file\"; filename=\"a\"\r\n\r\nsome",
    )
    .unwrap();
    let refused = read_response(&mut slow).unwrap();
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (408, Some("request_canceled_or_timed_out"))
    );

    let mut headless = connect(&emulator);
    headless
        .write_all(b"GET /v1.3/tasks HTTP/1.1\r\nhost: 127.0.0.1\r\n")
        .unwrap();
    let late = read_response(&mut headless);
    assert!(late.is_none_or(|response| response.status == 408));
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(
        std::fs::read_dir(folder.path().join("incoming"))
            .unwrap()
            .count(),
        0
    );
    assert_alive(&emulator);
}

#[test]
fn aborted_upload_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = builder().data_dir(folder.path()).start_blocking().unwrap();
    let incoming = || {
        std::fs::read_dir(folder.path().join("incoming"))
            .unwrap()
            .count()
    };
    let mut stream = connect(&emulator);
    let headers = [
        ("content-type", "multipart/form-data; boundary=XX"),
        ("content-length", "1000000"),
    ];
    stream
        .write_all(head("POST", "/v1.3/tasks", &headers).as_bytes())
        .unwrap();
    stream
        .write_all(
            b"--XX\r\nContent-Disposition: form-data; name=\"video_file\"; filename=\"a\"\r\n\r\n",
        )
        .unwrap();
    stream.write_all(&[0; 100_000]).unwrap();
    let wait = |wanted: usize| {
        let started = Instant::now();
        while incoming() != wanted {
            assert!(
                started.elapsed() < Duration::from_secs(5),
                "{} files instead of {wanted}",
                incoming()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    wait(1);
    drop(stream);
    wait(0);
    assert_alive(&emulator);
}

#[test]
fn expect_continue_is_rejected_before_the_body() {
    let emulator = builder().start_blocking().unwrap();
    let mut stream = connect(&emulator);
    let head = "POST /v1.3/tasks HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: wrong\r\ncontent-type: multipart/form-data; boundary=XX\r\nexpect: 100-continue\r\ncontent-length: 1000000000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let refused = read_response(&mut stream).unwrap();
    assert_eq!(refused.status, 401, "{refused:?}");
    assert_eq!(emulator.journal()[0].bytes_received, 0);
}

//! Hostile requests: path traversal, invalid ranges, endless bodies and headers. Each is rejected
//! cheaply, and the emulator keeps running.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tl_emulator::{Emulator, TimeLimits};

use crate::{
    clips::clip,
    process::{self, Process},
    raw::{
        RawResponse, builder, connect, exchange, form, get, head, index, read_response, send_form,
        send_json,
    },
    renditions::rendition,
};

/// All files below a directory, as relative paths.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(at) = left.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let inside = path.strip_prefix(folder).unwrap();
                found.push(inside.display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn file_names_cannot_escape_the_data_directory() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("inside");
    let emulator = builder()
        .data_dir(&folder)
        .ffmpeg("/nowhere/ffmpeg")
        .start_blocking()
        .unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let long = format!("{}.mp4", "a".repeat(5_000));
    let short = "a".repeat(255);
    let names = [
        ("../../outside.mp4", "outside.mp4"),
        ("/etc/cron.d/outside.mp4", "outside.mp4"),
        ("C:\\\\Windows\\\\outside.mp4", "outside.mp4"),
        ("..\\\\..\\\\outside.mp4", "outside.mp4"),
        ("..", "upload"),
        ("media/", "upload"),
        (&long, &short),
    ];
    for (sent, plain) in names {
        let body = form(&[("index_id", &index)], Some((sent, &bytes)));
        let made = send_form(&emulator, &body);
        assert_eq!(made.status, 201, "{sent}: {made:?}");
        let task = made.json()["_id"].as_str().unwrap().to_owned();
        let body = get(&emulator, &format!("/v1.3/tasks/{task}")).json();
        assert_eq!(body["system_metadata"]["filename"], plain, "{sent}");
    }
    let refused = form(&[("index_id", &index)], Some(("a\u{0}b.mp4", &bytes)));
    assert_eq!(send_form(&emulator, &refused).status, 400);
    let extended = String::from_utf8_lossy(&form(&[("index_id", &index)], None)).into_owned();
    let extended = extended.replace(
        "--XX--\r\n",
        "--XX\r\nContent-Disposition: form-data; name=\"video_file\"; filename=\"a.mp4\"; filename*=UTF-8''..%2F..%2Foutside.mp4\r\n\r\nx\r\n--XX--\r\n",
    );
    assert_eq!(send_form(&emulator, extended.as_bytes()).status, 400);

    // The file name of a multipart upload is JSON text; its file has a generated name.
    for name in ["../../outside.mp4", "/etc/passwd", "a\u{0}b.mp4"] {
        let body = json!({ "filename": name, "type": "video", "total_size": 10 });
        let opened = send_json(&emulator, "POST", "/v1.3/assets/multipart-uploads", &body);
        assert!(matches!(opened.status, 201 | 400), "{name:?}: {opened:?}");
        let Some(url) = opened.json()["upload_urls"][0]["url"]
            .as_str()
            .map(str::to_owned)
        else {
            continue;
        };
        let url = url::Url::parse(&url).unwrap();
        let put = format!(
            "PUT {}?{} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/octet-stream\r\ncontent-length: 10\r\n\r\n",
            url.path(),
            url.query().unwrap()
        );
        assert_eq!(
            exchange(&emulator, &put, b"0123456789").unwrap().status,
            200
        );
        for place in ["/_storage/../../outside/1", "/_storage/..%2F..%2Foutside/1"] {
            let put = put.replace(url.path(), place);
            let refused = exchange(&emulator, &put, b"0123456789").unwrap();
            assert!((400..500).contains(&refused.status), "{place}: {refused:?}");
        }
    }
    let outside: Vec<String> = files(above.path())
        .into_iter()
        .filter(|path| !path.starts_with("inside/media/"))
        .collect();
    assert_eq!(outside, Vec::<String>::new());
    assert!(files(&folder).iter().all(|path| !path.contains("outside")));
}

#[test]
fn invalid_ranges_are_rejected() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let created = send_form(
        &emulator,
        &form(&[("index_id", &index)], Some(("a.mp4", &bytes))),
    );
    let video = created.json()["video_id"].as_str().unwrap().to_owned();
    let made = rendition(&emulator, &video)["made"]["folder"].clone();
    let many = vec!["0-0"; 5_000].join(",");
    for path in [
        format!("/_emulator/media/{video}"),
        format!("/_media/{}/stream.mp4", made.as_str().unwrap()),
        format!("/_media/{}/thumbnail-1.jpg", made.as_str().unwrap()),
    ] {
        let whole = get(&emulator, &path);
        assert_eq!(whole.status, 200, "{path}");
        let length = whole.body.len();
        for range in [
            format!("bytes={length}-"),
            "bytes=18446744073709551615-18446744073709551616".to_owned(),
            "bytes=-0".to_owned(),
            "bytes=9-1".to_owned(),
            "bytes=--1".to_owned(),
            "bytes=".to_owned(),
            "bytes=0x0-0x9".to_owned(),
            format!("bytes={many}"),
            "pieces=0-1".to_owned(),
        ] {
            let refused = exchange(&emulator, &head("GET", &path, &[("range", &range)]), b"");
            let refused = refused.unwrap();
            assert_eq!(refused.status, 416, "{path} {range}");
            let content_range = format!("content-range: bytes */{length}");
            assert!(refused.head.contains(&content_range), "{}", refused.head);
        }
        for (range, expected) in [
            ("bytes=0-0", 1),
            ("bytes=-1", 1),
            ("bytes=0-99999999999", length),
            ("bytes=-18446744073709551615", length),
        ] {
            let part = exchange(&emulator, &head("GET", &path, &[("range", range)]), b"");
            let part = part.unwrap();
            assert_eq!(
                (part.status, part.body.len()),
                (206, expected),
                "{path} {range}"
            );
        }
        let mut one = connect(&emulator);
        one.write_all(head("HEAD", &path, &[]).as_bytes()).unwrap();
        let mut status_line = [0; 15];
        one.read_exact(&mut status_line).unwrap();
        assert_eq!(&status_line, b"HTTP/1.1 200 OK", "{path}");
    }
}

/// Malformed HTTP: the server responds with 4xx or closes the connection.
#[test]
fn malformed_http_is_rejected() {
    let emulator = builder().start_blocking().unwrap();
    let key = "host: 127.0.0.1\r\nx-api-key: tlk_emulator_x\r\n";
    let many: String = (0..2_000)
        .map(|number| format!("x-{number}: 1\r\n"))
        .collect();
    let long = "a".repeat(300 * 1024);
    for (what, text) in [
        ("no HTTP", "hello\r\n\r\n".to_owned()),
        (
            "a TLS greeting",
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".to_owned() + "\r\n\r\n",
        ),
        (
            "another version",
            format!("GET /v1.3/tasks HTTP/9.9\r\n{key}\r\n"),
        ),
        (
            "two lengths",
            format!(
                "POST /v1.3/indexes HTTP/1.1\r\n{key}content-length: 1\r\ncontent-length: 2\r\n\r\n{{}}"
            ),
        ),
        (
            "a negative length",
            format!("POST /v1.3/indexes HTTP/1.1\r\n{key}content-length: -1\r\n\r\n{{}}"),
        ),
        (
            "a length beyond numbers",
            format!(
                "POST /v1.3/indexes HTTP/1.1\r\n{key}content-length: 99999999999999999999999\r\n\r\n{{}}"
            ),
        ),
        (
            "a length that is no number",
            format!("POST /v1.3/indexes HTTP/1.1\r\n{key}content-length: two\r\n\r\n{{}}"),
        ),
        (
            "chunks that are none",
            format!(
                "POST /v1.3/indexes HTTP/1.1\r\n{key}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
            ),
        ),
        (
            "an endless chunk",
            format!(
                "POST /v1.3/indexes HTTP/1.1\r\n{key}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n"
            ),
        ),
        (
            "a header without a colon",
            "GET /v1.3/tasks HTTP/1.1\r\nhost\r\n\r\n".to_owned(),
        ),
        (
            "a header with a line break",
            format!("GET /v1.3/tasks HTTP/1.1\r\n{key}x: a\rb\r\n\r\n"),
        ),
        (
            "2,000 headers",
            format!("GET /v1.3/tasks HTTP/1.1\r\n{key}{many}\r\n"),
        ),
        (
            "a path of 300 KB",
            format!("GET /v1.3/{long} HTTP/1.1\r\n{key}\r\n"),
        ),
        (
            "a query of 300 KB",
            format!("GET /v1.3/tasks?filename={long} HTTP/1.1\r\n{key}\r\n"),
        ),
    ] {
        if let Some(refused) = exchange(&emulator, &text, b"") {
            assert!((400..500).contains(&refused.status), "{what}: {refused:?}");
        }
        assert_eq!(get(&emulator, "/v1.3/tasks").status, 200, "after {what}");
    }
}

fn post(emulator: &Emulator, body: &[u8]) -> RawResponse {
    let length = body.len().to_string();
    let headers = [
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
    ];
    exchange(emulator, &head("POST", "/v1.3/indexes", &headers), body).unwrap()
}

#[test]
fn deep_or_large_json_is_rejected_with_a_reason() {
    let emulator = builder().start_blocking().unwrap();
    let deep = |open: &str, count: usize| open.repeat(count).into_bytes();
    for (what, body, status) in [
        ("a deep list", deep("[", 500_000), 400),
        ("a deep object", deep("{\"a\":", 100_000), 400),
        (
            "a number beyond floats",
            b"{\"index_name\":1e999999}".to_vec(),
            400,
        ),
        ("no UTF-8", b"{\"index_name\":\"\xff\xfe\"}".to_vec(), 400),
        (
            "half a surrogate",
            br#"{"index_name":"\ud800"}"#.to_vec(),
            400,
        ),
        ("more after the end", b"{} {}".to_vec(), 400),
        ("a list for an object", b"[1]".to_vec(), 400),
        ("10 MB of blanks", vec![b' '; 10 << 20], 413),
    ] {
        let refused = post(&emulator, &body);
        assert_eq!(refused.status, status, "{what}: {refused:?}");
        assert!(refused.json()["message"].is_string(), "{what}");
    }
    let parts: String = (0..2_000)
        .map(|number| {
            format!("--XX\r\nContent-Disposition: form-data; name=\"p{number}\"\r\n\r\n1\r\n")
        })
        .collect();
    let refused = send_form(&emulator, (parts + "--XX--\r\n").as_bytes());
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (400, Some("parameter_invalid"))
    );
    assert_eq!(get(&emulator, "/v1.3/tasks").status, 200);
}

/// Writes single bytes until the server responds or closes the connection. Returns the status of
/// the response.
fn trickle(mut stream: TcpStream, head: &str, bytes: u8) -> Option<u16> {
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..600 {
        std::thread::sleep(Duration::from_millis(25));
        if stream.write_all(&[bytes]).is_err() {
            break;
        }
        stream
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        if !matches!(stream.peek(&mut [0; 16]), Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut))
        {
            break;
        }
    }
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    read_response(&mut stream).map(|response| response.status)
}

#[test]
fn slow_clients_time_out_without_blocking_others() {
    let limit = Duration::from_millis(600);
    let limits = TimeLimits::default()
        .with_head(limit)
        .with_text(limit)
        .with_form(limit);
    let emulator = builder().time_limits(limits).start_blocking().unwrap();
    let json = [
        ("content-type", "application/json"),
        ("content-length", "100000"),
    ];
    let form = [
        ("content-type", "multipart/form-data; boundary=XX"),
        ("content-length", "100000"),
    ];
    let cases = [
        (
            "a head",
            "GET /v1.3/tasks HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ".to_owned(),
        ),
        ("JSON", head("POST", "/v1.3/indexes", &json)),
        ("a form", head("POST", "/v1.3/tasks", &form)),
    ];
    let started = Instant::now();
    std::thread::scope(|scope| {
        // Many connections of every kind at once.
        let slow: Vec<_> = (0..60)
            .map(|number| {
                let (what, head) = &cases[number % cases.len()];
                let stream = connect(&emulator);
                scope.spawn(move || (*what, trickle(stream, head, b'a')))
            })
            .collect();
        for _ in 0..20 {
            let started_request = Instant::now();
            assert_eq!(get(&emulator, "/v1.3/tasks").status, 200);
            assert!(
                started_request.elapsed() < Duration::from_secs(5),
                "{:?}",
                started_request.elapsed()
            );
        }
        for slow in slow {
            let (what, status) = slow.join().unwrap();
            // The client is still sending when the connection closes, so the response may be lost.
            assert!(matches!(status, None | Some(408)), "{what}: {status:?}");
        }
    });
    assert!(
        started.elapsed() < Duration::from_secs(14),
        "{:?}",
        started.elapsed()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn discarded_bodies_are_not_buffered() {
    const TEST: &str = "hostile::discarded_bodies_are_not_buffered";
    const MIB: usize = 1 << 20;
    process::serve_if_child(|builder| builder);
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(TEST, folder.path());
    let send = |head: &str, count: usize| -> Option<u16> {
        let mut stream = TcpStream::connect(("127.0.0.1", process.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let piece = vec![b'y'; MIB];
        for _ in 0..count {
            if stream.write_all(&piece).is_err() {
                break;
            }
        }
        read_response(&mut stream).map(|response| response.status)
    };
    assert_eq!(send(&head("GET", "/v1.3/tasks", &[]), 0), Some(200));
    let before = process.peak_kib();
    let length = (64 * MIB).to_string();
    let with = |kind: &str, method: &str, path: &str| {
        head(
            method,
            path,
            &[("content-type", kind), ("content-length", length.as_str())],
        )
    };
    let form = "multipart/form-data; boundary=XX";
    let part = "--XX\r\nContent-Disposition: form-data; name=\"a\"; x=\"";
    for (what, head, expected) in [
        (
            "a head without an end",
            head("GET", "/v1.3/tasks", &[]).trim_end().to_owned() + "\r\nx: ",
            431,
        ),
        (
            "JSON of 64 MiB",
            with("application/json", "POST", "/v1.3/indexes"),
            413,
        ),
        (
            "a body for a GET",
            with("text/plain", "GET", "/v1.3/tasks"),
            200,
        ),
        (
            "a body for a wrong key",
            with("text/plain", "GET", "/v1.3/tasks").replace("tlk_emulator_test", "wrong"),
            401,
        ),
        (
            "a form without a boundary",
            with(form, "POST", "/v1.3/tasks"),
            400,
        ),
        (
            "the head of a part without an end",
            with(form, "POST", "/v1.3/tasks") + part,
            400,
        ),
        (
            "the storage without a permission",
            with("text/plain", "PUT", "/_storage/x/1"),
            400,
        ),
    ] {
        let status = send(&head, 64);
        assert!(
            status.is_none_or(|status| status == expected),
            "{what}: {status:?}"
        );
        let grown = process.peak_kib().saturating_sub(before);
        assert!(grown < 24 * 1024, "{what}: {grown} KiB more");
    }
    let mut stream = TcpStream::connect(("127.0.0.1", process.port)).unwrap();
    stream
        .write_all(head("GET", "/_emulator/journal", &[]).as_bytes())
        .unwrap();
    let journal: Value = read_response(&mut stream).unwrap().json();
    assert!(journal["count"].as_u64().unwrap() >= 5, "{journal}");
}

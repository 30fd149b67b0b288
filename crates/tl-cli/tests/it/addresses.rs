//! `tl validate https://…`: requests, rejected URLs, and the result of each response.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use tl_testkit::server::Reply;

use crate::clips;
use crate::tl::{KEY, Run, Tl};

const MASTER: &str =
    "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\n/best.m3u8\n";
const RECORDING: &str = "#EXTM3U\n#EXTINF:4.5,\na.ts\n#EXTINF:4,\nb.ts\n#EXT-X-ENDLIST\n";

/// A server of files with range requests, and of other responses. It records the requests.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

fn serve() -> Server {
    let folder = clips::folder(&["good.mp4"]);
    let clip = std::fs::read(folder.path().join("good.mp4")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, clip, log) = (stream.unwrap(), clip.clone(), Arc::clone(&log));
            std::thread::spawn(move || answer_all(&stream, &clip, &log));
        }
    });
    Server { address, asked }
}

fn answer_all(stream: &TcpStream, clip: &[u8], log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        loop {
            match reader.read_line(&mut head) {
                Ok(0) | Err(_) => return,
                Ok(_) if head.ends_with("\r\n\r\n") => break,
                Ok(_) => {}
            }
        }
        log.lock().unwrap().push(head.clone());
        let path = head
            .split(' ')
            .nth(1)
            .unwrap_or_default()
            .split('?')
            .next()
            .unwrap_or_default();
        let range = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("range: bytes=")
                .map(str::to_owned)
        });
        let (status, more, body) = match path {
            "/good.mp4" => {
                let (from, to) = range
                    .as_deref()
                    .and_then(|range| range.split_once('-'))
                    .unwrap();
                let from: usize = from.parse().unwrap();
                let to = to.parse::<usize>().unwrap().min(clip.len() - 1);
                (
                    206,
                    format!(
                        "Content-Range: bytes {from}-{to}/{}\r\nETag: \"a\"\r\n",
                        clip.len()
                    ),
                    clip[from..=to].to_vec(),
                )
            }
            // Send a few bytes at a time, whatever was requested.
            "/drip.mp4" => {
                let from = range.as_deref().and_then(|range| range.split_once('-'));
                let from: usize = from.unwrap().0.parse().unwrap();
                let to = (from + 100).min(clip.len() - 1);
                (
                    206,
                    format!("Content-Range: bytes {from}-{to}/{}\r\n", clip.len()),
                    clip[from..=to].to_vec(),
                )
            }
            "/gzip.mp4" => (
                206,
                "Content-Range: bytes 0-9/100000\r\nContent-Encoding: gzip\r\n".to_owned(),
                vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3],
            ),
            "/moved" => (302, "Location: /good.mp4\r\n".to_owned(), Vec::new()),
            "/moved-away" => (
                302,
                "Location: https://youtu.be/abc\r\n".to_owned(),
                Vec::new(),
            ),
            "/round" => (302, "Location: /round\r\n".to_owned(), Vec::new()),
            "/whole.mp4" => (200, String::new(), vec![0; 9 << 20]),
            "/page" => (
                200,
                "Content-Type: text/html\r\n".to_owned(),
                b"<html>".to_vec(),
            ),
            "/vod.m3u8" => (200, String::new(), MASTER.into()),
            "/best.m3u8" => (200, String::new(), RECORDING.into()),
            "/live" => (200, String::new(), "#EXTM3U\n#EXTINF:4,\na.ts\n".into()),
            "/short.m3u8" => (
                200,
                String::new(),
                "#EXTM3U\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST".into(),
            ),
            "/text.m3u8" => (200, String::new(), b"hello".to_vec()),
            "/busy" => (503, String::new(), Vec::new()),
            "/forbidden" => (403, String::new(), Vec::new()),
            _ => (404, String::new(), Vec::new()),
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\n{more}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let mut out = stream;
        if out
            .write_all(head.as_bytes())
            .and_then(|()| out.write_all(&body))
            .is_err()
        {
            return;
        }
    }
}

fn validate(words: &[&str]) -> Run {
    Tl::new(&["validate", "--json"])
        .args(words)
        .env("TWELVE_LABS_API_KEY", KEY)
        .run()
}

#[test]
fn url_is_probed_by_ranges_without_the_key() {
    let server = serve();
    for path in ["/good.mp4", "/moved", "/good.mp4?token=SECRETTOKEN"] {
        let run = validate(&["--allow-private", &format!("{}{path}", server.address)]);
        assert_eq!(run.code, 0, "{}", run.text());
        let printed = run.json();
        assert_eq!(printed["facts"]["video_width"], 640, "{printed}");
        assert!(!run.text().contains("SECRETTOKEN"), "{}", run.text());
    }
    let asked = server.asked.lock().unwrap().join("\n").to_ascii_lowercase();
    assert!(
        asked.contains("range: bytes=0-")
            && !asked.contains("x-api-key")
            && !asked.contains("tlk_"),
        "{asked}"
    );
}

#[test]
fn ca_file_is_used_for_urls() {
    let folder = clips::folder(&["good.mp4"]);
    let clip = std::fs::read(folder.path().join("good.mp4")).unwrap();
    // One range is the whole of such a small file; further ones are the same.
    let whole = || {
        let last = clip.len() - 1;
        let range = format!("bytes 0-{last}/{}", clip.len());
        Reply::status(206)
            .header("content-range", &range)
            .body(clip.clone())
            .into()
    };
    let server = tl_testkit::server::Server::tls(&[], [whole(), whole(), whole()]);
    let url = server.url("/good.mp4");
    let run = validate(&["--allow-private", &url]);
    assert_eq!(run.code, 5, "{}", run.text());
    let error = &run.json()["error"];
    assert_eq!(error["kind"], "unreachable", "{error}");
    assert!(
        error["next"].as_str().unwrap().contains("--ca-file"),
        "{error}"
    );

    let roots = folder.path().join("company.pem");
    std::fs::write(&roots, server.root()).unwrap();
    let trusting = ["--allow-private", "--ca-file", roots.to_str().unwrap()];
    let run = validate(&[&trusting as &[&str], &[url.as_str()]].concat());
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(run.json()["facts"]["video_width"], 640);

    let run = validate(&["--ca-file", "/nowhere/company.pem", &url]);
    assert_eq!(run.code, 2, "{}", run.text());
    assert!(
        run.text().contains("/nowhere/company.pem"),
        "{}",
        run.text()
    );
}

#[test]
fn responses_without_a_video_are_reported() {
    let server = serve();
    for (path, kind, code) in [
        ("/missing", "url_not_found", 3),
        ("/forbidden", "url_forbidden", 3),
        ("/page", "html_page", 3),
        ("/whole.mp4", "no_ranges", 3),
        ("/round", "too_many_redirects", 3),
        ("/moved-away", "bad_redirect", 3),
        ("/busy", "url_busy", 5),
        ("/gzip.mp4", "content_encoding", 3),
    ] {
        let run = validate(&["--allow-private", &format!("{}{path}", server.address)]);
        assert_eq!(run.code, code, "{path} {}", run.text());
        assert_eq!(run.json()["error"]["kind"], kind, "{path}");
    }
}

#[test]
fn private_and_page_urls_are_not_requested() {
    let server = serve();
    let port = server.address.rsplit(':').next().unwrap().to_owned();
    for (url, kind) in [
        (format!("{}/good.mp4", server.address), "private_address"),
        (format!("http://localhost:{port}/good.mp4"), "private_address"),
        (format!("http://[::ffff:127.0.0.1]:{port}/good.mp4"), "private_address"),
        (format!("http://0x7f000001:{port}/good.mp4"), "private_address"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "private_address"),
        ("https://drive.google.com/file/d/1/view".to_owned(), "share_page"),
        ("s3://bucket/key.mp4".to_owned(), "share_page"),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Date=20200102T025500Z&X-Amz-Expires=60&X-Amz-Signature=a".to_owned(),
            "url_expired",
        ),
    ] {
        let run = validate(&[&url]);
        assert_eq!(run.code, 3, "{url} {}", run.text());
        assert_eq!(run.json()["error"]["kind"], kind, "{url}");
    }
    assert_eq!(server.asked.lock().unwrap().len(), 0);
}

#[test]
fn exceeded_budget_gives_no_wrong_duration() {
    let server = serve();
    let run = validate(&[
        "--allow-private",
        "--url-bytes",
        "2kB",
        &format!("{}/good.mp4", server.address),
    ]);
    let printed = run.json();
    let duration = printed["facts"]["duration_seconds"].as_f64();
    assert!(
        duration.is_none_or(|seconds| (seconds - 5.0).abs() < 0.2),
        "{printed}"
    );
}

#[test]
fn requests_per_url_are_limited() {
    let server = serve();
    let url = format!("{}/drip.mp4", server.address);
    let run = validate(&["--allow-private", "--url-bytes", "1MiB", &url]);
    let asked = server.asked.lock().unwrap().len();
    assert!(asked <= 64 + 16, "{asked} requests");
    assert_eq!(run.code, 3, "{}", run.text());
    assert_eq!(run.json()["error"]["kind"], "too_many_requests");
}

#[test]
fn hls_manifests_are_checked_as_recordings() {
    let server = serve();
    let validate = |path: &str, code: i32| {
        let url = format!("{}{path}", server.address);
        Tl::new(&["validate", "--allow-private", "--json", &url])
            .code(code)
            .json()
    };
    let vod = validate("/vod.m3u8", 0);
    assert_eq!(vod["report"]["verdict"], "pass", "{vod}");
    for (path, rule, observed) in [
        ("/live", "file.playlist", "live stream"),
        ("/text.m3u8", "file.playlist", "no playlist"),
        ("/short.m3u8", "duration.min", "1"),
    ] {
        let report = validate(path, 3);
        let finding = &report["report"]["findings"][0];
        assert!(
            finding["rule"].as_str().unwrap().ends_with(rule),
            "{report}"
        );
        let seen = finding["observed"].as_str().unwrap();
        assert!(seen.contains(observed), "{report}");
    }
    // Segments are not fetched.
    let asked = server.asked.lock().unwrap();
    assert!(!asked.iter().any(|head| head.contains(".ts ")), "{asked:?}");
}

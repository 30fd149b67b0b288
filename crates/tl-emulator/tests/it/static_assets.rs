//! Assets other than video and audio files: images, documents, and playlists of recordings.

use std::{
    collections::HashMap,
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use tl_emulator::{Emulator, Schedule};

use crate::{
    clips::clip,
    raw::{builder, exchange, get, head, index, send_json},
};

fn emulator() -> Emulator {
    builder()
        .schedule(Schedule::INSTANT)
        .allow_private_urls(true)
        .start_blocking()
        .unwrap()
}

/// Creates an asset from these parts and waits until it is ready or has failed.
fn asset(emulator: &Emulator, texts: &[(&str, &str)], file: Option<(&str, &[u8])>) -> Value {
    let mut body = Vec::new();
    for (name, value) in texts {
        let part =
            format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    if let Some((filename, bytes)) = file {
        let part = format!(
            "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\r\n"
        );
        body.extend_from_slice(part.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XX--\r\n");
    let length = body.len().to_string();
    let headers = [
        ("content-type", "multipart/form-data; boundary=XX"),
        ("content-length", length.as_str()),
    ];
    let created = exchange(emulator, &head("POST", "/v1.3/assets", &headers), &body).unwrap();
    assert_eq!(created.status, 201, "{created:?}");
    let id = created.json()["_id"].as_str().unwrap().to_owned();
    for _ in 0..600 {
        let shown = get(emulator, &format!("/v1.3/assets/{id}")).json();
        if shown["status"] != "processing" {
            return shown;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{id} never ended");
}

fn sent(emulator: &Emulator, name: &str, bytes: &[u8]) -> Value {
    let texts = [("method", "direct"), ("enable_thumbnail", "true")];
    asset(emulator, &texts, Some((name, bytes)))
}

/// Waits until the thumbnail of an asset is finished or has failed.
fn thumbnail(emulator: &Emulator, id: &str) -> Value {
    for _ in 0..600 {
        let shown = get(emulator, &format!("/v1.3/assets/{id}")).json();
        let thumbnail = &shown["thumbnail"];
        if thumbnail["status"] == "ready" || thumbnail["status"] == "error" {
            return thumbnail.clone();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{id} has no thumbnail");
}

/// Creates an image with `ffmpeg`.
fn picture(folder: &Path, name: &str) -> Vec<u8> {
    let path = folder.join(name);
    let created = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi"])
        .args([
            "-i",
            "testsrc2=size=320x240:rate=1:duration=1",
            "-frames:v",
            "1",
        ])
        .arg(&path)
        .status()
        .unwrap();
    assert!(created.success());
    fs::read(path).unwrap()
}

#[test]
fn images_and_documents_become_assets_with_metadata() {
    let emulator = emulator();
    let folder = tempfile::tempdir().unwrap();
    for (name, kind, format) in [
        ("a.png", "image/png", "png"),
        ("a.jpg", "image/jpeg", "jpeg"),
        ("a.bmp", "image/bmp", "bmp"),
        ("a.gif", "image/gif", "gif"),
    ] {
        let bytes = picture(folder.path(), name);
        let shown = sent(&emulator, name, &bytes);
        assert_eq!(
            (&shown["status"], &shown["file_type"]),
            (&json!("ready"), &json!(kind)),
            "{shown}"
        );
        let technical = &shown["technical_metadata"];
        assert_eq!(
            (
                &technical["image_width"],
                &technical["image_height"],
                &technical["image_format"]
            ),
            (&json!(320), &json!(240), &json!(format))
        );
        assert_eq!(shown["size"], bytes.len());
        // Only video and audio have a stream.
        assert_eq!(
            (&shown["hls"], &shown["duration"]),
            (&Value::Null, &Value::Null)
        );
        let id = shown["_id"].as_str().unwrap();
        let thumbnail = thumbnail(&emulator, id);
        assert_eq!(thumbnail["status"], "ready", "{name} {thumbnail}");
        let url = thumbnail["representative_url"].as_str().unwrap();
        let url = url::Url::parse(url).unwrap();
        assert_eq!(&get(&emulator, url.path()).body[..2], b"\xff\xd8");
        let cut = sent(&emulator, name, &bytes[..bytes.len() / 2]);
        assert_eq!(cut["status"], "failed", "{cut}");
        assert!(
            cut["error"]["message"].as_str().unwrap().contains("broken"),
            "{cut}"
        );
    }
    let pdf = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n";
    for (name, bytes, kind) in [
        ("a.pdf", &pdf[..], "application/pdf"),
        ("a.txt", b"hello", "text/plain"),
        ("A.MD", b"# Hello", "text/markdown"),
    ] {
        let shown = sent(&emulator, name, bytes);
        assert_eq!(
            (&shown["status"], &shown["file_type"]),
            (&json!("ready"), &json!(kind)),
            "{shown}"
        );
        assert_eq!(shown["technical_metadata"]["file_size_bytes"], bytes.len());
        assert_eq!(shown["hls"], Value::Null);
    }
    for (name, bytes) in [
        ("a.pdf", &b"hello"[..]),
        ("a.txt", b"\0\x01"),
        ("a.mp4", pdf),
        ("a.zip", b"PK\x03\x04"),
    ] {
        let shown = sent(&emulator, name, bytes);
        assert_eq!(shown["status"], "failed", "{name} {shown}");
    }
    let listed = |kind: &str| {
        get(
            &emulator,
            &format!("/v1.3/assets?asset_types={kind}&page_limit=50"),
        )
        .json()["page_info"]["total_results"]
            .clone()
    };
    assert_eq!(listed("image"), 8);
    assert_eq!(listed("document"), 5);
}

#[test]
fn image_cannot_be_indexed() {
    let emulator = emulator();
    let folder = tempfile::tempdir().unwrap();
    let image = sent(&emulator, "a.png", &picture(folder.path(), "a.png"));
    let path = format!("/v1.3/indexes/{}/indexed-assets", index(&emulator));
    let refused = send_json(
        &emulator,
        "POST",
        &path,
        &json!({ "asset_id": image["_id"] }),
    );
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (400, &json!("parameter_invalid"))
    );
    let message = refused.json()["message"].to_string();
    assert!(message.contains("image/png"), "{message}");
}

/// Serves these files; honors range requests if `ranges` is set.
fn serve(files: HashMap<String, Vec<u8>>, ranges: bool) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let path = path.split('?').next().unwrap_or_default().to_owned();
            let range = request
                .lines()
                .find_map(|line| line.strip_prefix("range: bytes="))
                .filter(|_| ranges)
                .and_then(|range| range.split_once('-'));
            let response = match (files.get(&path), range) {
                (None, _) => {
                    b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                        .to_vec()
                }
                (Some(bytes), range) => {
                    let (status, bytes) = match range {
                        None => ("200 OK", &bytes[..]),
                        Some((from, to)) => (
                            "206 Partial Content",
                            &bytes[from.parse().unwrap()..=to.parse::<usize>().unwrap()],
                        ),
                    };
                    let head = format!(
                        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        bytes.len()
                    );
                    [head.as_bytes(), bytes].concat()
                }
            };
            _ = stream.write_all(&response);
        }
    });
    format!("http://{address}")
}

/// Creates a recording of 5 s in segments, with a playlist of a single quality.
fn recording(arguments: &str) -> HashMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let created = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-i"])
        .arg(clip("640x360", 5))
        .args([
            "-c",
            "copy",
            "-f",
            "hls",
            "-hls_time",
            "1",
            "-hls_playlist_type",
            "vod",
        ])
        .args(arguments.split_whitespace())
        .arg("stream.m3u8")
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(created.success());
    let files = fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
    let mut files: HashMap<String, Vec<u8>> = files
        .map(|file| {
            (
                format!("/x/{}", file.file_name().display()),
                fs::read(file.path()).unwrap(),
            )
        })
        .collect();
    let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=500000,RESOLUTION=640x360\nx/stream.m3u8\n";
    files.insert("/master.m3u8".to_owned(), master.as_bytes().to_vec());
    files
}

#[test]
fn hls_recording_becomes_an_asset() {
    let emulator = emulator();
    let index = index(&emulator);
    let fetched = |url: &str| asset(&emulator, &[("method", "url"), ("url", url)], None);
    let whole = "-c:v mpeg2video -hls_segment_filename piece%d.ts";
    let parts = "-hls_segment_type fmp4 -hls_flags single_file -hls_segment_filename stream.mp4";
    for (arguments, ranges) in [(whole, false), (parts, true), (parts, false)] {
        let site = serve(recording(arguments), ranges);
        for path in ["/master.m3u8", "/x/stream.m3u8?sig=1"] {
            let shown = fetched(&format!("{site}{path}"));
            assert_eq!(shown["status"], "ready", "{arguments} {path} {shown}");
            assert_eq!(shown["technical_metadata"]["video_width"], 640);
            let seconds = shown["duration"].as_f64().unwrap();
            assert!((4.8..5.3).contains(&seconds), "{seconds}");
            let path = format!("/v1.3/indexes/{index}/indexed-assets");
            let created = send_json(
                &emulator,
                "POST",
                &path,
                &json!({ "asset_id": shown["_id"] }),
            );
            assert_eq!(created.status, 202, "{created:?}");
        }
    }
}

#[test]
fn invalid_playlist_fails_with_a_reason() {
    let emulator = emulator();
    let mut files = recording("");
    let text = String::from_utf8(files["/x/stream.m3u8"].clone()).unwrap();
    let more = [
        (
            "/x/live.m3u8",
            text.replace("#EXT-X-ENDLIST", ""),
            "live stream",
        ),
        (
            "/x/locked.m3u8",
            text.replace(
                "#EXT-X-TARGET",
                "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXT-X-TARGET",
            ),
            "encrypted",
        ),
        ("/x/gone.m3u8", text.replace("stream0.ts", "gone.ts"), "404"),
        (
            "/x/file.m3u8",
            text.replace("stream0.ts", "file:///etc/passwd"),
            "scheme",
        ),
        (
            "/x/loop.m3u8",
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nloop.m3u8\n".to_owned(),
            "names another",
        ),
        ("/x/page.m3u8", "<html>".to_owned(), "no playlist"),
    ];
    for (path, text, _) in &more {
        files.insert((*path).to_owned(), text.clone().into_bytes());
    }
    let site = serve(files, true);
    for (path, _, reason) in more {
        let url = format!("{site}{path}");
        let shown = asset(&emulator, &[("method", "url"), ("url", &url)], None);
        assert_eq!(shown["status"], "failed", "{path} {shown}");
        let message = shown["error"]["message"].as_str().unwrap();
        assert!(message.contains(reason), "{path}: {message}");
    }
}

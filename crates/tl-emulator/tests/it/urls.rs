//! Videos by URL, fetched from a real server on loopback.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use crate::{
    clips::clip,
    raw::{builder, form, get, index, send_form, wait_for},
};

/// Serves `response` to every client and returns the URL.
fn serve(response: Vec<u8>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            _ = stream.read(&mut request);
            _ = stream.write_all(&response);
        }
    });
    format!("http://{address}")
}

fn ok(body: &[u8]) -> Vec<u8> {
    let mut response =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    response.extend_from_slice(body);
    response
}

#[test]
fn url_is_fetched_and_indexed_or_fails_with_a_reason() {
    let emulator = builder().allow_private_urls(true).start_blocking().unwrap();
    let index = index(&emulator);
    let good = serve(ok(&std::fs::read(clip("640x360", 5)).unwrap()));
    let small = serve(ok(&std::fs::read(clip("320x180", 5)).unwrap()));
    let page = serve(ok(b"<html>log in</html>"));
    let missing = serve(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec());
    let cut = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf".to_vec());
    let moved = serve(
        format!("HTTP/1.1 302 Found\r\nlocation: {good}/other.mp4\r\ncontent-length: 0\r\n\r\n")
            .into_bytes(),
    );
    let sly = serve(
        b"HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n".to_vec(),
    );
    let closed = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for (url, last, reason) in [
        (&good, "ready", ""),
        (&moved, "ready", ""),
        (&small, "failed", "video_resolution_too_low"),
        (&page, "failed", "video_file_broken"),
        (&missing, "failed", "404"),
        (&cut, "failed", "could not be fetched"),
        (&sly, "failed", "file"),
        (&closed, "failed", "could not be fetched"),
    ] {
        let url = format!("{url}/dir/clip.mp4?sig=1");
        let created = send_form(
            &emulator,
            &form(&[("index_id", &index), ("video_url", &url)], None),
        );
        assert_eq!(created.status, 201, "{created:?}");
        let task = created.json()["_id"].as_str().unwrap().to_owned();
        let seen = wait_for(&emulator, &task);
        let body = get(&emulator, &format!("/v1.3/tasks/{task}")).json();
        assert_eq!(seen.last().unwrap(), last, "{url}: {body}");
        let message = body["error_reason"].as_str().unwrap_or_default();
        assert!(message.contains(reason), "{url}: {message}");
    }
}

#[test]
fn private_addresses_require_permission() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    let url = serve(ok(&std::fs::read(clip("640x360", 5)).unwrap()));
    for url in [url.clone(), url.replace("127.0.0.1", "localhost")] {
        let created = send_form(
            &emulator,
            &form(&[("index_id", &index), ("video_url", &url)], None),
        );
        let task = created.json()["_id"].as_str().unwrap().to_owned();
        wait_for(&emulator, &task);
        let body = get(&emulator, &format!("/v1.3/tasks/{task}")).json();
        let message = body["error_reason"].as_str().unwrap_or_default();
        assert!(message.contains("not a public address"), "{url}: {message}");
    }
}

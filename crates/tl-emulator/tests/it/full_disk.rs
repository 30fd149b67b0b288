//! Full disk: a request answered with 500 has no effect, neither in memory nor on disk. An emptied
//! database is not accepted as a new one.

use std::{fs, io::Write, net::TcpStream, time::Duration};

use serde_json::{Value, json};
use tl_emulator::Schedule;

use crate::{
    process::{self, Process},
    raw::{RawResponse, builder, read_response},
};

const TEST: &str = "full_disk::failed_write_leaves_no_state";
/// 256 KiB: the write-ahead log is full after some dozens of writes.
const BLOCKS: u32 = 512;

fn request(port: u16, method: &str, path: &str, content_type: &str, body: &[u8]) -> RawResponse {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let limit = Some(Duration::from_secs(30));
    stream.set_read_timeout(limit).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: tlk_emulator_full\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    read_response(&mut stream).unwrap()
}

fn new_index(port: u16, name: &str) -> RawResponse {
    let models = json!([{ "model_name": "marengo3.0", "model_options": ["visual"] }]);
    let body = json!({ "index_name": name, "models": models }).to_string();
    request(
        port,
        "POST",
        "/v1.3/indexes",
        "application/json",
        body.as_bytes(),
    )
}

/// Creates a text asset, whose file is small enough for any disk.
fn new_asset(port: u16) -> RawResponse {
    let body = "--XX\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\ndirect\r\n\
                --XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--XX--\r\n";
    let kind = "multipart/form-data; boundary=XX";
    request(port, "POST", "/v1.3/assets", kind, body.as_bytes())
}

fn state(port: u16) -> Value {
    request(port, "GET", "/_emulator/state", "text/plain", b"").json()
}

#[test]
fn failed_write_leaves_no_state() {
    process::serve_if_child(|builder| builder.schedule(Schedule::INSTANT).ffmpeg("/nowhere"));
    let folder = tempfile::tempdir().unwrap();
    let before = {
        let process = Process::start_on_small_disk(TEST, folder.path(), BLOCKS);
        let port = process.port;
        assert_eq!(new_asset(port).status, 201);
        let mut before = Value::Null;
        let refused = (0..2000).find_map(|number| {
            before = state(port);
            let created = new_index(port, &format!("index {number}"));
            (created.status != 201).then_some((number, created))
        });
        let (number, refused) = refused.expect("the disk is full at some time");
        assert_eq!(refused.status, 500, "{refused:?}");
        assert!(number > 3, "{number}");
        assert_eq!(state(port), before);
        // A smaller write may still fit. Then no kind of write succeeds, and a second attempt fails
        // as well.
        let mut assets = 1;
        while new_asset(port).status == 201 {
            assets += 1;
        }
        let before = state(port);
        let first = before["indexes"].as_object().unwrap();
        let first = first.keys().next().unwrap();
        assert_eq!(new_asset(port).status, 500);
        let path = format!("/v1.3/indexes/{first}");
        assert_eq!(
            request(port, "DELETE", &path, "text/plain", b"").status,
            500
        );
        assert_eq!(request(port, "GET", &path, "text/plain", b"").status, 200);
        assert_eq!(new_index(port, &format!("index {number}")).status, 500);
        assert_eq!(
            request(port, "POST", "/_emulator/reset", "text/plain", b"").status,
            500
        );
        assert_eq!(state(port), before);
        let files = |name: &str| fs::read_dir(folder.path().join(name)).unwrap().count();
        assert_eq!((files("media"), files("incoming")), (assets, 0));
        before
    };
    // Now there is space again.
    let process = Process::start(TEST, folder.path());
    assert_eq!(state(process.port), before);
    assert_eq!(new_index(process.port, "one more").status, 201);
}

#[test]
fn empty_database_with_media_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("state.sqlite");
    let start = || builder().state_dir(folder.path()).start_blocking();
    // An empty database without media is valid.
    fs::write(&database, "").unwrap();
    drop(start().unwrap());
    drop(start().unwrap());
    let media = folder.path().join("media/0123-0");
    fs::write(&media, "a video").unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
    for is_there in [true, false] {
        if is_there {
            fs::write(&database, "").unwrap();
        } else {
            fs::remove_file(&database).unwrap();
        }
        let error = start().unwrap_err().to_string();
        assert!(error.contains("media files beside it"), "{error}");
        assert!(media.exists());
    }
}

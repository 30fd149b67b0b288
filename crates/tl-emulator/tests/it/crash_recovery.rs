//! Crash recovery: clients write to an emulator in a separate process until it is killed. The next
//! emulator with the same state must know everything that was acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    net::TcpStream,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use md5::{Digest, Md5};
use serde_json::{Value, json};
use tl_emulator::Schedule;

use crate::{
    clips::clip,
    process::{self, Process},
    raw::{RawResponse, form, read_response},
};

/// The test that the test program runs in the child process.
const TEST: &str = "crash_recovery::acknowledged_writes_survive_sigkill";
const ROUNDS: u64 = 4;
/// Timeout for the first responses.
const TIMEOUT: Duration = Duration::from_secs(60);
const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 4;

/// Sends a request, with the API key unless it goes to the storage. Returns `None` if the emulator
/// is gone.
fn request(
    port: u16,
    method: &str,
    path: &str,
    content_type: &str,
    body: &[u8],
) -> Option<RawResponse> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .ok()?;
    let key = match path.starts_with("/_storage") {
        true => "",
        false => "x-api-key: tlk_emulator_kill\r\n",
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{key}content-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    read_response(&mut stream)
}

fn get(port: u16, path: &str) -> RawResponse {
    request(port, "GET", path, "text/plain", b"").unwrap_or_else(|| panic!("no answer to {path}"))
}

fn json_to(port: u16, path: &str, body: &Value) -> Option<RawResponse> {
    request(
        port,
        "POST",
        path,
        "application/json",
        body.to_string().as_bytes(),
    )
}

/// The ID in a successful response. Panics on an error status; returns `None` if there is no
/// response, which means that the emulator was killed.
fn id(response: Option<RawResponse>) -> Option<String> {
    let response = response?;
    assert!((200..300).contains(&response.status), "{response:?}");
    Some(response.json()["_id"].as_str().unwrap().to_owned())
}

/// A multipart upload from the client's point of view.
#[derive(Debug, Clone, Default)]
struct Session {
    etags: BTreeMap<usize, String>,
    reported: BTreeSet<usize>,
    asset_id: String,
}

/// The acknowledged writes.
#[derive(Debug, Default)]
struct Answered {
    indexes: Vec<String>,
    deleted: Vec<String>,
    /// Pairs of task and video IDs.
    tasks: Vec<(String, String)>,
    assets: Vec<String>,
    sessions: BTreeMap<String, Session>,
}

impl Answered {
    /// Whether there is at least one write of every kind.
    fn has_everything(&self) -> bool {
        let mut sessions = self.sessions.values();
        !self.indexes.is_empty()
            && !self.deleted.is_empty()
            && !self.tasks.is_empty()
            && !self.assets.is_empty()
            && sessions.any(|session| session.etags.len() == CHUNKS)
    }
}

type Shared = Arc<Mutex<Answered>>;

fn new_index(port: u16, name: &str) -> Option<String> {
    let models = json!([{ "model_name": "marengo3.0", "model_options": ["visual"] }]);
    id(json_to(
        port,
        "/v1.3/indexes",
        &json!({ "index_name": name, "models": models }),
    ))
}

/// Creates indexes, and deletes every other one.
fn write_indexes(port: u16, name: &str, answered: &Shared) -> Option<()> {
    for number in 0.. {
        let index = new_index(port, &format!("{name}-{number}"))?;
        if number % 2 == 0 {
            answered.lock().unwrap().indexes.push(index);
            continue;
        }
        let deleted = request(
            port,
            "DELETE",
            &format!("/v1.3/indexes/{index}"),
            "text/plain",
            b"",
        )?;
        assert_eq!(deleted.status, 204, "{deleted:?}");
        answered.lock().unwrap().deleted.push(index);
    }
    None
}

fn write_tasks(port: u16, name: &str, video: &[u8], answered: &Shared) -> Option<()> {
    let index = new_index(port, name)?;
    loop {
        let body = form(&[("index_id", &index)], Some(("a.mp4", video)));
        let created = request(
            port,
            "POST",
            "/v1.3/tasks",
            "multipart/form-data; boundary=XX",
            &body,
        )?;
        assert_eq!(created.status, 201, "{created:?}");
        let created = created.json();
        let id = |name: &str| created[name].as_str().unwrap().to_owned();
        answered
            .lock()
            .unwrap()
            .tasks
            .push((id("_id"), id("video_id")));
    }
}

fn write_assets(port: u16, video: &[u8], answered: &Shared) -> Option<()> {
    let mut body = form(&[("method", "direct")], None);
    body.truncate(body.len() - b"--XX--\r\n".len());
    body.extend_from_slice(
        b"--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp4\"\r\n\r\n",
    );
    body.extend_from_slice(video);
    body.extend_from_slice(b"\r\n--XX--\r\n");
    loop {
        let created = request(
            port,
            "POST",
            "/v1.3/assets",
            "multipart/form-data; boundary=XX",
            &body,
        );
        let asset = id(created)?;
        answered.lock().unwrap().assets.push(asset);
    }
}

/// The bytes of a chunk: the same for every upload, different for every chunk number.
fn chunk(number: usize) -> Vec<u8> {
    vec![u8::try_from(number).unwrap(); CHUNK]
}

fn write_chunks(port: u16, answered: &Shared) -> Option<()> {
    loop {
        let total = CHUNK * CHUNKS;
        let body = json!({ "filename": "long.mp4", "type": "video", "total_size": total });
        let opened = json_to(port, "/v1.3/assets/multipart-uploads", &body)?;
        assert_eq!(opened.status, 201, "{opened:?}");
        let opened = opened.json();
        let upload = opened["upload_id"].as_str().unwrap().to_owned();
        let known = |change: &dyn Fn(&mut Session)| {
            change(
                answered
                    .lock()
                    .unwrap()
                    .sessions
                    .entry(upload.clone())
                    .or_default(),
            );
        };
        known(&|session| session.asset_id = opened["asset_id"].as_str().unwrap().to_owned());
        for entry in opened["upload_urls"].as_array().unwrap() {
            let number = usize::try_from(entry["chunk_index"].as_u64().unwrap()).unwrap();
            let url = url::Url::parse(entry["url"].as_str().unwrap()).unwrap();
            let path = format!("{}?{}", url.path(), url.query().unwrap());
            let put = request(
                port,
                "PUT",
                &path,
                "application/octet-stream",
                &chunk(number),
            )?;
            assert_eq!(put.status, 200, "{put:?}");
            let etag = etag(number);
            known(&|session| _ = session.etags.insert(number, etag.clone()));
            // Leave the last two unreported: the next run must still know that they are stored.
            if number + 2 > CHUNKS {
                continue;
            }
            let reported = report(port, &upload, number)?;
            assert_eq!(reported.status, 200, "{reported:?}");
            known(&|session| _ = session.reported.insert(number));
        }
    }
}

fn etag(number: usize) -> String {
    let digest = Md5::digest(chunk(number));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn report(port: u16, upload: &str, number: usize) -> Option<RawResponse> {
    let chunk = json!({
        "chunk_index": number, "proof": etag(number), "proof_type": "etag", "chunk_size": CHUNK,
    });
    let body = json!({ "completed_chunks": [chunk] });
    json_to(
        port,
        &format!("/v1.3/assets/multipart-uploads/{upload}"),
        &body,
    )
}

/// Checks all acknowledged writes against the current state.
fn check(port: u16, answered: &Answered, video: &[u8]) {
    let status_of = |path: &str| get(port, path).status;
    for index in &answered.indexes {
        assert_eq!(
            status_of(&format!("/v1.3/indexes/{index}")),
            200,
            "index {index}"
        );
    }
    for index in &answered.deleted {
        assert_eq!(
            status_of(&format!("/v1.3/indexes/{index}")),
            404,
            "deleted index {index}"
        );
    }
    let stored = |id: &str| get(port, &format!("/_emulator/media/{id}")).body == video;
    for (task, video) in &answered.tasks {
        let body = get(port, &format!("/v1.3/tasks/{task}")).json();
        assert_eq!(body["status"], "ready", "task {task}: {body}");
        assert!(stored(video), "the file of the video {video}");
    }
    for asset in &answered.assets {
        assert_eq!(
            status_of(&format!("/v1.3/assets/{asset}")),
            200,
            "asset {asset}"
        );
        assert!(stored(asset), "the file of the asset {asset}");
    }
    for (upload, session) in &answered.sessions {
        let path = format!("/v1.3/assets/multipart-uploads/{upload}?page_limit=50");
        let body = get(port, &path).json();
        for number in &session.reported {
            let state = &body["uploaded_chunks"][number - 1];
            assert_eq!(
                (&state["index"], &state["status"]),
                (&json!(number), &json!("completed")),
                "chunk {number} of {upload}: {body}"
            );
        }
    }
}

/// Reports chunks that were stored but not reported. The files completed by this must have the
/// expected bytes.
fn finish(port: u16, answered: &Answered) -> usize {
    let expected: Vec<u8> = (1..=CHUNKS).flat_map(chunk).collect();
    let mut completed = 0;
    for (upload, session) in &answered.sessions {
        for number in session
            .etags
            .keys()
            .filter(|number| !session.reported.contains(*number))
        {
            let reported = report(port, upload, *number).unwrap();
            assert_eq!(
                reported.status, 200,
                "chunk {number} of {upload}: {reported:?}"
            );
        }
        if session.etags.len() == CHUNKS {
            let kept = get(port, &format!("/v1.3/assets/{}", session.asset_id));
            assert_eq!(kept.status, 200, "{kept:?}");
            let file = get(port, &format!("/_emulator/media/{}", session.asset_id));
            // The file is no video, so it is deleted once it has been probed.
            assert!(file.status == 404 || file.body == expected, "{upload}");
            completed += 1;
        }
    }
    completed
}

#[test]
fn acknowledged_writes_survive_sigkill() {
    process::serve_if_child(|builder| {
        builder
            .schedule(Schedule::INSTANT)
            .chunk_size(CHUNK as u64)
            // Renditions are not part of this test.
            .ffmpeg("/nowhere/ffmpeg")
    });
    let folder = tempfile::tempdir().unwrap();
    let video = Arc::new(std::fs::read(clip("640x360", 5)).unwrap());
    let answered = Shared::default();
    let seed = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    println!("seed of the moments of the kills: {seed}");
    for round in 0..ROUNDS {
        let process = Process::start(TEST, folder.path());
        let port = process.port;
        check(port, &answered.lock().unwrap(), &video);
        let wait = 150 + (u64::from(seed) + round * 7919) % 600;
        let writers: Vec<_> = (0..6)
            .map(|writer| {
                let (answered, video) = (Arc::clone(&answered), Arc::clone(&video));
                let name = format!("{round}-{writer}");
                std::thread::spawn(move || match writer {
                    0 | 1 => write_indexes(port, &name, &answered),
                    2 => write_tasks(port, &name, &video, &answered),
                    3 => write_assets(port, &video, &answered),
                    _ => write_chunks(port, &answered),
                })
            })
            .collect();
        // A busy machine responds late, and a run without acknowledged writes would prove nothing.
        let started = Instant::now();
        while round == 0 && !answered.lock().unwrap().has_everything() {
            assert!(
                started.elapsed() < TIMEOUT,
                "{:?}",
                answered.lock().unwrap()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(wait));
        drop(process);
        for writer in writers {
            writer.join().unwrap();
        }
    }
    let started = Instant::now();
    let process = Process::start(TEST, folder.path());
    let answered = answered.lock().unwrap();
    check(process.port, &answered, &video);
    let completed = finish(process.port, &answered);
    let reported: usize = answered
        .sessions
        .values()
        .map(|session| session.reported.len())
        .sum();
    println!(
        "{ROUNDS} kills: {} indexes, {} deletions, {} tasks, {} assets, {} uploads with {reported} reported chunks, {completed} of them \
         completed afterwards; looked at in {:.1?}",
        answered.indexes.len(),
        answered.deleted.len(),
        answered.tasks.len(),
        answered.assets.len(),
        answered.sessions.len(),
        started.elapsed()
    );
    assert!(completed > 0);
}

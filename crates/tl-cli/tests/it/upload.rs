//! `tl upload` against the emulator: in one request and in chunks, interrupted and resumed, listed
//! and abandoned.

use std::process::Stdio;

use tl_emulator::{Fault, FaultPlan};
use tl_testkit::server::{Reply, Server};

use crate::clips;
use crate::platform::{Platform, json};
use crate::tl::{KEY, Run, Running, Tl, snapshot};

/// A platform with small chunks, a directory with a clip, and a checkpoint directory.
struct World {
    platform: Platform,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            platform: Platform::with(|builder| builder.chunk_size(4096)),
            folder: clips::folder(&["good.mp4"]),
        }
    }

    fn tl(&self, arguments: &[&str]) -> Tl {
        self.platform
            .tl(arguments)
            .env("TL_CHECKPOINTS", "kept")
            .in_folder(self.folder.path())
    }

    fn faults(&self, text: &[&str]) {
        let mut plan = FaultPlan::default();
        plan.faults = text
            .iter()
            .map(|text| text.parse::<Fault>().unwrap())
            .collect();
        self.platform.emulator.set_faults(plan).unwrap();
    }

    /// The chunks that the storage received, sorted.
    fn stored(&self) -> Vec<u32> {
        let journal = self.platform.emulator.journal();
        let taken = journal.iter().filter_map(|entry| entry.chunk.as_ref());
        let mut chunks: Vec<u32> = taken
            .filter(|chunk| chunk.accepted)
            .map(|chunk| chunk.chunk_index)
            .collect();
        chunks.sort_unstable();
        chunks
    }

    /// Starts an upload in chunks, and sends `signal` after some chunks.
    fn cut_off(&self, signal: rustix::process::Signal) -> Run {
        let mut tl = self.tl(&[
            "upload",
            "good.mp4",
            "--route",
            "multipart",
            "--concurrency",
            "1",
            "--limit-rate",
            "20kB/s",
        ]);
        tl.command().stdout(Stdio::piped()).stderr(Stdio::piped());
        let running = Running::start(tl.command());
        let since = std::time::Instant::now();
        while self.stored().len() < 3 {
            assert!(since.elapsed().as_secs() < 30, "no chunk arrives");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        running.signal(signal);
        running.finish()
    }
}

#[test]
fn upload_creates_an_asset() {
    let world = World::new();
    snapshot!("upload", world.tl(&["upload", "good.mp4"]).code(0));
    snapshot!(
        "upload_wait",
        world
            .tl(&["upload", "good.mp4", "--wait", "--interval", "50ms"])
            .code(0)
    );
    let line = world
        .tl(&[
            "upload",
            "good.mp4",
            "--route",
            "multipart",
            "--wait",
            "--interval",
            "50ms",
            "--json",
        ])
        .code(0)
        .json();
    assert_eq!(
        (&line["status"], &line["route"]),
        (&"ready".into(), &"multipart".into())
    );
    assert_eq!(line["chunks"]["total"], line["chunks"]["attempts"]);
    let asset = line["asset_id"].as_str().unwrap();
    let quiet = world.tl(&["upload", "good.mp4", "--quiet"]).code(0);
    assert_eq!(quiet.first_line().len(), asset.len());
    assert_eq!(quiet.stderr, "");
    assert_eq!(
        world.tl(&["upload", "list", "--json"]).code(0).json(),
        serde_json::json!([])
    );
}

#[test]
fn interrupted_upload_resumes() {
    let world = World::new();
    let run = world.cut_off(rustix::process::Signal::INT);
    assert_eq!(run.code, 130, "{}", run.text());
    snapshot!("upload_interrupted", run);
    let list = world.tl(&["upload", "list", "--json"]).code(0).json();
    let kept = &list[0];
    assert_eq!(kept["state"], "resumable", "{list}");
    assert!(kept["sent_chunks"].as_u64().unwrap() >= 2, "{list}");
    assert!(kept["source"].as_str().unwrap().ends_with("good.mp4"));
    assert!(kept["expires_at"].is_string());
    let line = world
        .tl(&["upload", "good.mp4", "--route", "multipart", "--json"])
        .code(0)
        .json();
    assert_eq!(line["upload_id"], kept["upload_id"]);
    assert!(
        line["chunks"]["resumed"].as_u64() >= kept["sent_chunks"].as_u64(),
        "{line}"
    );
}

#[test]
fn killed_upload_resumes_without_sending_chunks_twice() {
    let world = World::new();
    let run = world.cut_off(rustix::process::Signal::KILL);
    assert_eq!(run.code, -1);
    let line = world
        .tl(&["upload", "good.mp4", "--route", "multipart", "--json"])
        .code(0)
        .json();
    assert!(line["chunks"]["resumed"].as_u64().unwrap() >= 2, "{line}");
    let stored = world.stored();
    let total = usize::try_from(line["chunks"]["total"].as_u64().unwrap()).unwrap();
    // The chunk in flight may have arrived without a response.
    assert!(stored.len() <= total + 1, "{stored:?} of {total}");
    assert_eq!(
        world
            .tl(&["upload", "list", "--local", "--json"])
            .code(0)
            .json(),
        serde_json::json!([])
    );
}

#[test]
fn checkpoints_are_listed_and_abandoned() {
    let world = World::new();
    world.cut_off(rustix::process::Signal::KILL);
    let table = world.tl(&["upload", "list"]).code(0).stdout;
    for part in [
        "CHECKPOINT",
        "SESSION",
        "resumable",
        " of 157.9 kB",
        "good.mp4",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let list = world.tl(&["upload", "list", "--json"]).code(0).json();
    let session = list[0]["upload_id"].as_str().unwrap().to_owned();
    let mut run = world.tl(&["upload", "abandon", &session]).code(0);
    let folder = world.folder.path().canonicalize().unwrap();
    run.stdout = run.stdout.replace(&*folder.to_string_lossy(), "[FOLDER]");
    snapshot!("upload_abandon", run);
    snapshot!(
        "upload_abandon_unknown",
        world.tl(&["upload", "abandon", &session]).code(2)
    );
    let list = world.tl(&["upload", "list", "--json"]).code(0).json();
    assert_eq!(
        (&list[0]["state"], &list[0]["upload_id"]),
        (&"elsewhere".into(), &session.into())
    );
    world.tl(&["upload", "abandon", "--all"]).code(0);
}

#[test]
fn unusable_checkpoint_requires_no_resume() {
    let world = World::new();
    world.cut_off(rustix::process::Signal::KILL);
    let clip = world.folder.path().join("good.mp4");
    let mut bytes = std::fs::read(&clip).unwrap();
    bytes.extend_from_slice(&[0; 9]);
    std::fs::write(&clip, bytes).unwrap();
    let before = world.platform.requests_at_rest();
    let again = ["upload", "good.mp4", "--route", "multipart", "--json"];
    let error = world.tl(&again).code(2).json();
    assert_eq!(error["error"]["kind"], "source_changed");
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("good.mp4"),
        "{error}"
    );
    assert!(
        error["error"]["next"]
            .as_str()
            .unwrap()
            .contains("--no-resume"),
        "{error}"
    );
    let kept = std::fs::read_dir(world.folder.path().join("kept")).unwrap();
    let file = kept
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().unwrap() == "json");
    std::fs::write(file.unwrap(), "{}").unwrap();
    let error = world.tl(&again).code(2).json();
    assert_eq!(error["error"]["kind"], "checkpoint");
    assert_eq!(world.platform.emulator.journal().len(), before);
    let line = world.tl(&again).arg("--no-resume").code(0).json();
    assert_eq!(line["chunks"]["resumed"], 0);
}

#[test]
fn upload_resumes_after_server_errors() {
    let world = World::new();
    // The session contains the first URLs.
    world.faults(&["multipart_upload.get_additional_presigned_urls status=503"]);
    let upload = [
        "upload",
        "good.mp4",
        "--route",
        "multipart",
        "--concurrency",
        "1",
        "--attempts",
        "1",
        "--json",
    ];
    let error = world.tl(&upload).code(5).json();
    assert_eq!(error["stage"], "upload");
    assert!(error["upload_id"].is_string(), "{error}");
    assert!(
        error["error"]["next"]
            .as_str()
            .unwrap()
            .contains("to resume"),
        "{error}"
    );
    world.faults(&[]);
    let line = world.tl(&upload).code(0).json();
    assert!(line["chunks"]["resumed"].as_u64().unwrap() >= 3, "{line}");
}

#[test]
fn unwritable_checkpoint_dir_is_a_warning() {
    let world = World::new();
    // A file cannot contain a directory, not even for root.
    let run = world
        .tl(&["upload", "good.mp4", "--checkpoints", "good.mp4/state"])
        .code(0);
    assert!(run.stderr.contains("warning: good.mp4: "), "{}", run.text());
    assert!(
        run.stderr
            .contains("failed to create the checkpoint directory"),
        "{}",
        run.text()
    );
    let quiet = world
        .tl(&[
            "upload",
            "good.mp4",
            "--checkpoints",
            "good.mp4/state",
            "-q",
        ])
        .code(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn attempts_apply_to_chunks() {
    let world = World::new();
    world.faults(&["storage.put status=500"]);
    let upload = ["upload", "good.mp4", "--route", "multipart", "--json"];
    let error = world.tl(&upload).args(&["--attempts", "1"]).code(5).json();
    assert_eq!(error["error"]["kind"], "server", "{error}");
    assert_eq!(error["error"]["attempts"], 1, "{error}");
}

/// A platform with TLS, whose presigned URL leads to `chunk`.
fn hostile_platform(chunk: &str) -> Server {
    let session = format!(
        r#"{{"upload_id": "u", "asset_id": "a", "chunk_size": 104857600, "total_chunks": 1,
            "upload_urls": [{{"chunk_index": 1, "url": "{chunk}"}}], "upload_headers": {{"x-session": "token"}}}}"#
    );
    let receipt = json(200, r#"{"processed_chunks": 1, "total_completed": 1}"#);
    Server::tls(&["localhost"], [json(201, &session).into(), receipt.into()])
}

#[test]
fn unsafe_presigned_url_requires_a_flag() {
    let world = World::new();
    let elsewhere = Server::reacting(|_| Reply::ok("").header("etag", "\"opaque\"").into());
    for (more, code) in [(None, 7), (Some("--allow-unsafe-urls"), 0)] {
        let platform = hostile_platform(&elsewhere.url("/latest?signature=token"));
        let base = platform.url("/v1.3").replace("127.0.0.1", "localhost");
        let roots = world.folder.path().join("roots.pem");
        std::fs::write(&roots, platform.root()).unwrap();
        let run = Tl::new(&["upload", "good.mp4", "--route", "multipart", "--json"])
            .to(&base, KEY)
            .env("TL_CHECKPOINTS", "hostile")
            .in_folder(world.folder.path())
            .args(&["--ca-file", "roots.pem", "--no-checkpoint"])
            .args(more.as_slice())
            .code(code);
        if code == 7 {
            let error = run.json();
            assert_eq!(error["error"]["kind"], "unsafe_url", "{error}");
            assert!(!run.text().contains("token"), "{}", run.text());
            assert_eq!(elsewhere.connections(), 0);
        }
    }
    let seen = elsewhere.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("x-session"), Some("token"));
    assert_eq!(seen[0].header("x-api-key"), None);
}

//! `tl webhook`: events of the emulator are received, and forged requests are rejected.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tl_ledger::Ledger;

use crate::clips;
use crate::platform::Platform;
use crate::tl::{Running, Tl};

/// Must not appear in any output.
const SECRET: &str = "whsec_SECRET0123456789";
const BODY: &str = r#"{"id":"whe_1","type":"index.task.ready","created_at":"2026-01-02T03:04:05.000+00:00","data":{"id":"64a0","status":"ready"}}"#;
const VARIABLE: &str = "TWELVELABS_WEBHOOK_SECRET";

/// A running listener and its port.
fn listen(arguments: &[&str]) -> (Running, u16) {
    let mut tl = Tl::new(&["webhook", "listen", "--address", "127.0.0.1:0", "--json"])
        .args(arguments)
        .env(VARIABLE, SECRET);
    tl.command().stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = tl.command().spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let (_, rest) = line.split_once("127.0.0.1:").unwrap_or_default();
    let port = rest.split('/').next().and_then(|port| port.parse().ok());
    let port = port.unwrap_or_else(|| panic!("no port in `{line}`"));
    // Keeps the pipe open: a closed one would lose the notes, not fail the command.
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    (Running::adopt(child), port)
}

/// Sends a request and returns the status of the response.
fn send(port: u16, path: &str, headers: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1);
    status.and_then(|status| status.parse().ok()).unwrap()
}

fn signed(body: &str) -> String {
    let now = std::time::SystemTime::now();
    let signature = tl_client::protocol::webhook::sign(SECRET, now, body.as_bytes());
    format!("TL-Signature: {signature}\r\n")
}

#[test]
fn events_of_an_ingest_are_received() {
    let (listener, port) = listen(&["--count", "1", "--deadline", "50s"]);
    let webhook = format!("http://127.0.0.1:{port}/,{SECRET}");
    let folder = clips::folder(&["good.mp4"]);
    let script = r#"id=$("$TL" index create films -q) && "$TL" ingest good.mp4 --index "$id" --wait --interval 100ms -q"#;
    Tl::new(&[
        "emulator",
        "exec",
        "--webhook",
        &webhook,
        "--",
        "sh",
        "-c",
        script,
    ])
    .env("TL", env!("CARGO_BIN_EXE_tl"))
    .in_folder(folder.path())
    .code(0);
    let run = listener.finish();
    assert_eq!(run.code, 0, "{}", run.text());
    let event: Value = serde_json::from_str(run.stdout.trim()).unwrap();
    assert_eq!(event["type"], "index.task.ready", "{event}");
    assert_eq!(event["data"]["status"], "ready");
}

#[test]
fn event_makes_a_run_look_at_once() {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4"]);
    let ledger = folder.path().join("ledger.sqlite3");
    let ledger = ledger.to_str().unwrap();
    let (listener, port) = listen(&["--ledger", ledger]);
    let mut tl = platform
        .tl(&["ingest", "good.mp4", "--index", "films", "--wait"])
        .args(&["--interval", "10m", "--ledger", ledger])
        .in_folder(folder.path());
    tl.command().stdout(Stdio::piped()).stderr(Stdio::piped());
    let (done, is_done) = std::sync::mpsc::channel();
    let running = Running::start(tl.command());
    std::thread::spawn(move || done.send(running.finish()));
    // Without an event, the run looks after ten minutes.
    let mut number = 0;
    let run = loop {
        match is_done.recv_timeout(Duration::from_millis(300)) {
            Ok(run) => break run,
            Err(_) => {
                number += 1;
                assert!(number < 200, "it does not look");
                let event = BODY.replace("whe_1", &format!("whe_{number}"));
                assert_eq!(send(port, "/", &signed(&event), &event), 204);
            }
        }
    };
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(number > 0, "it did not wait");
    listener.interrupt();
    listener.finish();
    let events = Ledger::open(ledger).unwrap().events().unwrap();
    assert_eq!(events.map(|(count, _)| count), Some(number));
}

#[test]
fn events_are_printed_if_the_ledger_cannot_be_written() {
    let folder = clips::folder(&[]);
    let path = folder.path().join("ledger.sqlite3");
    let ledger = path.to_str().unwrap();
    let (listener, port) = listen(&["--count", "1", "--ledger", ledger]);
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch("DROP TABLE hook").unwrap();
    assert_eq!(send(port, "/", &signed(BODY), BODY), 204);
    let run = listener.finish();
    assert_eq!((run.code, run.stdout.lines().count()), (0, 1));
}

#[test]
fn forged_and_repeated_requests_are_not_printed() {
    let (listener, port) = listen(&["--path", "/hook", "--count", "2"]);
    assert_eq!(send(port, "/hook", "", BODY), 400);
    assert_eq!(send(port, "/hook", "TL-Signature: x\r\n", BODY), 400);
    let changed = BODY.replace("ready", "failed");
    assert_eq!(send(port, "/hook", &signed(BODY), &changed), 401);
    assert_eq!(send(port, "/hook", &signed("{}"), "{}"), 400);
    assert_eq!(send(port, "/other", &signed(BODY), BODY), 404);
    let large = "x".repeat(2 << 20);
    let status = std::panic::catch_unwind(|| send(port, "/hook", &signed(&large), &large));
    // The server may close the connection before the whole body was sent.
    assert!(status.is_err() || status.is_ok_and(|status| status == 413));
    for _ in 0..3 {
        assert_eq!(send(port, "/hook", &signed(BODY), BODY), 204);
    }
    let second = BODY.replace("whe_1", "whe_2");
    assert_eq!(send(port, "/hook", &signed(&second), &second), 204);
    let run = listener.finish();
    assert_eq!(
        (run.code, run.stdout.lines().count()),
        (0, 2),
        "{}",
        run.text()
    );
}

#[test]
fn a_listener_without_events_ends_by_its_deadline() {
    let (listener, _) = listen(&["--deadline", "200ms"]);
    let run = listener.finish();
    assert_eq!(run.code, 8, "{}", run.text());
}

#[test]
fn a_recorded_request_is_verified() {
    let folder = clips::folder(&[]);
    std::fs::write(folder.path().join("body.json"), BODY).unwrap();
    let time = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let signature = tl_client::protocol::webhook::sign(SECRET, time, BODY.as_bytes());
    let verify = |arguments: &[&str]| {
        Tl::new(&["webhook", "verify", "--signature", &signature])
            .args(arguments)
            .env(VARIABLE, SECRET)
            .in_folder(folder.path())
    };
    let run = verify(&["body.json", "--at", "1700000100"]).code(0);
    assert_eq!(
        run.stdout,
        "2026-01-02T03:04:05.000+00:00  index.task.ready  64a0  ready  whe_1\n"
    );
    let late = verify(&["body.json"]).code(3);
    assert!(
        late.stderr
            .contains("s off the local clock (maximum 300 s)"),
        "{}",
        late.stderr
    );
    let changed = verify(&["-", "--at", "1700000100"]).input("{}").code(3);
    assert!(
        changed.stderr.contains("signature does not match"),
        "{}",
        changed.stderr
    );
    let none = Tl::new(&["webhook", "verify", "--signature", &signature, "-"]).code(2);
    assert!(none.stderr.contains("no webhook secret"), "{}", none.stderr);
}

//! A load on one emulator: 200 clients with 10,000 small requests while one file of 2 GiB is uploaded, and a sudden end under
//! load with a state folder. Prints what it measured, and fails where a bound is broken. Run it with `--release`.
//!
//! The emulator runs as another process, the `emulator` example beside this one, so that its memory is its own.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement for people, which may stop at the first surprise"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const CLIENTS: usize = 200;
const REQUESTS: usize = 10_000;
/// Each client asks again after this pause, as pollers do.
const PAUSE: Duration = Duration::from_millis(100);
const UPLOAD: u64 = 2 << 30;
const P99: Duration = Duration::from_millis(50);
const MEMORY_KIB: u64 = 100 * 1024;

struct Server {
    process: Child,
    port: u16,
}

fn start(options: &[&str]) -> Server {
    let program = std::env::current_exe().unwrap().with_file_name("emulator");
    let mut process = Command::new(&program)
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; build the example `emulator` first",
                program.display()
            )
        });
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    let url = url::Url::parse(told["base_url"].as_str().unwrap()).unwrap();
    Server {
        process,
        port: url.port().unwrap(),
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream
}

/// Sends a request and reads its answer: the status and the body.
fn ask(
    stream: &mut TcpStream,
    method: &str,
    path: &str,
    body: &str,
) -> std::io::Result<(u16, String)> {
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: tlk_emulator_load\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    answer(stream)
}

fn answer(stream: &mut TcpStream) -> std::io::Result<(u16, String)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16384];
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if body.len() >= length.unwrap_or(0) {
            let status = head
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok())
                .unwrap_or(0);
            return Ok((status, body.to_owned()));
        }
    }
}

fn new_index(stream: &mut TcpStream, name: &str) -> std::io::Result<String> {
    let body = format!(
        r#"{{"index_name":"{name}","models":[{{"model_name":"marengo3.0","model_options":["visual"]}}]}}"#
    );
    let (status, body) = ask(stream, "POST", "/v1.3/indexes", &body)?;
    assert_eq!(status, 201, "{body}");
    let value: serde_json::Value = serde_json::from_str(&body).unwrap();
    Ok(value["_id"].as_str().unwrap().to_owned())
}

/// Uploads `UPLOAD` bytes that are no video: they are streamed to disk, looked at, and refused.
fn upload(port: u16, index: &str) -> (u16, Duration) {
    let start = Instant::now();
    let mut stream = connect(port);
    let head = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"index_id\"\r\n\r\n{index}\r\n--XX\r\nContent-Disposition: form-data; name=\"video_file\"; filename=\"big.mp4\"\r\n\r\n"
    );
    let tail = "\r\n--XX--\r\n";
    let length = head.len() as u64 + UPLOAD + tail.len() as u64;
    write!(
        stream,
        "POST /v1.3/tasks HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: tlk_emulator_load\r\ncontent-type: multipart/form-data; boundary=XX\r\ncontent-length: {length}\r\n\r\n{head}"
    )
    .unwrap();
    let piece = vec![0x5a; 256 * 1024];
    for _ in 0..UPLOAD / piece.len() as u64 {
        stream.write_all(&piece).unwrap();
    }
    stream.write_all(tail.as_bytes()).unwrap();
    let (status, body) = answer(&mut stream).unwrap();
    assert!(body.contains("video_file_broken"), "{body}");
    (status, start.elapsed())
}

fn memory_kib(process: &Child, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn load() {
    let server = start(&[]);
    let index = new_index(&mut connect(server.port), "load").unwrap();
    let before = memory_kib(&server.process, "VmRSS:");
    let times = Arc::new(Mutex::new(Vec::with_capacity(REQUESTS)));
    let left = Arc::new(AtomicUsize::new(REQUESTS));
    let port = server.port;
    let start = Instant::now();
    let uploading = thread::spawn({
        let index = index.clone();
        move || upload(port, &index)
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (times, left, index) = (Arc::clone(&times), Arc::clone(&left), index.clone());
            thread::spawn(move || {
                // Not all in the same moment.
                thread::sleep(PAUSE.mul_f64(client as f64 / CLIENTS as f64));
                let mut stream = connect(port);
                let paths = [
                    "/v1.3/tasks".to_owned(),
                    format!("/v1.3/indexes/{index}"),
                    format!("/v1.3/indexes/{index}/videos"),
                ];
                let mut mine = Vec::new();
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                        left.checked_sub(1)
                    })
                    .is_ok()
                {
                    let asked = Instant::now();
                    let (status, body) =
                        ask(&mut stream, "GET", &paths[mine.len() % 3], "").unwrap();
                    assert_eq!(status, 200, "{body}");
                    mine.push(asked.elapsed());
                    thread::sleep(PAUSE);
                }
                times.lock().unwrap().extend(mine);
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    let took = start.elapsed();
    let (status, uploaded) = uploading.join().unwrap();
    let peak = memory_kib(&server.process, "VmHWM:");
    let mut times = times.lock().unwrap();
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{} small requests by {CLIENTS} clients in {took:.2?}: p50 {:.2?}, p99 {:.2?}, most {:.2?}",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    println!("2 GiB uploaded at the same time in {uploaded:.2?}, answered {status}");
    println!(
        "memory: {} MiB before, {} MiB at most",
        before / 1024,
        peak / 1024
    );
    assert_eq!(times.len(), REQUESTS);
    assert!(at(0.99) <= P99, "p99 is above {P99:?}");
    assert!(peak <= MEMORY_KIB, "memory is above {MEMORY_KIB} KiB");
}

fn sudden_end() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap().to_owned();
    let server = start(&["--state", &state]);
    let port = server.port;
    let made = Arc::new(Mutex::new(Vec::new()));
    let makers: Vec<_> = (0..20)
        .map(|maker| {
            let made = Arc::clone(&made);
            thread::spawn(move || {
                let mut stream = connect(port);
                for number in 0.. {
                    match new_index(&mut stream, &format!("{maker}-{number}")) {
                        Ok(id) => made.lock().unwrap().push(id),
                        Err(_) => return,
                    }
                }
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(1500));
    // The end of this value is a SIGKILL.
    drop(server);
    for maker in makers {
        maker.join().unwrap();
    }
    let made = made.lock().unwrap();
    let server = start(&["--state", &state]);
    let mut stream = connect(server.port);
    let lost = made
        .iter()
        .filter(|id| {
            ask(&mut stream, "GET", &format!("/v1.3/indexes/{id}"), "")
                .unwrap()
                .0
                != 200
        })
        .count();
    println!(
        "killed while 20 clients wrote: {} answers were given, {lost} of them lost",
        made.len()
    );
    assert!(!made.is_empty() && lost == 0);
}

fn main() {
    sudden_end();
    load();
}

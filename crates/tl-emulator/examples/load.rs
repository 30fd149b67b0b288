//! Load test: 200 clients send 10,000 small requests while one file of 2 GiB is uploaded.
//!
//! Prints a table of measurements and requirements, or one line of JSON with `--json`. `--quick` is
//! a small smoke test. Exits with 1 if a requirement is not met. Run it with `--release`, after
//! `cargo build --release --example emulator`.
//!
//! The emulator runs in a separate process, the `emulator` example, so that its memory is measured
//! on its own. `tests/it/crash_recovery.rs` tests a kill under load.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark that may panic on unexpected results"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Size of the load.
struct Size {
    clients: usize,
    requests: usize,
    upload: u64,
}

const FULL: Size = Size {
    clients: 200,
    requests: 10_000,
    upload: 2 << 30,
};
const QUICK: Size = Size {
    clients: 20,
    requests: 500,
    upload: 32 << 20,
};
/// Pause between two requests of a client, as in a polling loop.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
const MAX_P99: Duration = Duration::from_millis(50);
const MAX_MEMORY_KIB: u64 = 100 * 1024;

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
    let startup: serde_json::Value = serde_json::from_str(&line).unwrap();
    let url = url::Url::parse(startup["base_url"].as_str().unwrap()).unwrap();
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

/// Sends a request and returns the status and body of the response.
fn request(
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
    read_response(stream)
}

fn read_response(stream: &mut TcpStream) -> std::io::Result<(u16, String)> {
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
    let (status, body) = request(stream, "POST", "/v1.3/indexes", &body)?;
    assert_eq!(status, 201, "{body}");
    let value: serde_json::Value = serde_json::from_str(&body).unwrap();
    Ok(value["_id"].as_str().unwrap().to_owned())
}

/// Uploads `bytes` bytes that are no video: they are streamed to disk, probed, and rejected.
fn upload(port: u16, index: &str, bytes: u64) -> Duration {
    let start = Instant::now();
    let mut stream = connect(port);
    let head = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"index_id\"\r\n\r\n{index}\r\n--XX\r\nContent-Disposition: form-data; name=\"video_file\"; filename=\"big.mp4\"\r\n\r\n"
    );
    let tail = "\r\n--XX--\r\n";
    let length = head.len() as u64 + bytes + tail.len() as u64;
    write!(
        stream,
        "POST /v1.3/tasks HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: tlk_emulator_load\r\ncontent-type: multipart/form-data; boundary=XX\r\ncontent-length: {length}\r\n\r\n{head}"
    )
    .unwrap();
    let piece = vec![0x5a; 256 * 1024];
    for _ in 0..bytes / piece.len() as u64 {
        stream.write_all(&piece).unwrap();
    }
    stream.write_all(tail.as_bytes()).unwrap();
    let (status, body) = read_response(&mut stream).unwrap();
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("video_file_broken"), "{body}");
    start.elapsed()
}

fn memory_kib(process: &Child, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The measurements.
struct Measurements {
    times: Vec<Duration>,
    errors: usize,
    took: Duration,
    uploaded: Duration,
    memory_before_kib: u64,
    memory_peak_kib: u64,
}

fn load(size: &Size) -> Measurements {
    let server = start(&[]);
    let index = new_index(&mut connect(server.port), "load").unwrap();
    let memory_before_kib = memory_kib(&server.process, "VmRSS:");
    let times = Arc::new(Mutex::new(Vec::with_capacity(size.requests)));
    let left = Arc::new(AtomicUsize::new(size.requests));
    let errors = Arc::new(AtomicUsize::new(0));
    let port = server.port;
    let start = Instant::now();
    let uploading = thread::spawn({
        let (index, bytes) = (index.clone(), size.upload);
        move || upload(port, &index, bytes)
    });
    let clients: Vec<_> = (0..size.clients)
        .map(|client| {
            let (times, left, errors) = (times.clone(), left.clone(), errors.clone());
            let index = index.clone();
            // Spread the first requests.
            let first = POLL_INTERVAL.mul_f64(client as f64 / size.clients as f64);
            thread::spawn(move || {
                thread::sleep(first);
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
                    let sent = Instant::now();
                    match request(&mut stream, "GET", &paths[mine.len() % 3], "") {
                        Ok((200, _)) => {}
                        other => {
                            errors.fetch_add(1, Ordering::Relaxed);
                            eprintln!("a request failed: {other:?}");
                            stream = connect(port);
                        }
                    }
                    mine.push(sent.elapsed());
                    thread::sleep(POLL_INTERVAL);
                }
                times.lock().unwrap().extend(mine);
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    let took = start.elapsed();
    let uploaded = uploading.join().unwrap();
    let mut times = std::mem::take(&mut *times.lock().unwrap());
    times.sort_unstable();
    Measurements {
        times,
        errors: errors.load(Ordering::Relaxed),
        took,
        uploaded,
        memory_before_kib,
        memory_peak_kib: memory_kib(&server.process, "VmHWM:"),
    }
}

impl Measurements {
    fn at(&self, share: f64) -> Duration {
        self.times[((self.times.len() - 1) as f64 * share) as usize]
    }

    fn requirements_met(&self, size: &Size) -> [bool; 3] {
        [
            self.errors == 0 && self.times.len() == size.requests,
            self.at(0.99) <= MAX_P99,
            self.memory_peak_kib <= MAX_MEMORY_KIB,
        ]
    }

    fn json(&self, size: &Size) -> serde_json::Value {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        serde_json::json!({
            "clients": size.clients,
            "requests": self.times.len(),
            "errors": self.errors,
            "seconds": self.took.as_secs_f64(),
            "p50_ms": millis(self.at(0.5)),
            "p99_ms": millis(self.at(0.99)),
            "most_ms": millis(self.at(1.0)),
            "upload_bytes": size.upload,
            "upload_seconds": self.uploaded.as_secs_f64(),
            "memory_before_kib": self.memory_before_kib,
            "memory_peak_kib": self.memory_peak_kib,
            "is_met": self.requirements_met(size).iter().all(|met| *met),
        })
    }

    fn print(&self, size: &Size) {
        let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
        let [answered, fast, small] = self.requirements_met(size);
        let row = |what: &str, value: String, limit: &str, met: Option<bool>| {
            let verdict = match met {
                Some(true) => "met",
                Some(false) => "NOT MET",
                None => "",
            };
            println!("| {what:<40} | {value:>12} | {limit:>12} | {verdict:<7} |");
        };
        println!(
            "| {:<40} | {:>12} | {:>12} | {:<7} |",
            "measurement", "value", "limit", ""
        );
        println!(
            "|{}|{}:|{}:|{}|",
            "-".repeat(42),
            "-".repeat(13),
            "-".repeat(13),
            "-".repeat(9)
        );
        let requests = format!("{} requests by {} clients", self.times.len(), size.clients);
        row(&requests, format!("{:.1?}", self.took), "", None);
        row(
            "failed requests",
            self.errors.to_string(),
            "0",
            Some(answered),
        );
        row(
            "response time, median",
            format!("{:.2?}", self.at(0.5)),
            "",
            None,
        );
        row(
            "response time, p99",
            format!("{:.2?}", self.at(0.99)),
            "50 ms",
            Some(fast),
        );
        row(
            "response time, maximum",
            format!("{:.2?}", self.at(1.0)),
            "",
            None,
        );
        let upload = format!("{} MiB uploaded at the same time", size.upload >> 20);
        row(&upload, format!("{:.1?}", self.uploaded), "", None);
        row("memory before load", mib(self.memory_before_kib), "", None);
        row(
            "peak memory",
            mib(self.memory_peak_kib),
            "100 MiB",
            Some(small),
        );
    }
}

fn main() -> ExitCode {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| options.iter().any(|option| option == name);
    if let Some(other) = options
        .iter()
        .find(|option| !["--json", "--quick"].contains(&option.as_str()))
    {
        eprintln!("unknown option {other} (allowed: --json, --quick)");
        return ExitCode::from(2);
    }
    let size = if has("--quick") { QUICK } else { FULL };
    let measured = load(&size);
    if has("--json") {
        println!("{}", measured.json(&size));
    } else {
        measured.print(&size);
    }
    match measured.requirements_met(&size).iter().all(|met| *met) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

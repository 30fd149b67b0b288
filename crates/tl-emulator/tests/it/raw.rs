//! A minimal HTTP client that sends exactly the given bytes.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tl_emulator::{Emulator, EmulatorBuilder, Schedule};
use tl_validate::ffmpeg::InProcess;

/// A builder with the defaults of all tests: media is probed in this process, and a task passes
/// through every status.
pub(crate) fn builder() -> EmulatorBuilder {
    Emulator::builder()
        .prober(Arc::new(InProcess::new()))
        .schedule(Schedule::FAST)
}

#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl RawResponse {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub(crate) fn connect(emulator: &Emulator) -> TcpStream {
    let url = emulator.base_url();
    let stream = TcpStream::connect(("127.0.0.1", url.port().unwrap())).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
}

/// Sends a request head and a body as they are.
pub(crate) fn exchange(emulator: &Emulator, head: &str, body: &[u8]) -> Option<RawResponse> {
    let mut stream = connect(emulator);
    stream.write_all(head.as_bytes()).ok()?;
    // The server may respond and close the connection before everything is sent.
    _ = stream.write_all(body);
    read_response(&mut stream)
}

/// A socket that retries interrupted reads. A read with a timeout is interrupted when a child of
/// this process ends, such as `ffmpeg` started by the emulator.
#[derive(Debug)]
pub(crate) struct RetryInterrupted<S>(pub(crate) S);

impl<S: Read> Read for RetryInterrupted<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

impl<S: Write> Write for RetryInterrupted<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads one response.
pub(crate) fn read_response(stream: &mut TcpStream) -> Option<RawResponse> {
    let mut stream = RetryInterrupted(stream);
    let mut bytes = Vec::new();
    let mut piece = [0; 65536];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse::<usize>()
                        .ok()
                })
                .unwrap_or(0);
            let mut body = bytes.split_off(end + 4);
            while body.len() < length {
                match stream.read(&mut piece).ok()? {
                    0 => return None,
                    count => body.extend_from_slice(&piece[..count]),
                }
            }
            let status = head.split(' ').nth(1)?.parse().ok()?;
            return Some(RawResponse { status, head, body });
        }
        match stream.read(&mut piece).ok()? {
            0 => return None,
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

/// A request head with the API key of the emulator.
pub(crate) fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: tlk_emulator_test\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head
}

pub(crate) fn get(emulator: &Emulator, path: &str) -> RawResponse {
    exchange(emulator, &head("GET", path, &[]), b"").unwrap()
}

pub(crate) fn send_json(
    emulator: &Emulator,
    method: &str,
    path: &str,
    body: &Value,
) -> RawResponse {
    let body = body.to_string();
    let length = body.len().to_string();
    let headers = [
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
    ];
    exchange(emulator, &head(method, path, &headers), body.as_bytes()).unwrap()
}

pub(crate) fn index(emulator: &Emulator) -> String {
    let body = serde_json::json!({
        "index_name": "clips",
        "models": [{ "model_name": "marengo3.0", "model_options": ["visual", "audio"] }],
    });
    let response = send_json(emulator, "POST", "/v1.3/indexes", &body);
    assert_eq!(response.status, 201, "{response:?}");
    response.json()["_id"].as_str().unwrap().to_owned()
}

/// A form with text parts and at most one file.
pub(crate) fn form(texts: &[(&str, &str)], file: Option<(&str, &[u8])>) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in texts {
        body.extend_from_slice(
            format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .as_bytes(),
        );
    }
    if let Some((filename, bytes)) = file {
        let head = format!(
            "--XX\r\nContent-Disposition: form-data; name=\"video_file\"; filename=\"{filename}\"\r\nContent-Type: video/mp4\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XX--\r\n");
    body
}

pub(crate) fn send_form(emulator: &Emulator, body: &[u8]) -> RawResponse {
    let length = body.len().to_string();
    let headers = [
        ("content-type", "multipart/form-data; boundary=XX"),
        ("content-length", length.as_str()),
    ];
    exchange(emulator, &head("POST", "/v1.3/tasks", &headers), body).unwrap()
}

pub(crate) fn wait_for(emulator: &Emulator, task: &str) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..600 {
        let status = get(emulator, &format!("/v1.3/tasks/{task}")).json()["status"]
            .as_str()
            .unwrap()
            .to_owned();
        if seen.last() != Some(&status) {
            seen.push(status.clone());
        }
        if status == "ready" || status == "failed" {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{task} never ended: {seen:?}");
}

//! The part of HTTP/1.1 that the contenders use: a head, a body of known length, a response.

use std::{
    io::{self, BufRead, Write},
    thread,
};

use super::{Sink, answers, input::Input};

/// Upper bound of a request line or header line.
const MAX_LINE: usize = 16 << 10;

/// Upper bound of a body that is kept, which is JSON.
const MAX_JSON: u64 = 64 << 10;

/// A request whose body is not read yet.
#[derive(Debug, Default)]
struct Head {
    method: String,
    path: String,
    host: String,
    length: u64,
    expects_continue: bool,
    is_chunked: bool,
}

/// A response without its framing.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: &'static str,
    pub(super) etag: Option<String>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn json(status: &'static str, body: impl Into<String>) -> Self {
        Self {
            status,
            etag: None,
            body: body.into(),
        }
    }
}

/// Serves requests until the client disconnects.
pub(super) fn serve(
    stream: &mut (impl Input + Write),
    sink: &Sink,
    scheme: &str,
) -> io::Result<()> {
    while let Some(head) = head(stream)? {
        if head.is_chunked {
            write(stream, &Reply::json("411 Length Required", ""))?;
            return Ok(());
        }
        if head.expects_continue {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let reply = if head.path.starts_with("/storage/") {
            stream.discard(head.length)?;
            thread::sleep(sink.latency);
            sink.sessions.chunk(&head.path)
        } else if head.method == "POST" && head.path.starts_with("/v1.3/tasks") {
            stream.discard(head.length)?;
            Reply::json(
                "201 Created",
                r#"{"_id":"bench-task","video_id":"bench-video"}"#,
            )
        } else if head.method == "GET" && head.path.starts_with("/v1.3/tasks/") {
            stream.discard(head.length)?;
            Reply::json("200 OK", TASK)
        } else if head.method == "POST" && head.path.starts_with("/v1.3/analyze") {
            let body = read_json(stream, head.length)?;
            answers::stream(stream, &body)?;
            continue;
        } else if head.method == "POST" && head.path.starts_with("/v1.3/search") {
            stream.discard(head.length)?;
            Reply::json("200 OK", answers::page())
        } else if head.method == "GET" && head.path.starts_with("/v1.3/embed-v2/tasks/") {
            stream.discard(head.length)?;
            Reply::json("200 OK", answers::embeddings())
        } else {
            let body = read_json(stream, head.length)?;
            let origin = format!("{scheme}://{}", head.host);
            sink.sessions
                .answer(&head.method, &head.path, &body, &origin)
        };
        write(stream, &reply)?;
    }
    Ok(())
}

/// A task that is being indexed, as the platform describes it.
const TASK: &str = r#"{"_id":"bench-task","index_id":"bench-index","video_id":"bench-video","status":"indexing","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:05Z","system_metadata":{"filename":"match.mp4","duration":120.5,"width":1920,"height":1080}}"#;

fn head(stream: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut head = Head::default();
    let Some(first) = line(stream)? else {
        return Ok(None);
    };
    let mut words = first.split(' ').map(str::to_owned);
    head.method = words.next().unwrap_or_default();
    head.path = words.next().unwrap_or_default();
    while let Some(text) = line(stream)? {
        if text.is_empty() {
            return Ok(Some(head));
        }
        let Some((name, value)) = text.split_once(':') else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                head.length = value.parse().map_err(|_| io::ErrorKind::InvalidData)?;
            }
            "host" => head.host = value.to_owned(),
            "expect" => head.expects_continue = true,
            "transfer-encoding" => head.is_chunked = true,
            _ => {}
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// One line without its end; `None` if the client has disconnected.
fn line(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let mut limited = io::Read::take(&mut *stream, MAX_LINE as u64);
    if limited.read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.pop() != Some(b'\n') {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    Ok(Some(text.trim_end().to_owned()))
}

fn read_json(stream: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    if length > MAX_JSON {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(&mut *stream, length), &mut body)?;
    Ok(body)
}

fn write(stream: &mut impl Write, reply: &Reply) -> io::Result<()> {
    let etag = reply
        .etag
        .as_ref()
        .map(|etag| format!("etag: \"{etag}\"\r\n"))
        .unwrap_or_default();
    let text = format!(
        "HTTP/1.1 {}\r\ncontent-type: application/json\r\n{etag}content-length: {}\r\n\r\n{}",
        reply.status,
        reply.body.len(),
        reply.body
    );
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

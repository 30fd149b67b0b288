//! A connection of the scripted server: reads requests, asks for the reaction to each, and acts on
//! it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{
    Seen, Shared,
    reaction::{Answer, Coding, Reading, Reply, ReplyBody, StreamEnd, StreamedReply, Then},
    socket::Socket,
};
use crate::source::Fingerprint;

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// Serves until the client or the script ends the connection, or a socket error occurs. Tests check
/// the recorded requests, not the server's errors.
pub(super) fn serve(
    shared: &Arc<Shared>,
    number: u32,
    stream: TcpStream,
    config: Option<Arc<ServerConfig>>,
) {
    let Ok(socket) = Socket::new(stream, Arc::clone(shared)) else {
        return;
    };
    let stream: Box<dyn Stream> = match config {
        None => Box::new(socket),
        Some(config) => {
            let Ok(tls) = ServerConnection::new(config) else {
                return;
            };
            Box::new(StreamOwned::new(tls, socket))
        }
    };
    let mut line = Connection {
        stream: BufReader::with_capacity(64 << 10, stream),
        shared: Arc::clone(shared),
    };
    while let Ok(Some(seen)) = line.head(number) {
        let in_flight = shared.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        shared.max_in_flight.fetch_max(in_flight, Ordering::SeqCst);
        if !matches!(line.react(seen), Ok(true)) {
            return;
        }
    }
}

struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    shared: Arc<Shared>,
}

impl Connection {
    /// Reads the head of the next request; `None` at the end of the connection.
    fn head(&mut self, connection: u32) -> io::Result<Option<Seen>> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace();
        let (method, target) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let mut seen = Seen {
            connection,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: String::new(),
            whole: false,
        };
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            seen.headers
                .push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        seen.headers.sort();
        assert!(
            seen.header("transfer-encoding").is_none(),
            "a body came without its length: {seen:?}"
        );
        Ok(Some(seen))
    }

    /// Handles one request. Returns whether another may follow.
    fn react(&mut self, mut seen: Seen) -> io::Result<bool> {
        let reaction = (self.shared.react)(&seen);
        let index = {
            let mut all = self.shared.seen();
            all.push(seen.clone());
            all.len() - 1
        };
        let len = seen.content_length();
        let mut body = Fingerprint::default();
        let (limit, piece, pause) = match reaction.reading {
            Reading::Whole => (len, 64 << 10, Duration::ZERO),
            Reading::Only(limit) => (limit.min(len), 64 << 10, Duration::ZERO),
            Reading::Slowly { piece, pause } => (len, piece, pause),
        };
        let mut failure = self.read_body(&mut body, limit, piece, pause).err();
        self.note(index, &mut seen, &body, len);
        if failure.is_none() {
            thread::sleep(reaction.delay);
        }
        // Decrement before responding: the client may send its next request as soon as it has the
        // response.
        self.shared.in_flight.fetch_sub(1, Ordering::SeqCst);
        if failure.is_none() {
            failure = self.answer(&reaction.answer).err();
        }
        match reaction.then {
            Then::Stay => {
                if failure.is_none() {
                    failure = self
                        .read_body(&mut body, len, 64 << 10, Duration::ZERO)
                        .err();
                }
            }
            Then::Close(later) => thread::sleep(later),
            Then::Hang(time) => {
                self.note(index, &mut seen, &body, len);
                thread::sleep(time);
                failure = self
                    .read_body(&mut body, len, 64 << 10, Duration::ZERO)
                    .err();
                if failure.is_none() {
                    self.note(index, &mut seen, &body, len);
                    // Read and ignore everything until the client closes.
                    io::copy(&mut self.stream, &mut io::sink())?;
                }
            }
        }
        self.note(index, &mut seen, &body, len);
        failure.map_or(Ok(matches!(reaction.then, Then::Stay)), Err)
    }

    fn note(&self, index: usize, seen: &mut Seen, body: &Fingerprint, len: u64) {
        seen.body = body.text();
        seen.whole = body.len() == len;
        self.shared.seen()[index] = seen.clone();
        self.shared.news.notify_all();
    }

    fn read_body(
        &mut self,
        body: &mut Fingerprint,
        until: u64,
        piece: usize,
        pause: Duration,
    ) -> io::Result<()> {
        let mut buffer = vec![0; piece];
        while body.len() < until {
            let room = usize::try_from(until - body.len())
                .unwrap_or(usize::MAX)
                .min(piece);
            let count = self.stream.read(&mut buffer[..room])?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            body.update(&buffer[..count]);
            self.shared
                .received
                .fetch_add(count as u64, Ordering::SeqCst);
            thread::sleep(pause);
        }
        Ok(())
    }

    fn stream(&mut self, reply: &StreamedReply) -> io::Result<()> {
        let stream = self.stream.get_mut();
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let framing = reply.framing_header();
        let (name, value) = framing.unwrap_or(("connection", "close".to_owned()));
        head.push_str(&format!("{name}: {value}\r\n\r\n"));
        stream.write_all(head.as_bytes())?;
        stream.flush()?;
        for (pause, piece) in &reply.pieces {
            thread::sleep(*pause);
            if reply.coding == Coding::Chunked {
                // In one write, so that each piece arrives as one.
                let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
                chunk.extend_from_slice(piece);
                chunk.extend(b"\r\n");
                stream.write_all(&chunk)?;
            } else {
                stream.write_all(piece)?;
            }
            stream.flush()?;
            self.shared
                .sent
                .fetch_add(piece.len() as u64, Ordering::SeqCst);
        }
        if (reply.end, reply.coding) == (StreamEnd::Whole, Coding::Chunked) {
            stream.write_all(b"0\r\n\r\n")?;
        }
        stream.flush()
    }

    fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        if let Answer::Stream(reply) = answer {
            return self.stream(reply);
        }
        let stream = self.stream.get_mut();
        match answer {
            Answer::Nothing | Answer::Stream(_) => {}
            Answer::Raw(bytes) => stream.write_all(bytes)?,
            Answer::Cut(reply, len) => {
                let bytes = encoded(reply);
                stream.write_all(&bytes[..(*len).min(bytes.len())])?;
            }
            Answer::Http(reply) => {
                stream.write_all(&encoded(reply))?;
                if let ReplyBody::Filler(mut left) = reply.body {
                    let piece = [b'x'; 64 << 10];
                    while left > 0 {
                        let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                        stream.write_all(&piece[..count])?;
                        left -= count as u64;
                    }
                }
            }
        }
        stream.flush()
    }
}

/// Encodes the response; for a filler body, only the head.
fn encoded(reply: &Reply) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {} Scripted\r\n", reply.status).into_bytes();
    for (name, value) in &reply.headers {
        bytes.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    match &reply.body {
        ReplyBody::Whole(_) if reply.status == 204 => bytes.extend(b"\r\n"),
        ReplyBody::Whole(body) => {
            bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes());
            bytes.extend_from_slice(body);
        }
        ReplyBody::Chunked(body) => {
            bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            for piece in body.chunks(3) {
                bytes.extend(format!("{:x}\r\n", piece.len()).into_bytes());
                bytes.extend_from_slice(piece);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        }
        ReplyBody::UntilClose(body) => {
            bytes.extend(b"Connection: close\r\n\r\n");
            bytes.extend_from_slice(body);
        }
        ReplyBody::Filler(len) => {
            bytes.extend(format!("Content-Length: {len}\r\n\r\n").into_bytes());
        }
    }
    bytes
}

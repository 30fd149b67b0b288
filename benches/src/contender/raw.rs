//! The lower bound: a file is read and written to sockets, without an HTTP client or retries.

use std::{
    fs::File,
    io::Read,
    os::unix::fs::FileExt,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Sender},
    },
    thread,
};

use md5::{Digest, Md5};
use serde_json::{Value, json};

use crate::{
    Failure,
    arguments::Arguments,
    connection::{Address, Connection, PIECE},
    format::format_hex,
    measure::measured,
};

/// A file by multipart/form-data over one connection.
pub(super) fn form(arguments: &Arguments) -> Result<Value, Failure> {
    let address = Address::new(arguments)?;
    let mut file = File::open(arguments.text("file")?)?;
    let len = file.metadata()?.len();
    measured(|| {
        let mut connection = address.connect()?;
        let head = "--XX\r\nContent-Disposition: form-data; name=\"index_id\"\r\n\r\nbench\r\n\
                    --XX\r\nContent-Disposition: form-data; name=\"video_file\"; \
                    filename=\"a.mp4\"\r\nContent-Type: video/mp4\r\n\r\n";
        let tail = "\r\n--XX--\r\n";
        let total = head.len() as u64 + len + tail.len() as u64;
        let request = format!(
            "POST /v1.3/tasks HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: tlk_bench\r\n\
             content-type: multipart/form-data; boundary=XX\r\n\
             content-length: {total}\r\n\r\n{head}"
        );
        connection.write(request.as_bytes())?;
        let mut buffer = vec![0; PIECE];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            connection.write(&buffer[..count])?;
        }
        connection.write(tail.as_bytes())?;
        connection.response().map(drop)
    })
}

/// A chunk to send.
struct Job {
    index: u32,
    path: String,
}

/// A file in chunks over `concurrency` connections, with one more to the API; `verify=yes` also
/// compares MD5s.
pub(super) fn chunks(arguments: &Arguments) -> Result<Value, Failure> {
    let address = Address::new(arguments)?;
    let file = File::open(arguments.text("file")?)?;
    let len = file.metadata()?.len();
    let concurrency: usize = arguments.number("concurrency")?;
    let verify = arguments.optional("verify") == Some("yes");
    measured(|| {
        let mut api = address.connect()?;
        let session = ask(
            &mut api,
            "",
            &json!({ "filename": "a.mp4", "type": "video", "total_size": len }),
        )?;
        let id = session["upload_id"].as_str().unwrap_or_default().to_owned();
        let chunk_size = session["chunk_size"].as_u64().unwrap_or(1);
        let total = session["total_chunks"].as_u64().unwrap_or(0);
        let (jobs, open) = mpsc::channel::<Job>();
        let open = Mutex::new(open);
        let (ends, ended) = mpsc::channel::<Result<(u32, String, u64), Failure>>();
        thread::scope(|scope| {
            for _ in 0..concurrency {
                let (address, file, open, ends) = (&address, &file, &open, ends.clone());
                scope.spawn(move || {
                    let mut worker = Worker {
                        file,
                        connection: None,
                        buffer: vec![0; PIECE],
                        verify,
                    };
                    loop {
                        let job = open.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok(job) = job else { return };
                        let start = u64::from(job.index - 1) * chunk_size;
                        let size = chunk_size.min(len - start);
                        let sent = worker.send(address, &job.path, start, size);
                        let index = job.index;
                        if ends.send(sent.map(|etag| (index, etag, size))).is_err() {
                            return;
                        }
                    }
                });
            }
            let mut signed = queue(&jobs, &session)?;
            let mut done = Vec::new();
            let mut reported = 0;
            while reported < total {
                if signed < total && signed < reported + done.len() as u64 + 2 * concurrency as u64
                {
                    let count = (total - signed).min(50);
                    let urls = ask(
                        &mut api,
                        &format!("/{id}/presigned-urls"),
                        &json!({ "start": signed + 1, "count": count }),
                    )?;
                    signed += queue(&jobs, &urls)?;
                }
                let (index, etag, size) = ended.recv()??;
                done.push(json!({ "chunk_index": index, "proof": etag, "proof_type": "etag", "chunk_size": size }));
                if done.len() == 50 || reported + done.len() as u64 == total {
                    reported += done.len() as u64;
                    let chunks = std::mem::take(&mut done);
                    ask(
                        &mut api,
                        &format!("/{id}"),
                        &json!({ "completed_chunks": chunks }),
                    )?;
                }
            }
            drop(jobs);
            Ok(())
        })
    })
}

/// Queues the chunks that a response lists, and returns their number.
fn queue(jobs: &Sender<Job>, response: &Value) -> Result<u64, Failure> {
    let mut count = 0;
    for url in response["upload_urls"].as_array().into_iter().flatten() {
        let path = url["url"]
            .as_str()
            .and_then(|url| url.splitn(4, '/').nth(3));
        let index = url["chunk_index"]
            .as_u64()
            .and_then(|index| u32::try_from(index).ok());
        let (Some(path), Some(index)) = (path, index) else {
            return Err("the sink returned an invalid URL".into());
        };
        let path = format!("/{path}");
        jobs.send(Job { index, path })?;
        count += 1;
    }
    Ok(count)
}

fn ask(api: &mut Connection, below: &str, body: &Value) -> Result<Value, Failure> {
    let path = format!("/v1.3/assets/multipart-uploads{below}");
    let response = api.request("POST", &path, &body.to_string())?;
    Ok(serde_json::from_slice(&response.body)?)
}

/// A connection to the storage, opened with the first chunk.
struct Worker<'f> {
    file: &'f File,
    connection: Option<Connection>,
    buffer: Vec<u8>,
    verify: bool,
}

impl Worker<'_> {
    fn send(
        &mut self,
        address: &Address,
        path: &str,
        start: u64,
        size: u64,
    ) -> Result<String, Failure> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert(address.connect()?),
        };
        let head =
            format!("PUT {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {size}\r\n\r\n");
        connection.write(head.as_bytes())?;
        let mut hasher = Md5::new();
        let (mut at, end) = (start, start + size);
        while at < end {
            let room = usize::try_from(end - at).map_or(PIECE, |left| left.min(PIECE));
            let count = self.file.read_at(&mut self.buffer[..room], at)?;
            if count == 0 {
                return Err("the file was truncated".into());
            }
            if self.verify {
                hasher.update(&self.buffer[..count]);
            }
            connection.write(&self.buffer[..count])?;
            at += count as u64;
        }
        let etag = connection.response()?.etag;
        if self.verify {
            let digest = format_hex(&hasher.finalize());
            if digest != etag {
                return Err(format!("the storage has {etag}, {digest} was sent").into());
            }
        }
        Ok(etag)
    }
}

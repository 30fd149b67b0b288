//! The client process: one ingestion that prints each stored chunk and the final result.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::Duration,
};

use serde_json::{Value, json};
use tl_client::{
    Client, Config, Event, Ingested, blocking,
    protocol::{Event as Api, flow::upload::UploadSettings},
};

use crate::StepResult;

/// A process without output for this long hangs.
const SILENCE: Duration = Duration::from_secs(120);

/// An API key that the emulator accepts.
pub(crate) const KEY: &str = "tlk_emulator_endurance";

/// Concurrent chunk uploads: the client's default.
const CONCURRENCY: usize = 8;

/// Main function of the process.
pub(crate) fn send(mode: &str, arguments: &[&str]) -> StepResult<()> {
    let [file, base_url, index_id, checkpoints, bytes_per_second] = arguments else {
        return Err("send MODE FILE BASE_URL INDEX CHECKPOINTS BYTES_PER_SECOND".into());
    };
    let config = Config::new(KEY, base_url)?;
    let settings = UploadSettings::default()
        .with_concurrency(CONCURRENCY)
        .with_bytes_per_second(Some(bytes_per_second.parse()?).filter(|limit| *limit > 0));
    let file: &Path = file.as_ref();
    let ingested = match mode {
        "blocking" => blocking::Client::new(&config)?
            .ingest(file)
            .into_index(*index_id)
            .checkpoint(checkpoints)
            .chunks(settings)
            .observe(print_event)
            .run()?,
        "async" => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?;
            runtime.block_on(
                Client::new(&config)?
                    .ingest(file)
                    .into_index(*index_id)
                    .checkpoint(checkpoints)
                    .chunks(settings)
                    .observe(print_event)
                    .run(),
            )?
        }
        other => return Err(format!("there is no mode `{other}`").into()),
    };
    print(&result(&ingested)?);
    Ok(())
}

fn print_event(event: &Event) {
    match event {
        Event::Api(Api::ChunkSent { chunk, .. }) => print(&json!({"sent": chunk})),
        Event::Api(Api::ChunkRetrying { .. }) => print(&json!({"retrying": true})),
        Event::Resuming { sent_chunks, .. } => print(&json!({"resuming": sent_chunks})),
        Event::NoCheckpoint { because } => print(&json!({"no_checkpoint": because})),
        _ => {}
    }
}

fn print(value: &Value) {
    let mut out = std::io::stdout().lock();
    // The reader has exited.
    let _ = writeln!(out, "{value}").and_then(|()| out.flush());
}

fn result(ingested: &Ingested) -> StepResult<Value> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak: Option<u64> = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    Ok(json!({"done": {
        "route": ingested.route.as_ref().map(|choice| choice.route),
        "asset_id": ingested.asset_id,
        "video_id": ingested.video_id,
        "status": ingested.status(),
        "peak_kib": peak,
    }}))
}

/// Output of a client process.
#[derive(Debug)]
pub(crate) enum Output {
    /// The storage accepted this chunk.
    Sent(u32),
    /// A chunk is retried.
    Retrying,
    /// It resumed after an earlier process that had sent this many chunks.
    Resuming(u32),
    /// It finished.
    Done(Value),
    /// It exited without a result.
    Exited,
    /// Timeout.
    Timeout,
}

/// Handle to the client process.
pub(crate) struct Sender {
    child: Child,
    output: Receiver<String>,
}

/// Arguments of a client process.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    pub(crate) mode: &'a str,
    pub(crate) file: &'a Path,
    pub(crate) base_url: &'a str,
    pub(crate) index_id: &'a str,
    pub(crate) checkpoints: &'a Path,
    /// 0 for no limit.
    pub(crate) bytes_per_second: u64,
}

impl Sender {
    pub(crate) fn start(args: Args<'_>) -> StepResult<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["send", args.mode])
            .arg(args.file)
            .args([args.base_url, args.index_id])
            .arg(args.checkpoints)
            .arg(args.bytes_per_second.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or("a process was started without its pipes")?;
        let (sender, output) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, output })
    }

    /// Waits for the next output.
    pub(crate) fn next(&self) -> StepResult<Output> {
        match self.next_within(SILENCE)? {
            Output::Timeout => Err("the client has said nothing for two minutes: it hangs".into()),
            output => Ok(output),
        }
    }

    /// Waits at most `time` for the next output.
    pub(crate) fn next_within(&self, time: Duration) -> StepResult<Output> {
        let line = match self.output.recv_timeout(time) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return Ok(Output::Timeout),
            Err(RecvTimeoutError::Disconnected) => return Ok(Output::Exited),
        };
        let value: Value = serde_json::from_str(&line)?;
        let number = |name: &str| {
            value[name]
                .as_u64()
                .and_then(|number| u32::try_from(number).ok())
        };
        if let Some(chunk) = number("sent") {
            Ok(Output::Sent(chunk))
        } else if let Some(chunks) = number("resuming") {
            Ok(Output::Resuming(chunks))
        } else if value["retrying"] == true {
            Ok(Output::Retrying)
        } else if value["done"].is_object() {
            Ok(Output::Done(value["done"].clone()))
        } else {
            Err(format!("the client said {line}").into())
        }
    }

    /// Kills the process. Returns whether it was still running.
    pub(crate) fn kill(&mut self) -> StepResult<bool> {
        let at_work = self.child.try_wait()?.is_none();
        self.child.kill()?;
        self.child.wait()?;
        Ok(at_work)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

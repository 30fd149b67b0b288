//! Measures a bulk ingestion against the emulator on loopback: items per second, requests, memory,
//! open files, a run after everything is done, and a run after `kill -9`.
//!
//! ```text
//! cargo run --release -p tl-bulk --example bulk_speed -- [ITEMS]
//! ```
//!
//! Each file has a few bytes, and a prober that returns fixed facts replaces FFmpeg: what is
//! measured is the overhead of this project, emulator included.

#![allow(
    clippy::print_stdout,
    reason = "a program for developers prints its result"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tl_bulk::source::Entry;
use tl_bulk::{Bulk, RunSummary, Settings, Store};
use tl_client::{CancelHandle, Client, Config};
use tl_emulator::{Emulator, Schedule};
use tl_ledger::{KeyTag, Ledger, NewAccount, NewRun};
use tl_model::{IndexModel, ModelOption, NewIndex};
use tl_protocol::limiter::Limits;
use tl_validate::{MediaFacts, ProbeError, Prober, VideoStream};

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct FixedProber;

impl Prober for FixedProber {
    fn probe_file(&self, _: File, _: &str) -> Result<MediaFacts, ProbeError> {
        let mut stream = VideoStream::default();
        stream.codec = "h264".to_owned();
        (stream.width, stream.height) = (640, 360);
        stream.duration_seconds = Some(5.0);
        let mut facts = MediaFacts::default();
        facts.file_size_bytes = 1000;
        facts.duration_seconds = Some(5.0);
        facts.video_streams = vec![stream];
        Ok(facts)
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match &arguments[..] {
        [mode, base, key, index, folder] if mode == "run" => {
            let summary = runtime.block_on(ingest(base, key, index, Path::new(folder)))?;
            println!("{}", serde_json::to_string(&summary)?);
            Ok(())
        }
        [count] => runtime.block_on(measure(count.parse()?)),
        _ => runtime.block_on(measure(1000)),
    }
}

/// One run over the files of a folder, in this process.
async fn ingest(base: &str, key: &str, index: &str, folder: &Path) -> Result<RunSummary, Failure> {
    let client = Client::new(&Config::new(key, base)?)?;
    let account = NewAccount::new(base, KeyTag::of(key), "unlimited", Limits::UNLIMITED);
    let mut settings = Settings::new(account, NewRun::new("measure", std::process::id()));
    settings.limits.jobs = 8;
    settings.limits.in_flight = 1000;
    settings.index = Some(client.indexes().get(index).await?);
    let ledger = Ledger::open(folder.join("ledger.sqlite3"))?;
    let bulk = Bulk::new(&client, Store::new(ledger), settings);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("clips"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let entries = files.into_iter().map(|path| Ok(Entry::file(path)));
    Ok(bulk.ingest(entries, &CancelHandle::new()).await?)
}

/// Requests by operation. The emulator's journal keeps the last 20,000 only.
#[derive(Clone, Default)]
struct Requests(Arc<Mutex<BTreeMap<String, usize>>>);

impl Requests {
    fn count(&self, operation: &str) -> usize {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(operation).copied().unwrap_or_default()
    }

    fn add(&self, operation: Option<&str>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts
            .entry(operation.unwrap_or_default().to_owned())
            .or_default() += 1;
    }

    fn total(&self) -> usize {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.values().sum()
    }
}

struct Platform {
    emulator: Emulator,
    requests: Requests,
    index: String,
    folder: tempfile::TempDir,
}

impl Platform {
    async fn start(files: usize, schedule: Schedule) -> Result<Self, Failure> {
        let requests = Requests::default();
        let counted = requests.clone();
        let emulator = Emulator::builder()
            .on_request(move |entry| counted.add(entry.operation.as_deref()))
            .prober(Arc::new(FixedProber))
            .ffmpeg("/nowhere/ffmpeg")
            .schedule(schedule)
            .start()
            .await?;
        let base = emulator.base_url();
        let client = Client::new(&Config::new(&emulator.api_key(), base.as_str())?)?;
        let models = vec![IndexModel::new("marengo3.0", [ModelOption::Visual])];
        let index = client
            .indexes()
            .create(NewIndex::new("films", models))
            .await?;
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("clips"))?;
        for number in 0..files {
            let path = folder.path().join(format!("clips/{number:06}.mp4"));
            std::fs::write(path, format!("clip {number}").repeat(20))?;
        }
        Ok(Self {
            emulator,
            requests,
            index: index.id.to_string(),
            folder,
        })
    }

    fn child(&self) -> Result<std::process::Child, Failure> {
        let child = Command::new(std::env::current_exe()?)
            .arg("run")
            .arg(self.emulator.base_url().as_str())
            .arg(self.emulator.api_key())
            .arg(&self.index)
            .arg(self.folder.path())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(child)
    }

    /// Runs a child to its end, and returns its summary with its peak memory and open files.
    fn run(&self) -> Result<(RunSummary, Duration, u64, usize), Failure> {
        let started = Instant::now();
        let mut child = self.child()?;
        let (mut memory, mut files) = (0, 0);
        while child.try_wait()?.is_none() {
            memory = memory.max(peak_memory(child.id()));
            files = files.max(open_files(child.id()));
            std::thread::sleep(Duration::from_millis(20));
        }
        let took = started.elapsed();
        let output = child.wait_with_output()?;
        let summary = serde_json::from_slice(&output.stdout)?;
        Ok((summary, took, memory, files))
    }
}

/// Peak resident memory in bytes (Linux).
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

async fn measure(count: usize) -> Result<(), Failure> {
    let platform = Platform::start(count, Schedule::INSTANT).await?;
    let (summary, took, memory, files) = tokio::task::block_in_place(|| platform.run())?;
    let (creates, indexed) = (
        platform.requests.count("assets.create"),
        platform.requests.count("indexes.indexed_assets.create"),
    );
    let totals = summary.totals;
    println!("{count} items, unlimited emulator");
    println!("  ready: {}, failed: {}", totals.ready, totals.failed);
    println!("  {:.0} items/s", totals.ready as f64 / took.as_secs_f64());
    println!(
        "  requests: {} ({:.2} per item; {creates} + {indexed} creates)",
        totals.requests,
        totals.requests as f64 / count as f64
    );
    println!("  peak memory: {:.1} MiB", memory as f64 / 1048576.0);
    println!("  open files: {files}");

    let before = platform.requests.total();
    let (summary, took, ..) = tokio::task::block_in_place(|| platform.run())?;
    println!("run again, all done");
    println!(
        "  {:.2} s, {} requests, {} bytes, {} skipped",
        took.as_secs_f64(),
        platform.requests.total() - before,
        summary.totals.sent_bytes,
        summary.totals.skipped
    );
    drop(platform);

    let count = count.min(400);
    let platform = Platform::start(count, Schedule::INSTANT).await?;
    tokio::task::block_in_place(|| -> Result<(), Failure> {
        let mut child = platform.child()?;
        while platform.requests.count("assets.create") < count / 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill()?;
        child.wait()?;
        Ok(())
    })?;
    let before = platform.requests.total();
    let created = platform.requests.count("assets.create");
    let (summary, took, ..) = tokio::task::block_in_place(|| platform.run())?;
    println!("kill -9 after {created} of {count} assets, then run again");
    println!(
        "  {:.2} s, {} requests, {} settled, {} ready",
        took.as_secs_f64(),
        platform.requests.total() - before,
        summary.totals.settled,
        summary.totals.ready
    );
    println!(
        "  {} assets and {} indexed assets created for {count} files",
        platform.requests.count("assets.create"),
        platform.requests.count("indexes.indexed_assets.create")
    );
    Ok(())
}

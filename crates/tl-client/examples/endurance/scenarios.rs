//! The scenarios and their assertions.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;
use tl_client::{
    Config, blocking,
    model::{IndexModel, ModelOption, NewIndex},
};
use tl_emulator::JournalEntry;

use crate::{
    StepResult,
    large_file::{LargeFile, sha256},
    platform::Platform,
    sender::{Args, KEY, Output, Sender},
};

/// Maximum memory of the client in KiB, for any file size: 24 MiB at concurrency 8. A program with
/// all features that is not optimized takes twice as much.
const MAX_MEMORY: u64 = if cfg!(debug_assertions) { 48 } else { 24 } * 1024;

/// How often the client is killed.
const KILLS: u32 = 10;

/// Faults while the platform is restarted: the storage fails before and after it stored the chunk;
/// the API responds with `Retry-After`, or its response is lost.
const FAULTS: &[&str] = &[
    "storage.put probability=0.02 status=503",
    "storage.put probability=0.02 drop",
    "storage.put probability=0.02 lose_answer",
    "storage.put probability=0.01 status=500 after_work",
    "storage.put probability=0.01 delay_ms=1500",
    "multipart_upload.create nth=1 lose_answer",
    "multipart_upload.report_chunk_batch probability=0.2 lose_answer",
    "multipart_upload.report_chunk_batch probability=0.1 status=500",
    "multipart_upload.get_additional_presigned_urls probability=0.1 status=429 retry_after=1",
    "assets.retrieve nth=1 status=502",
    "indexes.indexed_assets.create nth=1 lose_answer",
];

/// Creates the file and runs both scenarios.
pub(crate) fn run(clip: &Path, bytes: u64) -> StepResult<()> {
    let folder = tempfile::tempdir()?;
    let began = Instant::now();
    let file = LargeFile::make(folder.path().join("large.mp4"), clip, bytes)?;
    println!(
        "a video of {bytes} bytes, SHA-256 {}… ({:.1} s)",
        &file.sha256[..12],
        began.elapsed().as_secs_f64()
    );
    for mode in ["async", "blocking"] {
        through_restarts(mode, &file, &folder.path().join(mode))?;
    }
    through_kills(&file, &folder.path().join("kills"))
}

/// One upload while the platform injects faults, and is killed and restarted after one third and
/// two thirds.
fn through_restarts(mode: &str, file: &LargeFile, folder: &Path) -> StepResult<()> {
    let mut platform = Platform::start(folder.join("state"), FAULTS)?;
    let index_id = index(&platform.base_url)?;
    let base_url = platform.base_url.clone();
    let checkpoints = folder.join("checkpoints");
    let began = Instant::now();
    let sender = Sender::start(Args {
        mode,
        file: &file.path,
        base_url: &base_url,
        index_id: &index_id,
        checkpoints: &checkpoints,
        bytes_per_second: 0,
    })?;
    let chunks = chunks_of(file);
    let (mut sent, mut retried, mut restarts) = (0, 0, 0);
    let done = loop {
        match sender.next()? {
            Output::Sent(_) => sent += 1,
            Output::Retrying => retried += 1,
            Output::Done(done) => break done,
            output => return Err(format!("{mode}: {output:?} after {sent} chunks").into()),
        }
        if restarts < 2 && sent * 3 > chunks * (restarts + 1) {
            restarts += 1;
            platform.restart()?;
        }
    };
    if restarts != 2 {
        return Err(format!("{mode}: it was over after {restarts} restarts").into());
    }
    if retried == 0 {
        return Err(format!("{mode}: no fault was met, so nothing was shown").into());
    }
    let peak = check_result(mode, &done, file, &platform)?;
    println!(
        "{mode}: {chunks} chunks through {restarts} restarts of the platform and {retried} failed attempts in {:.1} s; bytes equal, peak memory {:.1} MiB",
        began.elapsed().as_secs_f64(),
        mib(peak),
    );
    Ok(())
}

/// One upload whose process is killed ten times, and resumed alternately by the async and the
/// blocking client.
fn through_kills(file: &LargeFile, folder: &Path) -> StepResult<()> {
    let mut platform = Platform::start(folder.join("state"), &[])?;
    let index_id = index(&platform.base_url)?;
    let base_url = platform.base_url.clone();
    let checkpoints = folder.join("checkpoints");
    // The upload takes about 40 s; the kills happen within 20 s.
    let bytes_per_second = file.bytes / 40;
    let mut finished: BTreeSet<u32> = BTreeSet::new();
    let mut resumed = Vec::new();
    let mut again = Vec::new();
    let mut last_entry = 0;
    let mut run = 0;
    let done = loop {
        let mut sender = Sender::start(Args {
            mode: if run % 2 == 0 { "async" } else { "blocking" },
            file: &file.path,
            base_url: &base_url,
            index_id: &index_id,
            checkpoints: &checkpoints,
            bytes_per_second: if run < KILLS { bytes_per_second } else { 0 },
        })?;
        let before = finished.clone();
        let end = Instant::now() + kill_delay(run);
        let done = loop {
            let output = if run < KILLS {
                sender.next_within(end.saturating_duration_since(Instant::now()))?
            } else {
                sender.next()?
            };
            match output {
                Output::Sent(chunk) => {
                    finished.insert(chunk);
                }
                Output::Resuming(chunks) => resumed.push(chunks),
                Output::Retrying => {}
                Output::Done(done) => break Some(done),
                Output::Timeout => break None,
                Output::Exited => return Err(format!("run {run} ended without a result").into()),
            }
        };
        let at_work = sender.kill()?;
        // Count output written before the kill but not read yet.
        while let Output::Sent(chunk) = sender.next_within(Duration::from_secs(5))? {
            finished.insert(chunk);
        }
        // The client may receive a response before the platform has recorded it.
        std::thread::sleep(Duration::from_millis(200));
        let journal = platform.journal()?;
        again.extend(puts(&journal, last_entry).filter(|chunk| before.contains(chunk)));
        last_entry = journal.last().map_or(last_entry, |entry| entry.number);
        match done {
            Some(done) if run == KILLS => break done,
            Some(_) => return Err(format!("it was over after {run} kills").into()),
            None if !at_work => return Err(format!("run {run} had ended by itself").into()),
            None => run += 1,
        }
    };
    if !again.is_empty() {
        return Err(format!("finished chunks went up again: {again:?}").into());
    }
    if resumed.iter().all(|chunks| *chunks == 0) {
        return Err("no run went on where an earlier one ended, so nothing was shown".into());
    }
    let peak = check_result("killed", &done, file, &platform)?;
    println!(
        "killed {KILLS} times, resumed by the other client with {resumed:?} chunks: bytes equal, no finished chunk sent again, peak memory {:.1} MiB",
        mib(peak)
    );
    Ok(())
}

/// Checks the result of an upload and returns its peak memory.
fn check_result(
    scenario: &str,
    done: &Value,
    file: &LargeFile,
    platform: &Platform,
) -> StepResult<u64> {
    let (route, status) = (&done["route"], &done["status"]);
    if route != "multipart" || status != "ready" {
        return Err(format!("{scenario}: it ended with {done}").into());
    }
    let received = platform.received(file.bytes)?;
    let hash = sha256(&received)?;
    if hash != file.sha256 {
        return Err(format!("{scenario}: the platform received other bytes: {hash}").into());
    }
    let peak = done["peak_kib"].as_u64().ok_or("no peak was told")?;
    if peak > MAX_MEMORY {
        return Err(format!(
            "{scenario}: the client took {:.1} MiB, at most {:.0} are allowed",
            mib(peak),
            mib(MAX_MEMORY)
        )
        .into());
    }
    Ok(peak)
}

fn index(base_url: &str) -> StepResult<String> {
    let client = blocking::Client::new(&Config::new(KEY, base_url)?)?;
    let options = ["visual", "audio"].map(ModelOption::from);
    let models = [IndexModel::new("marengo3.0", options)];
    Ok(client
        .indexes()
        .create(NewIndex::new("endurance", models))?
        .id
        .to_string())
}

/// The chunks sent to the storage after the journal entry `last_entry`, stored or not.
fn puts(journal: &[JournalEntry], last_entry: u64) -> impl Iterator<Item = u32> {
    journal
        .iter()
        .filter(move |entry| entry.number > last_entry)
        .filter_map(|entry| Some(entry.chunk.as_ref()?.chunk_index))
}

/// How long run `run` lasts before it is killed: 0.2 to 3.2 s, different for each run and
/// deterministic.
fn kill_delay(run: u32) -> Duration {
    Duration::from_millis(200 + u64::from(run).wrapping_mul(7_919) % 3_000)
}

/// Number of chunks; the emulator uses 5 MiB each.
fn chunks_of(file: &LargeFile) -> u64 {
    file.bytes.div_ceil(5 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

//! Measures the decoding of a large response with embeddings: the time compared with a bare parse of
//! the same bytes, and the peak of memory beside them compared with the matrix.
//!
//! ```console
//! $ cargo run --release -p tl-model --example decode_embeddings
//! ```
//!
//! Each measurement is a separate process, because the peak of a process never falls. The peak is
//! read from `/proc`, so on other systems than Linux only times are printed.

#![expect(clippy::print_stdout, reason = "the numbers are the result")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde::de::IgnoredAny;
use serde_json::Value;
use tl_model::EmbeddingTask;

const ROWS: usize = 7200;
const DIMENSION: usize = 512;
/// How often each decoder runs. The fastest run counts.
const RUNS: usize = 5;
/// The largest ratio of the time to that of the bare parse.
const MAX_TIME: f64 = 1.3;
/// The largest ratio of the peak to the size of the matrix.
const MAX_PEAK: f64 = 1.5;

fn main() {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(decoder), Some(file)) => decode(&decoder, Path::new(&file)),
        _ => compare(),
    }
}

/// A response as the platform sends it: 17 significant digits per number.
fn response() -> String {
    let mut text = String::from(r#"{"_id":"6298d673f1090f1100476d4d","status":"ready","data":["#);
    let mut seed = 1_u64;
    for row in 0..ROWS {
        let comma = if row == 0 { "" } else { "," };
        let start = row * 6;
        _ = write!(
            text,
            r#"{comma}{{"embedding_option":"visual","embedding_scope":"clip","start_sec":{start},"end_sec":{},"embedding":["#,
            start + 6
        );
        for column in 0..DIMENSION {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let comma = if column == 0 { "" } else { "," };
            let sign = if seed >> 63 == 0 { "" } else { "-" };
            // Of the size of the numbers of a unit vector.
            _ = write!(
                text,
                "{comma}{sign}0.0{:017}",
                seed % 100_000_000_000_000_000
            );
        }
        text.push_str("]}");
    }
    text.push_str("]}");
    text
}

fn compare() {
    let file: PathBuf =
        std::env::temp_dir().join(format!("embeddings-{}.json", std::process::id()));
    let text = response();
    std::fs::write(&file, &text).expect("the temporary directory can be written");
    println!(
        "{ROWS} x {DIMENSION} numbers, {:.1} MB of JSON",
        text.len() as f64 / 1e6
    );
    drop(text);
    let run = |decoder: &str| -> (f64, f64) {
        let mut best = (f64::MAX, 0.0);
        for _ in 0..RUNS {
            let program = std::env::current_exe().expect("this program has a path");
            let done = Command::new(program).arg(decoder).arg(&file).output();
            let done = done.expect("this program starts again");
            let text = String::from_utf8_lossy(&done.stdout).into_owned();
            let mut numbers = text.split_whitespace().filter_map(|word| word.parse().ok());
            let (seconds, peak) = (numbers.next(), numbers.next());
            let (Some(seconds), Some(peak)) = (seconds, peak) else {
                panic!("{decoder}: {done:?}");
            };
            if seconds < best.0 {
                best = (seconds, peak);
            }
        }
        println!(
            "{decoder:>8}  {:.3} s  {:6.1} MB beside the response",
            best.0,
            best.1 / 1e6
        );
        best
    };
    let ((bare, _), _, (seconds, peak)) = (run("value"), run("scan"), run("matrix"));
    _ = std::fs::remove_file(&file);
    let matrix = (ROWS * DIMENSION * size_of::<f32>()) as f64;
    let (time, memory) = (seconds / bare, peak / matrix);
    println!("time {time:.2} of a parse into serde_json::Value (at most {MAX_TIME})");
    println!(
        "peak {memory:.2} of the matrix of {:.1} MB (at most {MAX_PEAK})",
        matrix / 1e6
    );
    if time > MAX_TIME || memory > MAX_PEAK {
        std::process::exit(1);
    }
}

/// Decodes the file once and prints the seconds and the bytes.
fn decode(decoder: &str, file: &Path) {
    let bytes = std::fs::read(file).expect("the file was written");
    let before = memory("VmRSS:");
    let started = Instant::now();
    let kept: Box<dyn std::any::Any> = match decoder {
        "value" => Box::new(serde_json::from_slice::<Value>(&bytes).expect("it is JSON")),
        "scan" => Box::new(serde_json::from_slice::<IgnoredAny>(&bytes).expect("it is JSON")),
        _ => {
            let task: EmbeddingTask = serde_json::from_slice(&bytes).expect("it is a task");
            let data = task.data.as_ref().expect("it has embeddings");
            assert_eq!((data.len(), data.dimension()), (ROWS, DIMENSION));
            Box::new(task)
        }
    };
    let seconds = started.elapsed().as_secs_f64();
    let peak = memory("VmHWM:").saturating_sub(before);
    drop(kept);
    println!("{seconds} {peak}");
}

/// A line of `/proc/self/status` in bytes; 0 where there is none.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

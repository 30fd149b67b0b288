//! `measure in-process|worker LIST [HELPER]` probes every file in LIST (one path per line) and
//! prints as JSON the time of each, and the peak memory of this process and of its helpers. `cargo
//! xtask bench validate` runs it.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use tl_validate::Prober;
use tl_validate::ffmpeg::InProcess;
use tl_validate::worker::{ProbePool, WorkerOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (prober, list): (Box<dyn Prober>, &str) = match words[..] {
        ["in-process", list] => (Box::new(InProcess::new()), list),
        ["worker", list, helper] => {
            let options = WorkerOptions::default().with_program(Some(helper.into()));
            let pool = ProbePool::new(options)?;
            // Do not attribute the start of the helper to the first file.
            pool.protections()?;
            (Box::new(pool), list)
        }
        _ => return Err("usage: measure in-process|worker LIST [HELPER]".into()),
    };
    let files: Vec<Value> = fs::read_to_string(list)?
        .lines()
        .map(|path| measured(&*prober, Path::new(path)))
        .collect();
    let all = json!({
        "files": files,
        "peak_kib": peak_kib("/proc/self/status"),
        "helper_peak_kib": helper_peak_kib(),
    });
    writeln!(io::stdout(), "{all}")?;
    Ok(())
}

fn measured(prober: &dyn Prober, path: &Path) -> Value {
    let start = Instant::now();
    let facts = prober.probe(path);
    let seconds = start.elapsed().as_secs_f64();
    match facts {
        Err(error) => json!({ "seconds": seconds, "refused": error.to_string() }),
        Ok(facts) => {
            let video = facts.video();
            let pixels = video.map(|video| u64::from(video.width) * u64::from(video.height));
            json!({ "seconds": seconds, "pixels": pixels })
        }
    }
}

/// The highest peak memory of any running child process.
fn helper_peak_kib() -> Option<u64> {
    let own = format!("PPid:\t{}", std::process::id());
    let statuses = fs::read_dir("/proc").ok()?.flatten();
    statuses
        .map(|entry| entry.path().join("status"))
        .filter(|path| {
            fs::read_to_string(path).is_ok_and(|text| text.lines().any(|line| line == own))
        })
        .filter_map(|path| peak_kib(path.to_str()?))
        .max()
}

fn peak_kib(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.split_whitespace().next()?.parse().ok()
}

//! `bench emulator`: the load program of `tl-emulator`, and bounds on what it measured.

use serde_json::Value;

use super::report::Report;
use super::results::{Results, Sample};
use super::target::{Bound, Targets};
use super::{Settings, output};
use crate::Failure;
use crate::format::format_ms;

pub(super) fn run(settings: &Settings<'_>) -> Result<Report, Failure> {
    let program = settings.path("load")?;
    let words: &[&str] = if settings.quick {
        &["--json", "--quick"]
    } else {
        &["--json"]
    };
    let mut results = Results::default();
    let mut all = Vec::new();
    for _ in 0..settings.rounds(3) {
        // It fails if one of its bounds is broken; its measurement counts all the same.
        let output = output(&program, words)?;
        let load = Load::parse(&output.stdout).ok_or_else(|| {
            let last = output.stderr.lines().last().unwrap_or("no message");
            format!("the load program printed no result: {last}")
        })?;
        eprintln!("{}: p99 {} ms", load.workload(), format_ms(load.p99));
        let times = [
            ("response, p50", load.p50),
            ("response, p99", load.p99),
            ("upload", load.upload),
        ];
        for (name, wall) in times {
            let sample = Sample {
                wall,
                cpu: None,
                peak: Some(load.peak),
            };
            results.record(&load.workload(), name, sample);
        }
        all.push(load);
    }
    all.sort_unstable_by(|a, b| f64::total_cmp(&a.p99, &b.p99));
    let p99 = all[all.len() / 2].p99 * 1000.0;
    let errors = all.iter().map(|load| load.errors).sum();
    let peak = all.iter().map(|load| load.peak).fold(0.0, f64::max);
    let mut targets = Targets::new(&results);
    targets.other("failed requests", errors, Bound::AtMost(0.0), "");
    targets.other("response, p99", p99, Bound::AtMost(50.0), " ms");
    targets.other("peak memory", peak, Bound::AtMost(100.0), " MiB");
    let targets = targets.all;
    let note = "Clients and emulator share the machine. Each client sends a request every 100 ms, \
                as pollers do. The memory is that of the emulator's process.";
    Ok(Report {
        title: "Emulator",
        notes: vec![note],
        versions: vec!["no other program, only bounds".into()],
        results,
        targets,
    })
}

/// What the load program measured, in seconds and MiB.
#[derive(Debug, PartialEq)]
struct Load {
    requests: u64,
    clients: u64,
    upload_mib: u64,
    errors: f64,
    p50: f64,
    p99: f64,
    upload: f64,
    peak: f64,
}

impl Load {
    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text.trim()).ok()?;
        let number = |name: &str| value[name].as_f64();
        let count = |name: &str| value[name].as_u64();
        Some(Self {
            requests: count("requests")?,
            clients: count("clients")?,
            upload_mib: count("upload_bytes")? >> 20,
            errors: number("errors")?,
            p50: number("p50_ms")? / 1000.0,
            p99: number("p99_ms")? / 1000.0,
            upload: number("upload_seconds")?,
            peak: number("memory_peak_kib")? / 1024.0,
        })
    }

    fn workload(&self) -> String {
        format!(
            "{} requests of {} clients during an upload of {} MiB",
            self.requests, self.clients, self.upload_mib
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_load_program_is_parsed() {
        let text = r#"{"clients":200,"errors":1,"memory_peak_kib":46080,"p50_ms":0.8,"p99_ms":9.25,"requests":10000,"upload_bytes":2147483648,"upload_seconds":2.9}"#;
        let load = Load::parse(text).unwrap();
        let expected = "10000 requests of 200 clients during an upload of 2048 MiB";
        assert_eq!(load.workload(), expected);
        assert!((load.p99 - 9.25e-3).abs() < 1e-9, "{load:?}");
        assert!((load.peak - 45.0).abs() < 1e-9, "{load:?}");
        assert_eq!(Load::parse("killed"), None);
        assert_eq!(Load::parse("{}"), None);
    }
}

//! `bench emulator`: the load program of `tl-emulator`, and what it printed held against the bounds.

use std::time::Duration;

use serde_json::Value;

use crate::bench::Options;
use crate::bench::contest::{Board, Sample};
use crate::bench::demand::{Bound, Demands};
use crate::bench::report::Report;
use crate::failure::Failure;
use crate::programs::Programs;
use crate::shell::Program;
use crate::workspace::Workspace;

/// 10,000 requests take seconds, the upload some more.
const DEADLINE: Duration = Duration::from_secs(240);

pub(super) fn run(_: &Workspace, options: Options) -> Result<Report, Failure> {
    let program = Programs::of_package("tl-emulator", &[])?
        .path("load")?
        .clone();
    let mut board = Board::default();
    let mut all = Vec::new();
    for _ in 0..if options.quick { 1 } else { 3 } {
        let mut load = Program::new(&program).arg("--json");
        if options.quick {
            load = load.arg("--quick");
        }
        // It fails where it finds a bound broken; what it measured counts here all the same.
        let said = load.deadline(DEADLINE).listen()?;
        let seen = Seen::of(&said.stdout).ok_or_else(|| {
            let last = said.stderr.lines().last().unwrap_or("it said nothing");
            Failure::new(format!("the load program printed no result: {last}"))
        })?;
        eprintln!("{}: p99 {:.1} ms", seen.work(), seen.p99 * 1000.0);
        let times = [
            ("an answer, p50", seen.p50),
            ("an answer, p99", seen.p99),
            ("the upload", seen.upload),
        ];
        for (name, wall) in times {
            let peak = Some(seen.peak);
            let cpu = None;
            board.record(&seen.work(), name, Sample { wall, cpu, peak });
        }
        all.push(seen);
    }
    all.sort_unstable_by(|a, b| f64::total_cmp(&a.p99, &b.p99));
    let (middle, errors) = (
        &all[all.len() / 2],
        all.iter().map(|seen| seen.errors).sum(),
    );
    let peak = all.iter().map(|seen| seen.peak).fold(0.0, f64::max);
    let mut demands = Demands::on(&board);
    demands.other("requests that failed", errors, Bound::AtMost(0.0), "");
    demands.other(
        "an answer, p99",
        middle.p99 * 1000.0,
        Bound::AtMost(50.0),
        " ms",
    );
    demands.other("memory at most", peak, Bound::AtMost(100.0), " MiB");
    let demands = demands.all;
    Ok(Report {
        title: "Emulator",
        notes: vec![
            "The clients and the emulator share the machine; every client asks again after a pause of 100 ms, as pollers do. The memory is \
             the largest of the emulator's process."
                .to_owned(),
        ],
        versions: vec!["nobody, only the bounds".into()],
        board,
        demands,
    })
}

/// What the load program measured, in seconds and MiB.
#[derive(Debug, PartialEq)]
struct Seen {
    requests: u64,
    clients: u64,
    upload_mib: u64,
    errors: f64,
    p50: f64,
    p99: f64,
    upload: f64,
    peak: f64,
}

impl Seen {
    fn of(text: &str) -> Option<Self> {
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

    fn work(&self) -> String {
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
    fn the_line_of_the_load_program_is_read() {
        let text = r#"{"clients":200,"errors":1,"memory_peak_kib":46080,"p50_ms":0.8,"p99_ms":9.25,"requests":10000,"upload_bytes":2147483648,"upload_seconds":2.9}"#;
        let seen = Seen::of(text).unwrap();
        assert_eq!(
            seen.work(),
            "10000 requests of 200 clients during an upload of 2048 MiB"
        );
        assert!((seen.p99 - 9.25e-3).abs() < 1e-9, "{seen:?}");
        assert!((seen.peak - 45.0).abs() < 1e-9, "{seen:?}");
        assert_eq!(Seen::of("killed"), None);
        assert_eq!(Seen::of("{}"), None);
    }
}

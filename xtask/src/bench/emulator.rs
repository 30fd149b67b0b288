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

const WORK: &str = "10,000 requests of 200 clients during an upload of 2 GiB";

pub(super) fn run(_: &Workspace, options: Options) -> Result<Report, Failure> {
    let program = Programs::of_package("tl-emulator", &[])?
        .path("load")?
        .clone();
    let mut board = Board::default();
    let (mut slowest, mut largest) = (Vec::new(), Vec::new());
    let mut failed = 0.0;
    for _ in 0..if options.quick { 1 } else { 3 } {
        // It fails where it finds a bound broken; what it printed is what counts here.
        let mut words = vec!["--json"];
        words.extend(options.quick.then_some("--quick"));
        let said = Program::new(&program)
            .args(&words)
            .deadline(DEADLINE)
            .listen()?;
        let seen = Seen::of(&said.stdout).ok_or_else(|| {
            let last = said.stderr.lines().last().unwrap_or("it said nothing");
            Failure::new(format!("the load program printed no result: {last}"))
        })?;
        for (name, wall) in [
            ("p50 of the requests", seen.p50),
            ("p99 of the requests", seen.p99),
        ] {
            let peak = Some(seen.peak);
            board.record(
                WORK,
                name,
                Sample {
                    wall,
                    cpu: None,
                    peak,
                },
            );
        }
        failed += seen.failed;
        slowest.push(seen.p99);
        largest.push(seen.peak);
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let mut demands = Demands::on(&board);
    let (p99, peak) = (median(&mut slowest), median(&mut largest));
    demands.other(
        &format!("{WORK}: p99"),
        p99 * 1000.0,
        Bound::AtMost(50.0),
        " ms",
    );
    demands.other(
        &format!("{WORK}: requests that failed"),
        failed,
        Bound::AtMost(0.0),
        "",
    );
    demands.other(
        &format!("{WORK}: memory"),
        peak,
        Bound::AtMost(100.0),
        " MiB",
    );
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

/// What the load program printed, in seconds and MiB.
#[derive(Debug, PartialEq)]
struct Seen {
    p50: f64,
    p99: f64,
    peak: f64,
    failed: f64,
}

impl Seen {
    fn of(text: &str) -> Option<Self> {
        let told: Value = serde_json::from_str(text.lines().last()?).ok()?;
        let number = |name: &str| told[name].as_f64();
        Some(Self {
            p50: number("p50_ms")? / 1e3,
            p99: number("p99_ms")? / 1e3,
            peak: number("memory_peak_kib")? / 1024.0,
            failed: number("errors")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_load_program_is_read() {
        let text = r#"{"p50_ms":0.5,"p99_ms":9.25,"memory_peak_kib":46080,"errors":0,"upload_seconds":2.9}"#;
        let expected = Seen {
            p50: 0.0005,
            p99: 0.00925,
            peak: 45.0,
            failed: 0.0,
        };
        assert_eq!(Seen::of(text), Some(expected));
        for wrong in ["", "killed", "{}"] {
            assert_eq!(Seen::of(wrong), None, "{wrong}");
        }
    }
}

//! `bench emulator`: the load program of `tl-emulator`, and what it printed held against the bounds.

use std::time::Duration;

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
    for _ in 0..if options.quick { 1 } else { 3 } {
        // It fails where it finds a bound broken; what it printed until then is what counts here.
        let said = Program::new(&program).deadline(DEADLINE).listen()?;
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
}

impl Seen {
    fn of(text: &str) -> Option<Self> {
        let after = |mark: &str| Some(text.split_once(mark)?.1);
        let time = |mark: &str| seconds(after(mark)?.split([',', '\n']).next()?);
        let memory = after("MiB before, ")?;
        Some(Self {
            p50: time(": p50 ")?,
            p99: time(", p99 ")?,
            peak: memory.split(' ').next()?.parse().ok()?,
        })
    }
}

/// A `Duration` as `{:?}` prints it.
fn seconds(text: &str) -> Option<f64> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = text[..at].parse().ok()?;
    let scale = match &text[at..] {
        "s" => 1.0,
        "ms" => 1e-3,
        "µs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    };
    Some(number * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_load_program_are_read() {
        let text = "killed while 20 clients wrote: 9 answers were given, 0 of them lost\n\
            10000 small requests by 200 clients in 5.50s: p50 812.00µs, p99 9.25ms, most 1.50s\n\
            2 GiB uploaded at the same time in 2.90s, answered 400\nmemory: 21 MiB before, 45 MiB at most\n";
        let seen = Seen::of(text).unwrap();
        assert!((seen.p50 - 812e-6).abs() < 1e-9, "{seen:?}");
        assert!((seen.p99 - 9.25e-3).abs() < 1e-9, "{seen:?}");
        assert!((seen.peak - 45.0).abs() < 1e-9, "{seen:?}");
        assert_eq!(Seen::of("killed"), None);
    }
}

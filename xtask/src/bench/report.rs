//! The tables of a bench: on the terminal, and as the bench's own section of `docs/benchmarks.md`.

use std::fmt::Write as _;

use crate::bench::contest::{Board, Metric, Row};
use crate::bench::demand::Demand;
use crate::failure::Failure;
use crate::shell::Program;
use crate::workspace::{self, Workspace};

/// Where the tables are kept.
const FILE: &str = "docs/benchmarks.md";

/// What the file says before the first section.
const HEAD: &str = "# Benchmarks\n\n\
    Written by `cargo xtask bench upload --write`, `cargo xtask bench validate --write` and `cargo xtask bench emulator --write`; each\n\
    replaces its own section. All contenders of a table ran in turns on one machine in one run; a number is the median, the least and\n\
    the most stand in brackets. Absolute numbers belong to the machine; the ratios are what is promised.\n";

/// What a bench found.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) title: &'static str,
    /// What to know before reading the numbers.
    pub(super) notes: Vec<String>,
    /// Programs and their versions.
    pub(super) versions: Vec<String>,
    pub(super) board: Board,
    pub(super) demands: Vec<Demand>,
}

impl Report {
    pub(super) fn missed(&self) -> usize {
        self.demands
            .iter()
            .filter(|demand| !demand.is_met())
            .count()
    }

    pub(super) fn text(&self, workspace: &Workspace, quick: bool) -> Result<String, Failure> {
        let mut text = format!("## {}\n\n", self.title);
        if quick {
            text.push_str(
                "A quick run with small sizes: it shows that the bench works, and no speed.\n\n",
            );
        }
        let _ = writeln!(text, "{}\n", machine(workspace)?);
        let _ = writeln!(text, "Against: {}.\n", self.versions.join("; "));
        for note in &self.notes {
            let _ = writeln!(text, "{note}\n");
        }
        text.push_str(&demands(&self.demands));
        text.push('\n');
        text.push_str(&measured(&self.board));
        Ok(text)
    }
}

fn machine(workspace: &Workspace) -> Result<String, Failure> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let date = Program::new("date").args(["-u", "+%Y-%m-%d"]).read()?;
    let rustc = Program::new("rustc").arg("--version").read()?;
    let commit = Program::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .dir(&workspace.root)
        .read()
        .unwrap_or_else(|_| "unknown".into());
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("unknown");
    Ok(format!(
        "Measured on {} at commit {}: {cores} cores of {model}, Linux {}, {}; load at the end of the run {load}.",
        date.trim(),
        commit.trim(),
        kernel.trim(),
        rustc.trim(),
    ))
}

fn demands(demands: &[Demand]) -> String {
    let missed = demands.iter().filter(|demand| !demand.is_met()).count();
    let mut text = format!(
        "{} of {} demands are met.\n\n| Demand | Limit | Seen | Verdict |\n|---|---|---|---|\n",
        demands.len() - missed,
        demands.len()
    );
    for demand in demands {
        let verdict = if demand.is_met() {
            "met"
        } else {
            "**not met**"
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {verdict} |",
            demand.text,
            demand.limit(),
            demand.observed()
        );
    }
    text
}

fn measured(board: &Board) -> String {
    let mut text = "| Work | Contender | Wall, ms | CPU, ms | Peak memory, MiB | Runs |\n|---|---|---|---|---|---|\n".to_owned();
    for row in &board.rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            row.work,
            row.contender,
            cell(row, Metric::Wall, 1000.0),
            cell(row, Metric::Cpu, 1000.0),
            cell(row, Metric::Peak, 1.0),
            row.runs()
        );
    }
    text
}

fn cell(row: &Row, metric: Metric, scale: f64) -> String {
    let Some(spread) = row.spread(metric) else {
        return "–".to_owned();
    };
    let number = |value: f64| {
        let value = value * scale;
        if value < 10.0 {
            format!("{value:.2}")
        } else if value < 100.0 {
            format!("{value:.1}")
        } else {
            format!("{value:.0}")
        }
    };
    if row.runs() == 1 {
        return number(spread.median);
    }
    format!(
        "{} ({}–{})",
        number(spread.median),
        number(spread.least),
        number(spread.most)
    )
}

/// Puts `section` in the place of the bench's last one.
pub(super) fn write(workspace: &Workspace, bench: &str, section: &str) -> Result<(), Failure> {
    let path = workspace.root.join(FILE);
    let before = if path.exists() {
        workspace::read(&path)?
    } else {
        HEAD.to_owned()
    };
    workspace::write(&path, &replaced(&before, bench, section))?;
    println!("written to {FILE}");
    Ok(())
}

fn replaced(text: &str, bench: &str, section: &str) -> String {
    let (open, close) = (
        format!("<!-- {bench} -->"),
        format!("<!-- end of {bench} -->"),
    );
    let section = format!("{open}\n{}\n{close}", section.trim_end());
    match (text.find(&open), text.find(&close)) {
        (Some(start), Some(end)) if start < end => {
            format!("{}{section}{}", &text[..start], &text[end + close.len()..])
        }
        _ => format!("{}\n\n{section}\n", text.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::demand::Bound;

    #[test]
    fn a_section_takes_the_place_of_its_last_one_and_touches_no_other() {
        let one = replaced("# Head\n", "upload", "first");
        let two = replaced(&one, "validate", "other");
        let three = replaced(&two, "upload", "second");
        assert_eq!(
            three,
            "# Head\n\n<!-- upload -->\nsecond\n<!-- end of upload -->\n\n<!-- validate -->\nother\n<!-- end of validate -->\n"
        );
    }

    #[test]
    fn a_demand_that_is_not_met_is_shown_plainly() {
        let demand = |seen| Demand {
            text: "wall".into(),
            seen,
            bound: Bound::AtMost(1.5),
            unit: "x",
        };
        let text = demands(&[demand(1.0), demand(2.0)]);
        assert!(text.starts_with("1 of 2 demands are met."), "{text}");
        assert!(
            text.contains("| wall | ≤ 1.5x | 2.00x | **not met** |"),
            "{text}"
        );
    }
}

//! The tables of a suite: on the terminal, and as a section of `docs/benchmarks.md`.

use std::fmt::Write as _;
use std::path::Path;

use super::results::{Metric, Results, Row};
use super::target::Target;
use super::{Settings, read};
use crate::Failure;
use crate::format::{format_mib, format_ms};

/// Where the tables are kept.
const FILE: &str = "docs/benchmarks.md";

/// The results of a suite.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) title: &'static str,
    /// What a reader of the numbers must know.
    pub(super) notes: Vec<&'static str>,
    /// Programs and their versions.
    pub(super) versions: Vec<String>,
    pub(super) results: Results,
    pub(super) targets: Vec<Target>,
}

impl Report {
    /// The number of targets that are not met.
    pub(super) fn missed(&self) -> usize {
        self.targets
            .iter()
            .filter(|target| !target.is_met())
            .count()
    }

    pub(super) fn text(&self, settings: &Settings<'_>) -> Result<String, Failure> {
        let mut text = format!("## {}\n\n", self.title);
        if settings.quick {
            text.push_str(
                "A quick run with small sizes: it shows that the suite works, and no speed.\n\n",
            );
        }
        let _ = writeln!(text, "{}\n", machine(&settings.root)?);
        let _ = writeln!(text, "Compared with: {}.\n", self.versions.join("; "));
        for note in &self.notes {
            let _ = writeln!(text, "{note}\n");
        }
        text.push_str(&targets(&self.targets));
        text.push('\n');
        text.push_str(&measured(&self.results));
        Ok(text)
    }
}

fn machine(root: &Path) -> Result<String, Failure> {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = file("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = file("/proc/sys/kernel/osrelease");
    let date = read(Path::new("date"), &["-u", "+%Y-%m-%d"])?;
    let rustc = read(Path::new("rustc"), &["--version"])?;
    let root = root.display().to_string();
    let commit = read(
        Path::new("git"),
        &["-C", &root, "rev-parse", "--short", "HEAD"],
    )
    .unwrap_or_else(|_| "unknown".into());
    let load = file("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("unknown");
    Ok(format!(
        "Measured on {} at commit {}: {cores} cores of {model}, Linux {}, {}; load at the end of \
         the run {load}.",
        date.trim(),
        commit.trim(),
        kernel.trim(),
        rustc.trim(),
    ))
}

fn targets(targets: &[Target]) -> String {
    let met = targets.iter().filter(|target| target.is_met()).count();
    let mut text = format!(
        "{met} of {} targets are met.\n\n| Target | Limit | Measured | Result |\n|---|---|---|---|\n",
        targets.len()
    );
    for target in targets {
        let result = if target.is_met() {
            "met"
        } else {
            "**not met**"
        };
        let (limit, observed) = (target.limit(), target.observed());
        let _ = writeln!(
            text,
            "| {} | {limit} | {observed} | {result} |",
            target.text
        );
    }
    text
}

fn measured(results: &Results) -> String {
    let mut text = "| Workload | Contender | Wall, ms | CPU, ms | Peak memory, MiB | Runs |\n\
                    |---|---|---|---|---|---|\n"
        .to_owned();
    for row in &results.rows {
        let (wall, cpu) = (
            cell(row, Metric::Wall, format_ms),
            cell(row, Metric::Cpu, format_ms),
        );
        let (peak, runs) = (cell(row, Metric::Peak, format_mib), row.runs());
        let names = format!("{} | {}", row.workload, row.contender);
        let _ = writeln!(text, "| {names} | {wall} | {cpu} | {peak} | {runs} |");
    }
    text
}

fn cell(row: &Row, metric: Metric, format: fn(f64) -> String) -> String {
    match row.spread(metric) {
        None => "–".to_owned(),
        Some(spread) if row.runs() == 1 => format(spread.median),
        Some(spread) => {
            let (median, min, max) = (
                format(spread.median),
                format(spread.min),
                format(spread.max),
            );
            format!("{median} ({min}–{max})")
        }
    }
}

/// Replaces the section of a suite.
pub(super) fn write(root: &Path, suite: &str, section: &str) -> Result<(), Failure> {
    let path = root.join(FILE);
    let text = std::fs::read_to_string(&path)?;
    std::fs::write(&path, replaced(&text, suite, section))?;
    println!("written to {FILE}");
    Ok(())
}

fn replaced(text: &str, suite: &str, section: &str) -> String {
    let (open, close) = (
        format!("<!-- {suite} -->"),
        format!("<!-- end of {suite} -->"),
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
    use crate::suite::target::Bound;

    #[test]
    fn a_section_replaces_its_previous_version_only() {
        let one = replaced("# Head\n", "upload", "first");
        let two = replaced(&one, "validate", "other");
        let three = replaced(&two, "upload", "second");
        assert_eq!(
            three,
            "# Head\n\n<!-- upload -->\nsecond\n<!-- end of upload -->\n\n<!-- validate -->\nother\n<!-- end of validate -->\n"
        );
    }

    #[test]
    fn a_missed_target_is_marked() {
        let target = |measured| Target {
            text: "wall".into(),
            measured,
            bound: Bound::AtMost(1.5),
            unit: "x",
        };
        let text = targets(&[target(1.0), target(2.0)]);
        assert!(text.starts_with("1 of 2 targets are met."), "{text}");
        assert!(
            text.contains("| wall | ≤ 1.5x | 2.00x | **not met** |"),
            "{text}"
        );
    }
}

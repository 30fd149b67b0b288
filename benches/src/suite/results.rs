//! Contenders take turns, so that a slow moment of the machine affects all of them; medians are
//! compared.

use serde_json::Value;

use crate::{Failure, format::format_ms};

/// What a run took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// Seconds.
    pub(super) wall: f64,
    /// Seconds of processor time, if known.
    pub(super) cpu: Option<f64>,
    /// Peak resident memory in MiB, if known.
    pub(super) peak: Option<f64>,
}

impl Sample {
    /// The line that `tl-bench CONTENDER` printed.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let value: Value = serde_json::from_str(text.trim())
            .map_err(|_| format!("a contender printed no sample: {text:?}"))?;
        let wall = value["wall"]
            .as_f64()
            .ok_or_else(|| format!("a contender printed no time: {text:?}"))?;
        Ok(Self {
            wall,
            cpu: value["cpu"].as_f64(),
            peak: value["peak_kib"].as_f64().map(|kib| kib / 1024.0),
        })
    }
}

/// A number of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Wall,
    Cpu,
    Peak,
}

impl Metric {
    fn of(self, sample: &Sample) -> Option<f64> {
        match self {
            Self::Wall => Some(sample.wall),
            Self::Cpu => sample.cpu,
            Self::Peak => sample.peak,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Cpu => "CPU",
            Self::Peak => "peak memory",
        }
    }
}

/// A participant of a comparison.
pub(super) struct Contender<'c> {
    pub(super) name: &'static str,
    /// A slow contender runs in the first rounds only.
    pub(super) max_rounds: usize,
    pub(super) run: Box<dyn Fn() -> Result<Sample, Failure> + 'c>,
}

impl<'c> Contender<'c> {
    pub(super) fn new(name: &'static str, run: impl Fn() -> Result<Sample, Failure> + 'c) -> Self {
        Self {
            name,
            max_rounds: usize::MAX,
            run: Box::new(run),
        }
    }

    pub(super) fn at_most(mut self, rounds: usize) -> Self {
        self.max_rounds = rounds;
        self
    }
}

/// All samples of a contender for a workload.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) workload: String,
    pub(super) contender: &'static str,
    samples: Vec<Sample>,
}

/// Median, minimum and maximum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Row {
    pub(super) fn runs(&self) -> usize {
        self.samples.len()
    }

    pub(super) fn spread(&self, metric: Metric) -> Option<Spread> {
        let mut values: Vec<f64> = self.samples.iter().filter_map(|s| metric.of(s)).collect();
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[half - 1], values[half])
        } else {
            values[half]
        };
        Some(Spread { median, min, max })
    }
}

/// All measurements.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) rows: Vec<Row>,
}

impl Results {
    /// Runs the contenders in turns; each round starts with another one.
    pub(super) fn compare(
        &mut self,
        workload: &str,
        rounds: usize,
        contenders: &[Contender<'_>],
    ) -> Result<(), Failure> {
        eprintln!("{workload}");
        for round in 0..rounds {
            for turn in 0..contenders.len() {
                let contender = &contenders[(round + turn) % contenders.len()];
                if round >= contender.max_rounds {
                    continue;
                }
                let sample = (contender.run)()
                    .map_err(|failure| format!("{workload}: {}: {failure}", contender.name))?;
                eprintln!("  {}: {} ms", contender.name, format_ms(sample.wall));
                self.record(workload, contender.name, sample);
            }
        }
        Ok(())
    }

    pub(super) fn record(&mut self, workload: &str, contender: &'static str, sample: Sample) {
        let row = self
            .rows
            .iter_mut()
            .find(|row| row.workload == workload && row.contender == contender);
        match row {
            Some(row) => row.samples.push(sample),
            None => self.rows.push(Row {
                workload: workload.to_owned(),
                contender,
                samples: vec![sample],
            }),
        }
    }

    /// The median of a contender for a workload.
    pub(super) fn median(
        &self,
        workload: &str,
        contender: &str,
        metric: Metric,
    ) -> Result<f64, Failure> {
        self.rows
            .iter()
            .find(|row| row.workload == workload && row.contender == contender)
            .and_then(|row| row.spread(metric))
            .map(|spread| spread.median)
            .ok_or_else(|| {
                format!(
                    "{workload}: {} of {contender} was not measured",
                    metric.name()
                )
                .into()
            })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn sample(wall: f64) -> Sample {
        Sample {
            wall,
            cpu: None,
            peak: None,
        }
    }

    #[test]
    fn contenders_take_turns() {
        let order = RefCell::new(String::new());
        let contender = |name: &'static str| {
            Contender::new(name, || {
                order.borrow_mut().push_str(name);
                Ok(sample(1.0))
            })
        };
        let mut results = Results::default();
        let all = [contender("a"), contender("b"), contender("c").at_most(1)];
        results.compare("work", 3, &all).unwrap();
        assert_eq!(*order.borrow(), "abcbaab");
        assert_eq!(results.rows.iter().map(Row::runs).sum::<usize>(), 7);
    }

    #[test]
    fn medians_are_computed_and_missing_numbers_named() {
        let mut results = Results::default();
        for wall in [3.0, 1.0, 2.0, 10.0] {
            results.record("work", "a", sample(wall));
        }
        let spread = results.rows[0].spread(Metric::Wall).unwrap();
        assert_eq!((spread.median, spread.min, spread.max), (2.5, 1.0, 10.0));
        let error = results.median("work", "a", Metric::Cpu).unwrap_err();
        assert_eq!(error.to_string(), "work: CPU of a was not measured");
    }

    #[test]
    fn other_output_is_an_error() {
        let parsed = Sample::parse(r#"{"wall":1.5,"cpu":0.5,"peak_kib":2048}"#).unwrap();
        assert_eq!((parsed.wall, parsed.peak), (1.5, Some(2.0)));
        assert!(Sample::parse("killed").is_err());
        assert!(Sample::parse("{}").is_err());
    }
}

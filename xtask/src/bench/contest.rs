//! Contenders take turns at the same work, so that a slow moment of the machine hits all of them; medians are compared.

use serde_json::Value;

use crate::failure::Failure;

/// What one run of a contender took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// Seconds around the work.
    pub(super) wall: f64,
    /// Seconds of processor time, where it is known.
    pub(super) cpu: Option<f64>,
    /// The largest resident memory in MiB, where it is known.
    pub(super) peak: Option<f64>,
}

impl Sample {
    /// What a program of `tl-bench` printed.
    pub(super) fn parsed(text: &str) -> Result<Self, Failure> {
        let value: Value = serde_json::from_str(text.trim())
            .map_err(|_| Failure::new(format!("a contender printed no sample: {text:?}")))?;
        let wall = value["wall"]
            .as_f64()
            .ok_or_else(|| Failure::new(format!("a contender printed no time: {text:?}")))?;
        Ok(Self {
            wall,
            cpu: value["cpu"].as_f64(),
            peak: value["peak_kib"].as_f64().map(|kib| kib / 1024.0),
        })
    }
}

/// Which number of a sample is meant.
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

/// One that takes part.
pub(super) struct Contender<'c> {
    pub(super) name: &'static str,
    /// A slow one takes part in the first rounds only.
    pub(super) most_rounds: usize,
    pub(super) run: Box<dyn Fn() -> Result<Sample, Failure> + 'c>,
}

impl<'c> Contender<'c> {
    pub(super) fn new(name: &'static str, run: impl Fn() -> Result<Sample, Failure> + 'c) -> Self {
        Self {
            name,
            most_rounds: usize::MAX,
            run: Box::new(run),
        }
    }

    pub(super) fn at_most(mut self, rounds: usize) -> Self {
        self.most_rounds = rounds;
        self
    }
}

/// All samples of one contender at one work.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) work: String,
    pub(super) contender: &'static str,
    samples: Vec<Sample>,
}

/// Median, least and most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Row {
    pub(super) fn runs(&self) -> usize {
        self.samples.len()
    }

    pub(super) fn spread(&self, metric: Metric) -> Option<Spread> {
        let mut values: Vec<f64> = self.samples.iter().filter_map(|s| metric.of(s)).collect();
        values.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[half - 1], values[half])
        } else {
            values[half]
        };
        Some(Spread {
            median,
            least,
            most,
        })
    }
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) rows: Vec<Row>,
}

impl Board {
    /// Lets the contenders take turns for `rounds` rounds; who begins changes from round to round.
    pub(super) fn contest(
        &mut self,
        work: &str,
        rounds: usize,
        contenders: &[Contender<'_>],
    ) -> Result<(), Failure> {
        eprintln!("{work}");
        for round in 0..rounds {
            for turn in 0..contenders.len() {
                let contender = &contenders[(round + turn) % contenders.len()];
                if round >= contender.most_rounds {
                    continue;
                }
                let sample = (contender.run)().map_err(|failure| {
                    Failure::new(format!("{work}: {}: {failure}", contender.name))
                })?;
                eprintln!("  {}: {:.3} s", contender.name, sample.wall);
                self.record(work, contender.name, sample);
            }
        }
        Ok(())
    }

    pub(super) fn record(&mut self, work: &str, contender: &'static str, sample: Sample) {
        let row = self
            .rows
            .iter_mut()
            .find(|row| row.work == work && row.contender == contender);
        match row {
            Some(row) => row.samples.push(sample),
            None => self.rows.push(Row {
                work: work.to_owned(),
                contender,
                samples: vec![sample],
            }),
        }
    }

    /// The median of a number of a contender at a work.
    pub(super) fn median(
        &self,
        work: &str,
        contender: &str,
        metric: Metric,
    ) -> Result<f64, Failure> {
        self.rows
            .iter()
            .find(|row| row.work == work && row.contender == contender)
            .and_then(|row| row.spread(metric))
            .map(|spread| spread.median)
            .ok_or_else(|| {
                Failure::new(format!(
                    "{work}: {} of {contender} was not measured",
                    metric.name()
                ))
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
    fn contenders_take_turns_and_a_slow_one_sits_out() {
        let order = RefCell::new(String::new());
        let contender = |name: &'static str| {
            Contender::new(name, || {
                order.borrow_mut().push_str(name);
                Ok(sample(1.0))
            })
        };
        let mut board = Board::default();
        let all = [contender("a"), contender("b"), contender("c").at_most(1)];
        board.contest("work", 3, &all).unwrap();
        assert_eq!(*order.borrow(), "abcbaab");
        assert_eq!(board.rows.iter().map(Row::runs).sum::<usize>(), 7);
    }

    #[test]
    fn the_median_is_that_of_the_middle_and_a_missing_number_is_named() {
        let mut board = Board::default();
        for wall in [3.0, 1.0, 2.0, 10.0] {
            board.record("work", "a", sample(wall));
        }
        let spread = board.rows[0].spread(Metric::Wall).unwrap();
        assert_eq!((spread.median, spread.least, spread.most), (2.5, 1.0, 10.0));
        let error = board.median("work", "a", Metric::Cpu).unwrap_err();
        assert_eq!(error.to_string(), "work: CPU of a was not measured");
    }

    #[test]
    fn a_contender_that_prints_something_else_is_an_error() {
        let parsed = Sample::parsed(r#"{"wall":1.5,"cpu":0.5,"peak_kib":2048}"#).unwrap();
        assert_eq!((parsed.wall, parsed.peak), (1.5, Some(2.0)));
        assert!(Sample::parsed("killed").is_err());
        assert!(Sample::parsed("{}").is_err());
    }
}

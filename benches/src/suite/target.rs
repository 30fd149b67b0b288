//! A bound on a measurement, the measured value, and whether it is met.

use super::results::{Metric, Results};
use crate::Failure;

/// A bound, inclusive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A bound with the measured value.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) text: String,
    pub(super) measured: f64,
    pub(super) bound: Bound,
    pub(super) unit: &'static str,
}

impl Target {
    pub(super) fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(limit) => self.measured <= limit,
            Bound::AtLeast(limit) => self.measured >= limit,
        }
    }

    pub(super) fn limit(&self) -> String {
        let (sign, limit) = match self.bound {
            Bound::AtMost(limit) => ('≤', limit),
            Bound::AtLeast(limit) => ('≥', limit),
        };
        format!("{sign} {limit}{}", self.unit)
    }

    pub(super) fn observed(&self) -> String {
        format!("{:.2}{}", self.measured, self.unit)
    }
}

/// The targets of one suite.
pub(super) struct Targets<'r> {
    results: &'r Results,
    pub(super) all: Vec<Target>,
}

impl<'r> Targets<'r> {
    pub(super) fn new(results: &'r Results) -> Self {
        Self {
            results,
            all: Vec::new(),
        }
    }

    /// The ratio of `one` to `other`.
    pub(super) fn ratio(
        &mut self,
        workload: &str,
        metric: Metric,
        (one, other): (&str, &str),
        bound: Bound,
    ) -> Result<(), Failure> {
        let of = |contender| self.results.median(workload, contender, metric);
        let measured = of(one)? / of(other)?;
        self.all.push(Target {
            text: format!("{workload}: {} of {one} / {other}", metric.name()),
            measured,
            bound,
            unit: "x",
        });
        Ok(())
    }

    /// A number that is no measurement of a contender.
    pub(super) fn other(&mut self, text: &str, measured: f64, bound: Bound, unit: &'static str) {
        self.all.push(Target {
            text: text.to_owned(),
            measured,
            bound,
            unit,
        });
    }

    /// The ratio of the slower to the faster of two contenders.
    pub(super) fn alike(
        &mut self,
        workload: &str,
        (one, other): (&str, &str),
        limit: f64,
    ) -> Result<(), Failure> {
        let of = |contender| self.results.median(workload, contender, Metric::Wall);
        let (a, b) = (of(one)?, of(other)?);
        self.all.push(Target {
            text: format!("{workload}: wall of the slower of {one} and {other} / the faster"),
            measured: a.max(b) / a.min(b),
            bound: Bound::AtMost(limit),
            unit: "x",
        });
        Ok(())
    }

    /// A number, scaled from seconds or MiB to the unit of the target.
    pub(super) fn value(
        &mut self,
        workload: &str,
        metric: Metric,
        contender: &str,
        bound: Bound,
        (scale, unit): (f64, &'static str),
    ) -> Result<(), Failure> {
        let measured = self.results.median(workload, contender, metric)? * scale;
        self.all.push(Target {
            text: format!("{workload}: {} of {contender}", metric.name()),
            measured,
            bound,
            unit,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::results::Sample;

    #[test]
    fn bounds_are_inclusive() {
        let mut results = Results::default();
        for (contender, wall) in [("ours", 1.25), ("raw", 1.0), ("theirs", 5.0)] {
            let sample = Sample {
                wall,
                cpu: None,
                peak: None,
            };
            results.record("x", contender, sample);
        }
        let mut targets = Targets::new(&results);
        let mut ratio = |pair, bound| targets.ratio("x", Metric::Wall, pair, bound).unwrap();
        ratio(("ours", "raw"), Bound::AtMost(1.25));
        ratio(("ours", "raw"), Bound::AtMost(1.24));
        ratio(("theirs", "ours"), Bound::AtLeast(4.0));
        ratio(("theirs", "ours"), Bound::AtLeast(4.1));
        targets.alike("x", ("raw", "ours"), 1.25).unwrap();
        let met: Vec<bool> = targets.all.iter().map(Target::is_met).collect();
        assert_eq!(met, [true, false, true, false, true]);
        assert_eq!(targets.all[0].limit(), "≤ 1.25x");
    }
}

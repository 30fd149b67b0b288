//! What is demanded of a measurement: a bound, the value that was seen, and whether it is met.

use crate::bench::contest::{Board, Metric};
use crate::failure::Failure;

/// A bound, inclusive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// One demand with what was seen.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    pub(super) text: String,
    pub(super) seen: f64,
    pub(super) bound: Bound,
    pub(super) unit: &'static str,
}

impl Demand {
    pub(super) fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(limit) => self.seen <= limit,
            Bound::AtLeast(limit) => self.seen >= limit,
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
        format!("{:.2}{}", self.seen, self.unit)
    }
}

/// The demands on one board.
pub(super) struct Demands<'b> {
    board: &'b Board,
    pub(super) all: Vec<Demand>,
}

impl<'b> Demands<'b> {
    pub(super) fn on(board: &'b Board) -> Self {
        Self {
            board,
            all: Vec::new(),
        }
    }

    /// `one` takes so many times what `other` takes.
    pub(super) fn ratio(
        &mut self,
        work: &str,
        metric: Metric,
        (one, other): (&str, &str),
        bound: Bound,
    ) -> Result<(), Failure> {
        let of = |contender| self.board.median(work, contender, metric);
        let seen = of(one)? / of(other)?;
        self.all.push(Demand {
            text: format!("{work}: {} of {one} / {other}", metric.name()),
            seen,
            bound,
            unit: "x",
        });
        Ok(())
    }

    /// A number that is no time of a contender.
    pub(super) fn other(&mut self, text: &str, seen: f64, bound: Bound, unit: &'static str) {
        self.all.push(Demand {
            text: text.to_owned(),
            seen,
            bound,
            unit,
        });
    }

    /// The slower of two takes at most so many times what the faster takes.
    pub(super) fn alike(
        &mut self,
        work: &str,
        (one, other): (&str, &str),
        limit: f64,
    ) -> Result<(), Failure> {
        let of = |contender| self.board.median(work, contender, Metric::Wall);
        let (a, b) = (of(one)?, of(other)?);
        self.all.push(Demand {
            text: format!("{work}: wall of the slower of {one} and {other} / the faster"),
            seen: a.max(b) / a.min(b),
            bound: Bound::AtMost(limit),
            unit: "x",
        });
        Ok(())
    }

    /// A number itself, scaled from seconds or MiB to the unit of the demand.
    pub(super) fn value(
        &mut self,
        work: &str,
        metric: Metric,
        contender: &str,
        bound: Bound,
        (scale, unit): (f64, &'static str),
    ) -> Result<(), Failure> {
        let seen = self.board.median(work, contender, metric)? * scale;
        self.all.push(Demand {
            text: format!("{work}: {} of {contender}", metric.name()),
            seen,
            bound,
            unit,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::contest::Sample;

    #[test]
    fn a_bound_holds_up_to_its_limit_and_not_beyond() {
        let mut board = Board::default();
        for (contender, wall) in [("ours", 1.25), ("raw", 1.0), ("theirs", 5.0)] {
            let sample = Sample {
                wall,
                cpu: None,
                peak: None,
            };
            board.record("work", contender, sample);
        }
        let mut demands = Demands::on(&board);
        let mut ratio = |pair, bound| demands.ratio("work", Metric::Wall, pair, bound).unwrap();
        ratio(("ours", "raw"), Bound::AtMost(1.25));
        ratio(("ours", "raw"), Bound::AtMost(1.24));
        ratio(("theirs", "ours"), Bound::AtLeast(4.0));
        ratio(("theirs", "ours"), Bound::AtLeast(4.1));
        demands.alike("work", ("raw", "ours"), 1.25).unwrap();
        let met: Vec<bool> = demands.all.iter().map(Demand::is_met).collect();
        assert_eq!(met, [true, false, true, false, true]);
        assert_eq!(demands.all[0].limit(), "≤ 1.25x");
    }
}

//! Formats the allowed values of a rule for display, from the same number that is compared.

use std::fmt;

use super::bound::{Bound, Measure, with_unit};
use super::pack::Rule;

impl fmt::Display for Rule {
    /// Such as `duration at least 4 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |n: f64| with_unit(n, self.measure, self.unit);
        // Text is clearer than a number for a yes/no measure.
        if self.measure == Measure::Encryption && self.bound.allows(0.0) {
            return f.write_str("content that is not encrypted");
        }
        match &self.bound {
            Bound::Min(n) => write!(f, "{} at least {}", self.measure, number(*n)),
            Bound::Max(n) => write!(f, "{} at most {}", self.measure, number(*n)),
            Bound::Equals(n) => write!(f, "{} exactly {}", self.measure, number(*n)),
            Bound::OneOf(words) => write!(f, "{} one of {}", self.measure, words.join(", ")),
        }
    }
}

//! What one entry adds to a document, and the totals over all entries.

use serde_json::Value;

/// The part of a document that one entry adds. Bodies and asides keep the order of their entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Piece {
    /// Text for the main part.
    pub body: String,
    /// Text for a separate list before the main part; empty in most formats.
    pub aside: String,
}

/// Totals over all entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) files: usize,
    pub(super) pass: usize,
    pub(super) warn: usize,
    pub(super) refuse: usize,
    pub(super) seconds: f64,
    /// The rules seen so far, in the order of their first finding. The number of rules limits the
    /// length, not the number of entries.
    pub(super) rules: Vec<(String, Value)>,
}

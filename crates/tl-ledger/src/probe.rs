//! A cache of probe results, so that an unchanged file is not read again.

use jiff::Timestamp;

use crate::db::values;
use crate::error::Result;
use crate::ledger::Ledger;

/// A result to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProbeEntry<'a> {
    /// The path of the file, as bytes.
    pub path: &'a [u8],
    /// The state of the file and what read it; another mark is another result.
    pub mark: &'a str,
    /// The result, as text.
    pub answer: &'a str,
}

impl<'a> ProbeEntry<'a> {
    /// The result `answer` for the file at `path` in the state `mark`.
    #[must_use]
    pub const fn new(path: &'a [u8], mark: &'a str, answer: &'a str) -> Self {
        Self { path, mark, answer }
    }
}

impl Ledger {
    /// The result for a file in this state.
    ///
    /// # Errors
    /// The database failed.
    pub fn probe(&mut self, path: &[u8], mark: &str) -> Result<Option<String>> {
        let row = self.db.first(
            "SELECT answer FROM probe WHERE path = $1 AND mark = $2",
            values![path, mark],
        )?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Stores results, one per path, in one transaction.
    ///
    /// # Errors
    /// The database failed.
    pub fn set_probes(&mut self, now: Timestamp, entries: &[ProbeEntry<'_>]) -> Result<()> {
        let now = self.now(now)?;
        self.db.transaction(|db| {
            for entry in entries {
                db.execute(
                    "INSERT INTO probe (path, mark, answer, used) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (path) DO UPDATE SET mark = excluded.mark,
                        answer = excluded.answer, used = excluded.used",
                    values![entry.path, entry.mark, entry.answer, now],
                )?;
            }
            Ok(())
        })
    }
}

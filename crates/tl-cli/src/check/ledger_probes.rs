//! Probe results in the ledger of a run, where its videos are: other machines that share the ledger
//! do not read an unchanged file again.
//!
//! As with the cache in a file, a result that is lost costs one more read, so that no error ends a
//! run.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tl_ledger::{Ledger, ProbeEntry};

/// Results that are written together.
const BATCH: usize = 64;

/// The results in a ledger, over a connection of their own.
#[derive(Debug)]
pub(crate) struct LedgerProbes(Mutex<Option<State>>);

#[derive(Debug)]
struct State {
    ledger: Ledger,
    /// Path, mark and answer of results that are not written yet.
    unwritten: Vec<(Vec<u8>, String, String)>,
}

impl LedgerProbes {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self(Mutex::new(Some(State {
            ledger,
            unwritten: Vec::new(),
        })))
    }

    /// The result for a file in this state.
    pub(crate) fn get(&self, path: &[u8], mark: &str) -> Option<String> {
        let mut held = self.lock();
        match held.as_mut()?.ledger.probe(path, mark) {
            Ok(answer) => answer,
            Err(_) => {
                *held = None;
                None
            }
        }
    }

    pub(crate) fn put(&self, path: Vec<u8>, mark: String, answer: String) {
        let mut held = self.lock();
        let Some(state) = held.as_mut() else { return };
        state.unwritten.push((path, mark, answer));
        if state.unwritten.len() >= BATCH && !state.write() {
            *held = None;
        }
    }

    /// Writes pending results.
    pub(crate) fn finish(&self) {
        let mut held = self.lock();
        if held.as_mut().is_some_and(|state| !state.write()) {
            *held = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LedgerProbes {
    fn drop(&mut self) {
        self.finish();
    }
}

impl State {
    /// Returns whether the ledger can be used.
    fn write(&mut self) -> bool {
        if self.unwritten.is_empty() {
            return true;
        }
        let unwritten = std::mem::take(&mut self.unwritten);
        let entries: Vec<ProbeEntry<'_>> = unwritten
            .iter()
            .map(|(path, mark, answer)| ProbeEntry::new(path, mark, answer))
            .collect();
        self.ledger.set_probes(Timestamp::now(), &entries).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_kept_in_the_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.sqlite3");
        let probes = LedgerProbes::new(Ledger::open(&file).unwrap());
        probes.put(b"/a.mp4".to_vec(), "1".to_owned(), "{}".to_owned());
        drop(probes);
        let probes = LedgerProbes::new(Ledger::open(&file).unwrap());
        assert_eq!(probes.get(b"/a.mp4", "1").as_deref(), Some("{}"));
        assert_eq!(probes.get(b"/a.mp4", "2"), None, "the file has changed");
        assert_eq!(probes.get(b"/b.mp4", "1"), None);
    }

    #[test]
    fn ledger_that_cannot_be_used_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.sqlite3");
        let probes = LedgerProbes::new(Ledger::open(&file).unwrap());
        let database = rusqlite::Connection::open(&file).unwrap();
        database.execute_batch("DROP TABLE probe").unwrap();
        for number in 0..2 * BATCH {
            let path = number.to_string().into_bytes();
            probes.put(path, "1".to_owned(), "{}".to_owned());
        }
        assert_eq!(probes.get(b"0", "1"), None);
        probes.finish();
    }
}

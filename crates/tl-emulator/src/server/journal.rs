//! The journal: what was asked of the platform, what was answered, and what was stored. Secrets never enter it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

/// How many entries are kept; the oldest go first.
const CAPACITY: usize = 20_000;
/// How much of a text that a client chose is kept, in characters.
const EXCERPT: usize = 200;

/// One request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JournalEntry {
    /// Its number, from 1 in the order of their ends.
    pub number: u64,
    /// When it was answered, by the emulator's clock, RFC 3339.
    pub at: String,
    /// The HTTP method.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The operation, `tasks.create` for example; `None` where the request was none.
    pub operation: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The platform's code, where the request was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The bytes of its body that came in.
    pub bytes_received: u64,
    /// Whether a received file was kept.
    pub media_stored: bool,
    /// Milliseconds on the wall's clock from its head to its answer.
    pub took_ms: u64,
    /// What the client calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// What was done to the exchange on purpose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// The chunk, where it was a request to the storage behind presigned URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<JournalChunk>,
}

/// What a request to the storage was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JournalChunk {
    /// The upload that the chunk belongs to.
    pub upload_id: String,
    /// The number of the chunk, from 1.
    pub chunk_index: u32,
    /// The bytes that came in.
    pub bytes: u64,
    /// Whether the chunk was stored, whatever was answered.
    pub accepted: bool,
    /// Why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

impl JournalEntry {
    /// An entry of which the rest is filled in later.
    pub(crate) fn of(head: &http::request::Parts) -> Self {
        let agent = head.headers.get(http::header::USER_AGENT);
        Self {
            number: 0,
            at: String::new(),
            method: head.method.to_string(),
            path: excerpt(head.uri.path()),
            query: head.uri.query().map(excerpt),
            operation: None,
            status: 0,
            code: None,
            bytes_received: 0,
            media_stored: false,
            took_ms: 0,
            user_agent: agent.and_then(|agent| agent.to_str().ok()).map(excerpt),
            faults: Vec::new(),
            chunk: None,
        }
    }
}

/// The beginning of a text, with everything that looks like a key taken out.
fn excerpt(text: &str) -> String {
    let short: String = text.chars().take(EXCERPT).collect();
    let mut rest = short.as_str();
    let mut clean = String::with_capacity(short.len());
    while let Some(at) = rest.find("tlk_") {
        clean.push_str(&rest[..at]);
        clean.push_str("tlk_…");
        let key = &rest[at..];
        let end = key
            .find(|character: char| !character.is_ascii_alphanumeric() && !"_-".contains(character))
            .unwrap_or(key.len());
        rest = &key[end..];
    }
    clean.push_str(rest);
    clean
}

#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    entries: VecDeque<JournalEntry>,
    written: u64,
}

impl Journal {
    pub(crate) fn write(&self, mut entry: JournalEntry) {
        let mut pages = self.pages();
        pages.written += 1;
        entry.number = pages.written;
        if pages.entries.len() == CAPACITY {
            pages.entries.pop_front();
        }
        pages.entries.push_back(entry);
    }

    pub(crate) fn entries(&self) -> Vec<JournalEntry> {
        self.pages().entries.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.pages().entries.clear();
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_not_enter_the_journal() {
        assert_eq!(excerpt("a=tlk_0123-AB_c&b=1 tlk_"), "a=tlk_…&b=1 tlk_…");
        assert_eq!(excerpt("nothing"), "nothing");
    }

    #[test]
    fn the_oldest_entries_go_first() {
        let journal = Journal::default();
        let (head, ()) = http::Request::new(()).into_parts();
        for _ in 0..CAPACITY + 2 {
            journal.write(JournalEntry::of(&head));
        }
        let entries = journal.entries();
        assert_eq!((entries.len(), entries[0].number), (CAPACITY, 3));
    }
}

//! The journal: requests to the platform, their responses, and what was stored. Secrets are
//! redacted before they are recorded.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::redact::{self, excerpt};
use crate::platform::{Payload, families, resource_of};

/// Maximum number of entries; the oldest are dropped first.
const CAPACITY: usize = 20_000;
/// Maximum total size of stored bodies in bytes; the oldest are dropped first.
const BODIES_CAPACITY: usize = 8 << 20;

/// One request and its response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JournalEntry {
    /// Sequence number, starting at 1, in order of completion.
    pub number: u64,
    /// Time of the response on the emulator's clock, RFC 3339.
    pub at: String,
    /// The HTTP method.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The operation, for example `tasks.create`. `None` if the request matches none.
    pub operation: Option<String>,
    /// The HTTP status of the response.
    pub status: u16,
    /// The error code, if the request was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Bytes of the request body that were received.
    pub bytes_received: u64,
    /// Whether a received file was stored.
    pub media_stored: bool,
    /// Real time from the request head to the response, in milliseconds.
    pub took_ms: u64,
    /// The `User-Agent` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The injected faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// The chunk, if this was a request to the storage behind presigned URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<JournalChunk>,
    /// The requested family of endpoints, if the emulator does not implement it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_implemented: Option<String>,
    /// The start of the request body with secrets redacted, if bodies were requested: JSON as is, a
    /// form part by part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_body: Option<String>,
    /// The start of the response body with secrets redacted, if bodies were requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
}

/// A chunk upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JournalChunk {
    /// The upload session.
    pub upload_id: String,
    /// The chunk number, from 1.
    pub chunk_index: u32,
    /// Bytes received.
    pub bytes: u64,
    /// Whether the chunk was stored, whatever the response was.
    pub accepted: bool,
    /// Why the chunk was not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

impl JournalEntry {
    /// A new entry; the remaining fields are set later.
    pub(crate) fn new(head: &http::request::Parts) -> Self {
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
            not_implemented: resource_of(head.uri.path())
                .and_then(families::not_implemented)
                .map(|family| family.name.to_owned()),
            request_body: None,
            response_body: None,
        }
    }

    /// Records the request body.
    pub(crate) fn set_request_body(&mut self, payload: &Payload) {
        self.request_body = match payload {
            Payload::Json(bytes) if bytes.is_empty() => None,
            Payload::Json(bytes) => Some(redact::body(bytes)),
            Payload::Form { fields, uploads } => Some(redact::form(fields, uploads)),
            Payload::None | Payload::Invalid(_) => None,
        };
    }

    /// Records the response body.
    pub(crate) fn set_response_body(&mut self, bytes: &[u8]) {
        self.response_body = (!bytes.is_empty()).then(|| redact::body(bytes));
    }
}

/// One line: `12:00:00.123Z POST /v1.3/tasks 201 tasks.create, 1234 bytes, 12 ms`.
impl fmt::Display for JournalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.at.split_once('T').map_or("", |(_, time)| time);
        write!(f, "{time} {} {}", self.method, self.path)?;
        if let Some(query) = &self.query {
            write!(f, "?{query}")?;
        }
        write!(f, " {}", self.status)?;
        if let Some(word) = self.code.as_ref().or(self.operation.as_ref()) {
            write!(f, " {word}")?;
        }
        if self.bytes_received > 0 {
            write!(f, ", {} bytes", self.bytes_received)?;
        }
        write!(f, ", {} ms", self.took_ms)?;
        if !self.faults.is_empty() {
            write!(f, " ({})", self.faults.join("; "))?;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<JournalEntry>,
    last_number: u64,
    /// The most recent bodies, with the numbers of their entries.
    bodies: VecDeque<StoredBodies>,
    bytes_of_bodies: usize,
}

#[derive(Debug)]
struct StoredBodies {
    number: u64,
    request: Option<String>,
    response: Option<String>,
}

impl StoredBodies {
    fn bytes(&self) -> usize {
        let bytes = |body: &Option<String>| body.as_ref().map_or(0, String::len);
        bytes(&self.request) + bytes(&self.response)
    }
}

impl State {
    fn store_bodies(&mut self, bodies: StoredBodies) {
        self.bytes_of_bodies += bodies.bytes();
        self.bodies.push_back(bodies);
        while self.bytes_of_bodies > BODIES_CAPACITY || self.bodies.len() > CAPACITY {
            let Some(oldest) = self.bodies.pop_front() else {
                break;
            };
            self.bytes_of_bodies -= oldest.bytes();
        }
    }
}

impl Journal {
    /// Appends an entry and returns it with its number.
    pub(crate) fn push(&self, mut entry: JournalEntry) -> JournalEntry {
        let mut state = self.state();
        state.last_number += 1;
        entry.number = state.last_number;
        let bodies = StoredBodies {
            number: entry.number,
            request: entry.request_body.take(),
            response: entry.response_body.take(),
        };
        if bodies.bytes() > 0 {
            state.store_bodies(bodies);
        }
        if state.entries.len() == CAPACITY {
            state.entries.pop_front();
        }
        state.entries.push_back(entry.clone());
        entry
    }

    /// All entries, oldest first, without bodies.
    pub(crate) fn entries(&self) -> Vec<JournalEntry> {
        self.state().entries.iter().cloned().collect()
    }

    /// Adds the bodies that are still stored to their entries.
    pub(crate) fn add_bodies(&self, entries: &mut [JournalEntry]) {
        let state = self.state();
        for entry in entries {
            let found = state
                .bodies
                .binary_search_by_key(&entry.number, |bodies| bodies.number);
            if let Ok(at) = found {
                entry.request_body.clone_from(&state.bodies[at].request);
                entry.response_body.clone_from(&state.bodies[at].response);
            }
        }
    }

    pub(crate) fn clear(&self) {
        let mut state = self.state();
        state.entries.clear();
        state.bodies.clear();
        state.bytes_of_bodies = 0;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_entries_are_dropped_first() {
        let journal = Journal::default();
        let (head, ()) = http::Request::new(()).into_parts();
        for _ in 0..CAPACITY + 2 {
            journal.push(JournalEntry::new(&head));
        }
        let entries = journal.entries();
        assert_eq!((entries.len(), entries[0].number), (CAPACITY, 3));
    }

    #[test]
    fn bodies_are_bounded_and_added_on_request() {
        let journal = Journal::default();
        let (head, ()) = http::Request::new(()).into_parts();
        let body = vec![b'a'; 1 << 20];
        for _ in 0..3000 {
            let mut entry = JournalEntry::new(&head);
            entry.set_response_body(&body);
            let recorded = journal.push(entry);
            assert_eq!(recorded.response_body, None);
        }
        let mut entries = journal.entries();
        assert!(entries.iter().all(|entry| entry.response_body.is_none()));
        journal.add_bodies(&mut entries);
        let kept = entries
            .iter()
            .filter_map(|entry| entry.response_body.as_ref());
        let bytes: usize = kept.map(String::len).sum();
        assert!((1 << 20..=BODIES_CAPACITY).contains(&bytes), "{bytes}");
        let newest = entries.last().unwrap().response_body.as_ref().unwrap();
        assert!(
            newest.starts_with("aaaa") && newest.len() < 5000,
            "{}",
            newest.len()
        );
        journal.clear();
        journal.add_bodies(&mut entries[..1]);
        assert_eq!(journal.entries(), []);
    }
}

//! The checkpoint format: a line of JSON with the full state, then one line per later record. This
//! module only reads and writes the text; files and locks are in other modules.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tl_model::IndexId;
use tl_protocol::flow::upload::{IngestRecord, Record};

use super::fingerprint::Fingerprint;

/// Format identifier in the file.
const FORMAT: &str = "tl-upload-checkpoint";

/// Version of the format that is written.
const VERSION: u64 = 2;

/// Oldest version that can be read. It lacks the inode metadata and the requests whose response is
/// unknown.
const OLDEST_VERSION: u64 = 1;

/// State of an upload or ingestion, as needed to resume it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Base URL of the API.
    pub(crate) base_url: String,
    /// Path of the file, or name of another source, for display (lossy if it is not UTF-8).
    pub(crate) source: String,
    /// Fingerprint of the source when the upload started.
    pub(crate) fingerprint: Fingerprint,
    /// Target index.
    pub(crate) index_id: Option<IndexId>,
    /// When the session was opened or the checkpoint was created, in seconds since 1970.
    pub(crate) began: u64,
    /// Progress of the upload and of the indexing.
    // Deserialized separately: through a flattened field, the chunk numbers would not be read as
    // numbers.
    #[serde(flatten, skip_deserializing)]
    pub(crate) record: IngestRecord,
}

/// Why a checkpoint cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Written by another version of this program.
    OtherVersion(u64),
    /// Not a checkpoint, or damaged: line number and reason.
    Damaged(usize, String),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OtherVersion(version) => write!(
                f,
                "it was written in format {version} by another version of this program, which writes format {VERSION} and reads formats from {OLDEST_VERSION} on"
            ),
            Self::Damaged(line, what) => write!(f, "it is damaged at line {line}: {what}"),
        }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    format: &'static str,
    version: u64,
    #[serde(flatten)]
    state: &'a State,
}

impl State {
    /// Serializes the full state as one line.
    pub(crate) fn to_line(&self) -> String {
        let written = Written {
            format: FORMAT,
            version: VERSION,
            state: self,
        };
        let mut line = serde_json::to_string(&written)
            .expect("texts and numbers with texts and numbers as keys have a JSON form");
        line.push('\n');
        line
    }

    /// Reads a checkpoint. An incomplete last line, e.g. after a power failure, is ignored: its
    /// chunk is sent again.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate();
        let damaged = |line: usize, error: &dyn std::fmt::Display| {
            Unreadable::Damaged(line + 1, error.to_string())
        };
        let Some((_, head)) = lines.next() else {
            return Err(damaged(0, &"it is empty"));
        };
        let head: Value = serde_json::from_slice(head).map_err(|error| damaged(0, &error))?;
        if head["format"] != FORMAT {
            return Err(damaged(
                0,
                &format!("no `\"format\": \"{FORMAT}\"` is there"),
            ));
        }
        match head["version"].as_u64() {
            Some(OLDEST_VERSION..=VERSION) => {}
            Some(version) => return Err(Unreadable::OtherVersion(version)),
            None => return Err(damaged(0, &"it tells no version")),
        }
        let record = IngestRecord::deserialize(&head).map_err(|error| damaged(0, &error))?;
        let state: Self = serde_json::from_value(head).map_err(|error| damaged(0, &error))?;
        let mut state = Self { record, ..state };
        for (at, line) in lines {
            if !line.ends_with(b"\n") {
                break;
            }
            let record: Record =
                serde_json::from_slice(line).map_err(|error| damaged(at, &error))?;
            state.apply(&record);
        }
        Ok(state)
    }

    /// Applies `record` to the state.
    pub(crate) fn apply(&mut self, record: &Record) {
        if let Record::Indexing(index_id) | Record::Indexed { index_id, .. } = record {
            self.index_id = Some(index_id.clone());
        }
        self.record.apply(record);
    }
}

/// Serializes a record as one line.
pub(crate) fn to_line(record: &Record) -> String {
    let mut line = serde_json::to_string(record)
        .expect("texts and numbers with texts and numbers as keys have a JSON form");
    line.push('\n');
    line
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use tl_protocol::flow::upload::{SentChunk, UploadRecord};

    use super::*;

    pub(crate) fn state() -> State {
        State {
            base_url: "https://api.twelvelabs.io/v1.3".into(),
            source: "/videos/match.mp4".into(),
            fingerprint: Fingerprint {
                size: 12,
                modified_ns: Some(1_763_000_000_123_456_789),
                changed_ns: Some(1_763_000_000_123_456_790),
                inode: Some(42),
                sampled_sha256: "ab".into(),
            },
            index_id: Some("i1".into()),
            began: 1_763_000_001,
            record: IngestRecord::default(),
        }
    }

    fn session() -> Record {
        Record::Session(
            UploadRecord::new("u1", "a1", 5, 3, 12)
                .with_upload_headers(BTreeMap::from([("x-amz-acl".into(), "private".into())])),
        )
    }

    fn sent(index: u32) -> Record {
        Record::Sent(index, SentChunk::new(format!("e{index}"), 5))
    }

    #[test]
    fn format_of_the_file() {
        let mut started = state();
        started.apply(&session());
        let text = started.to_line() + &to_line(&sent(1)) + &to_line(&Record::Forgotten(vec![1]));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn round_trip_ignores_a_torn_last_line() {
        let mut started = state();
        started.apply(&session());
        let whole = started.to_line() + &to_line(&sent(1)) + &to_line(&sent(3));
        started.apply(&sent(1));
        for cut in whole.len() - to_line(&sent(3)).len()..whole.len() {
            assert_eq!(State::read(&whole.as_bytes()[..cut]), Ok(started.clone()));
        }
        started.apply(&sent(3));
        assert_eq!(State::read(whole.as_bytes()), Ok(started));
    }

    #[test]
    fn unusable_files_have_a_reason() {
        let line = state().to_line();
        let check = |text: &str, part: &str| {
            let error = State::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        check("", "it is empty");
        check("not json\n", "line 1");
        check("{}\n", "no `\"format\"");
        check(&line[..line.len() / 2], "line 1");
        check(
            &line.replace("\"version\":2", "\"version\":7"),
            "in format 7",
        );
        check(
            &line.replace("\"version\":2", "\"version\":\"x\""),
            "tells no version",
        );
        check(
            &line.replace("\"began\":", "\"start\":"),
            "missing field `began`",
        );
        check(&(line.clone() + "{\"sent\":\n{}\n"), "line 2");
    }

    #[test]
    fn reads_format_version_1() {
        let text = include_str!("testdata/format-1.json");
        let mut expected = state();
        expected.fingerprint.changed_ns = None;
        expected.fingerprint.inode = None;
        expected.apply(&session());
        expected.apply(&sent(1));
        assert_eq!(State::read(text.as_bytes()), Ok(expected));
    }

    #[test]
    fn new_session_or_asset_replaces_the_old() {
        let mut state = state();
        let indexed = || Record::Indexed {
            index_id: "i1".into(),
            indexed_asset_id: "x1".into(),
        };
        for record in [session(), sent(2), Record::Asset("a1".into()), indexed()] {
            state.apply(&record);
        }
        assert_eq!(state.record.indexed_asset_id, Some("x1".into()));
        state.apply(&Record::Asset("a2".into()));
        assert_eq!(state.record.indexed_asset_id, None);
        state.apply(&session());
        assert_eq!(state.record.asset_id, None);
        assert!(
            state
                .record
                .upload
                .is_some_and(|upload| upload.sent.is_empty())
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = State::read(&bytes);
        }

        #[test]
        fn changed_byte_is_an_error_or_another_state(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut started = state();
            started.apply(&session());
            let mut bytes = (started.to_line() + &to_line(&sent(1))).into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = State::read(&bytes);
        }
    }
}

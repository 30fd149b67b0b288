//! What happens during a run, as versioned, serializable events.
//!
//! One [`Record`] is one line of JSON: `{"v":1,"at":…,"event":"item_ready",…}`. New members and new
//! events may be added without a new version; a reader ignores what it does not know.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_ledger::ItemId;
use tl_protocol::limiter::{Dimension, Level};

use crate::totals::{RunSummary, Totals};

/// The version of the format.
pub const VERSION: u32 = 1;

/// An event with its time and the version of the format.
///
/// ```
/// use tl_bulk::event::{Event, ItemEvent, Record};
/// use tl_ledger::ItemId;
///
/// let item = ItemEvent::new(ItemId::new(7), "clips/a.mp4");
/// let record = Record::new("2026-11-28T12:00:00Z".parse().unwrap(), Event::ItemProcessing(item));
/// let line = serde_json::to_string(&record).unwrap();
/// assert!(line.starts_with(r#"{"v":1,"at":"2026-11-28T12:00:00Z","event":"item_processing""#));
/// let read: Record = serde_json::from_str(&line).unwrap();
/// assert_eq!(read, record);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// The version of the format: [`VERSION`].
    pub v: u32,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl Record {
    /// An event at this time.
    #[must_use]
    pub fn new(at: Timestamp, event: Event) -> Self {
        Self {
            v: VERSION,
            at,
            event,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The run has started.
    RunStarted {
        /// Its number in the ledger.
        run: i64,
        /// The file of the ledger, or the PostgreSQL server without credentials.
        ledger: String,
        /// The name of the plan whose limits apply.
        plan: String,
        /// Maximum number of parallel uploads.
        jobs: u32,
    },
    /// All sources were read: no item is added any more.
    SourcesRead {
        /// Items of this run, those that are done already included.
        items: u64,
        /// Their size in bytes.
        bytes: u64,
    },
    /// A source names a new item.
    ItemFound(ItemEvent),
    /// A source names something that is no item, e.g. a missing file.
    ItemUnreadable {
        /// The input as it was given.
        name: String,
        /// Why.
        error: ItemFailure,
    },
    /// The item is done already, or another run has refused or failed it.
    ItemSkipped {
        /// The item.
        #[serde(flatten)]
        item: ItemEvent,
        /// Why: the name of its state in the ledger, or `duplicate`.
        reason: String,
    },
    /// The local check refused the item. Nothing was sent.
    ItemRefused {
        /// The item.
        #[serde(flatten)]
        item: ItemEvent,
        /// Why.
        error: ItemFailure,
    },
    /// The upload has started.
    ItemUploading(ItemEvent),
    /// Bytes of an item were sent.
    Transfer {
        /// The item.
        item: ItemId,
        /// Bytes sent so far.
        sent: u64,
        /// Size in bytes.
        total: u64,
    },
    /// The upload is complete; the platform processes the asset.
    ItemProcessing(ItemEvent),
    /// The platform indexes the video.
    ItemIndexing(ItemEvent),
    /// The item is done: indexed, or accepted if the run does not wait.
    ItemReady(ItemEvent),
    /// The item failed permanently.
    ItemFailed {
        /// The item.
        #[serde(flatten)]
        item: ItemEvent,
        /// Why.
        error: ItemFailure,
    },
    /// The item is tried again later.
    ItemHeld {
        /// The item.
        #[serde(flatten)]
        item: ItemEvent,
        /// A stable word: `retry`, `index_full`, `in_doubt`.
        reason: String,
        /// When.
        until: Timestamp,
    },
    /// A response was lost, or a process died: the item is looked up on the platform.
    ItemInDoubt(ItemEvent),
    /// Another process has claimed the item: the lease of this one had expired.
    ItemLost(ItemEvent),
    /// The item takes much longer than others. It is queried by itself.
    ItemStalled(ItemEvent),
    /// An index has no room for the next video. Items of other indexes go on.
    IndexFull {
        /// The index.
        index_id: String,
    },
    /// A limit of the account is reached.
    Limit {
        /// The limit.
        dimension: Dimension,
        /// Until when nothing is sent, or `None` if another item has to end first.
        until: Option<Timestamp>,
    },
    /// How much of each limit of the account is used, by all processes of the ledger.
    Limits {
        /// The dimensions that have a limit.
        levels: Vec<Level>,
    },
    /// The state of the whole run, once per second at most.
    Progress(Totals),
    /// The run has ended.
    RunEnded(RunSummary),
}

/// An item in an event. What is not known yet is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ItemEvent {
    /// Its number in the ledger.
    pub item: ItemId,
    /// The name for display.
    pub name: String,
    /// Size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Duration of the video in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_id: Option<String>,
    /// The asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset_id: Option<String>,
    /// The indexed asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indexed_asset_id: Option<String>,
    /// The video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_id: Option<String>,
}

impl ItemEvent {
    /// An item of which only number and name are known.
    pub fn new(item: ItemId, name: impl Into<String>) -> Self {
        Self {
            item,
            name: name.into(),
            bytes: None,
            seconds: None,
            index_id: None,
            asset_id: None,
            indexed_asset_id: None,
            video_id: None,
        }
    }
}

impl From<&tl_ledger::Item> for ItemEvent {
    fn from(item: &tl_ledger::Item) -> Self {
        Self {
            item: item.id,
            name: item.name.clone(),
            bytes: Some(item.bytes),
            seconds: item.video.map(|video: Duration| video.as_secs_f64()),
            index_id: Some(item.index_id.clone()).filter(|id| !id.is_empty()),
            asset_id: item.asset_id.clone(),
            indexed_asset_id: item.indexed_id.clone(),
            video_id: item.video_id.clone(),
        }
    }
}

/// Why an item was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ItemFailure {
    /// A stable word, e.g. the kind of the client's error.
    pub kind: String,
    /// The platform's code, or the id of the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The message.
    pub text: String,
    /// What to do, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl ItemFailure {
    /// A failure without a code.
    pub fn new(kind: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            code: None,
            text: text.into(),
            hint: None,
        }
    }

    /// Sets what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<&tl_ledger::ItemError> for ItemFailure {
    fn from(error: &tl_ledger::ItemError) -> Self {
        Self {
            kind: error.kind.clone(),
            code: error.code.clone(),
            text: error.text.clone(),
            hint: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tl_protocol::limiter::{Limiter, Limits};

    use super::*;
    use crate::totals::Ending;

    #[test]
    fn every_event_survives_a_round_trip() {
        let item = ItemEvent {
            bytes: Some(5),
            seconds: Some(1.5),
            ..ItemEvent::new(ItemId::new(3), "a.mp4")
        };
        let at: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let failure = ItemFailure::new("refused", "too small");
        let events = [
            Event::ItemFound(item.clone()),
            Event::ItemSkipped {
                item: item.clone(),
                reason: "done".to_owned(),
            },
            Event::ItemRefused {
                item: item.clone(),
                error: failure.clone(),
            },
            Event::ItemHeld {
                item: item.clone(),
                reason: "retry".to_owned(),
                until: at,
            },
            Event::ItemUnreadable {
                name: "x".to_owned(),
                error: failure,
            },
            Event::Transfer {
                item: item.item,
                sent: 1,
                total: 5,
            },
            Event::ItemLost(item.clone()),
            Event::Limits {
                levels: Limiter::new(Limits::named("developer-1").unwrap()).levels(at),
            },
            Event::IndexFull {
                index_id: "i".to_owned(),
            },
            Event::Limit {
                dimension: Dimension::UploadPerDay,
                until: Some(at),
            },
            Event::Progress(Totals::default()),
            Event::RunEnded(RunSummary::new(Ending::Complete, Totals::default())),
        ];
        for event in events {
            let record = Record::new(at, event);
            let line = serde_json::to_string(&record).unwrap();
            assert!(line.starts_with(r#"{"v":1,"#), "{line}");
            assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
        }
    }
}

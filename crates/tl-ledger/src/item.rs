//! An item: one video for one index, and what became of it.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::db::{Row, Value};
use crate::error::{Error, Result};
use crate::ids::{AccountId, ContentId, ItemId};

/// What has to be done next for an item, or how it ended.
///
/// A held item keeps its state, with a later [`Item::run_at`] and a [`Item::hold_reason`]. An item
/// in doubt is one with an attempt without an outcome (see
/// [`Ledger::in_doubt`](crate::Ledger::in_doubt)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Found, and not checked yet.
    Found,
    /// Checked: upload it.
    Ready,
    /// Its upload has started.
    Sending,
    /// The platform processes the asset.
    Processing,
    /// The asset is ready: index it.
    Indexable,
    /// The platform indexes it.
    Indexing,
    /// Indexed.
    Done,
    /// Refused by the local check; skipped until its content or the rules change.
    Refused,
    /// Failed permanently on the platform.
    Failed,
}

impl State {
    /// All states, in the order in which an item passes them.
    pub const ALL: [Self; 9] = [
        Self::Found,
        Self::Ready,
        Self::Sending,
        Self::Processing,
        Self::Indexable,
        Self::Indexing,
        Self::Done,
        Self::Refused,
        Self::Failed,
    ];

    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Ready => "ready",
            Self::Sending => "sending",
            Self::Processing => "processing",
            Self::Indexable => "indexable",
            Self::Indexing => "indexing",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// Whether the bytes of the item are on the platform, unless the asset was deleted.
    #[must_use]
    pub const fn is_uploaded(self) -> bool {
        matches!(
            self,
            Self::Processing | Self::Indexable | Self::Indexing | Self::Done
        )
    }

    /// Whether nothing remains to be done.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Refused | Self::Failed)
    }

    /// Whether the item occupies one of the account's concurrent tasks.
    #[must_use]
    pub const fn is_admitted(self) -> bool {
        matches!(
            self,
            Self::Sending | Self::Processing | Self::Indexable | Self::Indexing
        )
    }

    pub(crate) fn read(name: &str) -> Result<Self> {
        let state = Self::ALL.into_iter().find(|state| state.name() == name);
        state.ok_or_else(|| Error::corrupt(format!("unknown state `{name}`")))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<State> for Value {
    fn from(state: State) -> Self {
        Self::Text(state.name().to_owned())
    }
}

/// Why an item was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ItemError {
    /// A stable word, e.g. the kind of the client's error.
    pub kind: String,
    /// The platform's code, or the id of the rule.
    pub code: Option<String>,
    /// The message.
    pub text: String,
}

impl ItemError {
    /// Creates an error without a code.
    pub fn new(kind: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            code: None,
            text: text.into(),
        }
    }

    /// Sets the platform's code, or the id of the rule.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

/// The right to write to an item: its number, and the epoch of the claim. Every later claim of
/// the item makes it stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lease {
    /// The item.
    pub item: ItemId,
    /// The epoch of the claim.
    pub epoch: i64,
}

/// A row of the ledger: one video for one index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Item {
    /// Its number.
    pub id: ItemId,
    /// The account.
    pub account: AccountId,
    /// The index.
    pub index_id: String,
    /// The bytes.
    pub content: ContentId,
    /// Identifies the options of the ingestion; together with account, index and content it is the
    /// idempotency key.
    pub options_hash: String,
    /// The name for display, e.g. the name of the file.
    pub name: String,
    /// User metadata.
    pub metadata: Option<Json>,
    /// Items of higher priority are claimed first.
    pub priority: i64,
    /// What has to be done next.
    pub state: State,
    /// Not claimed before this time. It is the start of 1970 if the item was never held: a new item
    /// is due whatever the clock says.
    pub run_at: Timestamp,
    /// Why it is held until `run_at`.
    pub hold_reason: Option<String>,
    /// Who has claimed it.
    pub owner: Option<String>,
    /// When the claim ends.
    pub lease_until: Option<Timestamp>,
    /// The number of the last claim.
    pub epoch: i64,
    /// How often it was claimed since it was added or retried.
    pub claims: u64,
    /// A random mark in the metadata of the asset, by which it is found again.
    pub nonce: Option<String>,
    /// How it is uploaded.
    pub route: Option<String>,
    /// The upload session.
    pub upload_id: Option<String>,
    /// The asset.
    pub asset_id: Option<String>,
    /// The indexed asset.
    pub indexed_id: Option<String>,
    /// The video.
    pub video_id: Option<String>,
    /// Duration of the video.
    pub video: Option<Duration>,
    /// Size in bytes.
    pub bytes: u64,
    /// The last status that the platform reported.
    pub status: Option<String>,
    /// Since when it has this status.
    pub status_since: Option<Timestamp>,
    /// Why it was refused or failed.
    pub error: Option<ItemError>,
    /// The rule pack that refused it, with its version.
    pub rules_pack: Option<String>,
    /// When it was added.
    pub created: Timestamp,
    /// When its upload was complete.
    pub sent: Option<Timestamp>,
    /// When it ended.
    pub done: Option<Timestamp>,
}

impl Item {
    /// The right to write to the item as its row was read, for a watcher of items that nobody has
    /// claimed.
    #[must_use]
    pub fn lease(&self) -> Lease {
        Lease {
            item: self.id,
            epoch: self.epoch,
        }
    }

    /// Whether it is held at this time.
    #[must_use]
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.hold_reason.is_some() && self.run_at > now && !self.state.is_final()
    }

    /// The columns that [`Item::read`] expects.
    pub(crate) const COLUMNS: &str = "id, account_id, index_id, content_id, options_hash, name, \
        metadata, priority, state, run_at, hold_reason, owner, lease_until, epoch, claims, nonce, \
        route, upload_id, asset_id, indexed_id, video_id, video_ms, bytes, status, status_since, \
        error_kind, error_code, error_text, rules_pack, created, sent, done";

    pub(crate) fn read(row: &Row) -> Result<Self> {
        let optional_time = |column| row.opt_int(column)?.map(time).transpose();
        let metadata = row.opt_text(6)?.map(|text| serde_json::from_str(&text));
        let error = match row.opt_text(25)? {
            None => None,
            Some(kind) => Some(ItemError {
                kind,
                code: row.opt_text(26)?,
                text: row.opt_text(27)?.unwrap_or_default(),
            }),
        };
        Ok(Self {
            id: ItemId::new(row.int(0)?),
            account: AccountId::new(row.int(1)?),
            index_id: row.text(2)?,
            content: ContentId::new(row.int(3)?),
            options_hash: row.text(4)?,
            name: row.text(5)?,
            metadata: metadata
                .transpose()
                .map_err(|error| Error::corrupt("metadata is not JSON").with_source(error))?,
            priority: row.int(7)?,
            state: State::read(&row.text(8)?)?,
            run_at: time(row.int(9)?)?,
            hold_reason: row.opt_text(10)?,
            owner: row.opt_text(11)?,
            lease_until: optional_time(12)?,
            epoch: row.int(13)?,
            claims: row.size(14)?,
            nonce: row.opt_text(15)?,
            route: row.opt_text(16)?,
            upload_id: row.opt_text(17)?,
            asset_id: row.opt_text(18)?,
            indexed_id: row.opt_text(19)?,
            video_id: row.opt_text(20)?,
            video: row.opt_int(21)?.map(duration).transpose()?,
            bytes: row.size(22)?,
            status: row.opt_text(23)?,
            status_since: optional_time(24)?,
            error,
            rules_pack: row.opt_text(28)?,
            created: time(row.int(29)?)?,
            sent: optional_time(30)?,
            done: optional_time(31)?,
        })
    }
}

pub(crate) fn time(micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros)
        .map_err(|error| Error::corrupt("a time is out of range").with_source(error))
}

pub(crate) fn duration(millis: i64) -> Result<Duration> {
    let millis = u64::try_from(millis).map_err(|_| Error::corrupt("a duration is negative"))?;
    Ok(Duration::from_millis(millis))
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// `now` plus a duration, in microseconds.
pub(crate) fn later(now: i64, duration: Duration) -> i64 {
    let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    // The largest time that can be read again.
    now.saturating_add(micros)
        .min(Timestamp::MAX.as_microsecond())
}

//! Exporting and importing items with everything that belongs to them, e.g. to move a ledger from
//! a file into PostgreSQL.

use std::ops::ControlFlow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tl_protocol::limiter::{Limiter, Limits};

use crate::account::{json, store_limiter};
use crate::add::{FileStat, Fingerprint, NewContent, NewItem, content};
use crate::attempt::Attempt;
use crate::db::{Db, Value, values};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{AccountId, ItemId, RunId};
use crate::item::{Item, State, duration, millis};
use crate::ledger::{Ledger, not_found};
use crate::maintenance::fault_of;
use crate::progress::Chunk;
use crate::query::Selection;

/// The plan whose limits an imported account gets if its own plan is unknown.
const DEFAULT_PLAN: &str = "developer-1";

/// An item with its account, content, sources, attempts and the progress of its upload.
///
/// The numbers in it (of the item, account, content and run) are those of the exporting ledger, and
/// an import ignores them. An item that was claimed is imported unclaimed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// The version of this form: 1.
    pub v: u32,
    /// The account.
    pub account: RecordAccount,
    /// The item.
    pub item: Item,
    /// Its bytes.
    pub content: RecordContent,
    /// Its names.
    pub sources: Vec<RecordSource>,
    /// The requests that create something.
    pub attempts: Vec<Attempt>,
    /// The chunks that were sent.
    pub chunks: Vec<Chunk>,
    /// The checkpoint of its upload.
    pub checkpoint: Option<String>,
}

/// The account of a [`Record`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordAccount {
    /// The base URL of the API.
    pub base_url: String,
    /// The tag of the key.
    pub key_tag: String,
    /// The name of the plan.
    pub plan: String,
}

/// The bytes of a [`Record`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordContent {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of sampled blocks, in hexadecimal digits.
    pub sampled: String,
    /// SHA-256 of all bytes, in hexadecimal digits.
    pub full: Option<String>,
    /// Media facts.
    pub facts: Option<Json>,
    /// Duration of the video in milliseconds.
    pub video_ms: Option<u64>,
}

/// A name of a [`Record`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordSource {
    /// The URI.
    pub uri: String,
    /// The state of the file when it was read, or `None` if it has other bytes now.
    pub stat: Option<FileStat>,
}

/// What [`Ledger::import`] did with records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Imported {
    /// Items that are new.
    pub added: u64,
    /// Items that existed, but for which nothing had been sent.
    pub replaced: u64,
    /// Items that existed, and were kept.
    pub kept: u64,
}

impl Ledger {
    /// Passes the selected items with everything that belongs to them to `each`, in the order of
    /// their numbers, until it breaks.
    ///
    /// # Errors
    /// The database failed.
    pub fn export(
        &mut self,
        selection: &Selection,
        mut each: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut last = i64::MIN;
        loop {
            let items = self.page(selection, last)?;
            let Some(end) = items.last().map(|item| item.id.get()) else {
                return Ok(());
            };
            last = end;
            for item in items {
                let record = self.record(item)?;
                if each(record).is_break() {
                    return Ok(());
                }
            }
        }
    }

    fn record(&mut self, item: Item) -> Result<Record> {
        let sql = "SELECT base_url, key_tag, plan FROM account WHERE id = $1";
        let row = self.db.first(sql, values![item.account])?;
        let row = row.ok_or_else(|| not_found("account", item.account))?;
        let account = RecordAccount {
            base_url: row.text(0)?,
            key_tag: row.text(1)?,
            plan: row.text(2)?,
        };
        let sql = "SELECT size, sampled, full_hash, facts, video_ms FROM content WHERE id = $1";
        let row = self.db.first(sql, values![item.content])?;
        let row = row.ok_or_else(|| not_found("content", item.content))?;
        let content = RecordContent {
            size: row.size(0)?,
            sampled: hex(&row.opt_blob(1)?.unwrap_or_default()),
            full: row.opt_blob(2)?.as_deref().map(hex),
            facts: json(row.opt_text(3)?)?,
            video_ms: row
                .opt_int(4)?
                .map(|ms| u64::try_from(ms).unwrap_or_default()),
        };
        let rows = self.db.query(
            "SELECT item_source.uri, size, mtime_ns, ctime_ns, dev, ino FROM item_source
             LEFT JOIN source ON source.uri = item_source.uri AND source.content_id = $2
             WHERE item_id = $1 ORDER BY item_source.uri",
            values![item.id, item.content],
        )?;
        let sources = rows.iter().map(|row| {
            let stat = match row.opt_int(1)? {
                None => None,
                Some(_) => Some(FileStat {
                    size: row.size(1)?,
                    mtime_ns: row.opt_int(2)?,
                    ctime_ns: row.opt_int(3)?,
                    dev: row.opt_int(4)?,
                    ino: row.opt_int(5)?,
                }),
            };
            let uri = row.text(0)?;
            Ok(RecordSource { uri, stat })
        });
        Ok(Record {
            v: 1,
            account,
            content,
            sources: sources.collect::<Result<_>>()?,
            attempts: self.attempts(item.id)?,
            chunks: self.chunks(item.id)?,
            checkpoint: self.checkpoint(item.id)?,
            item,
        })
    }

    /// Adds items as they were exported, in one transaction. An item that exists (same account,
    /// index, content and options) is kept, unless nothing has been sent for it and something for
    /// the imported one.
    ///
    /// What accounts have used of their limits is not part of the records: an account that is new
    /// starts with the limits of its plan, and response headers correct them.
    ///
    /// # Errors
    /// A record of another version or without a source, or the database failed.
    pub fn import(&mut self, now: Timestamp, run: RunId, records: &[Record]) -> Result<Imported> {
        let now = self.now(now)?;
        self.db.transaction(|db| {
            db.lock_all()?;
            let mut imported = Imported::default();
            for record in records {
                let count = match import(db, now, run, record)? {
                    Change::Added => &mut imported.added,
                    Change::Replaced => &mut imported.replaced,
                    Change::Kept => &mut imported.kept,
                };
                *count += 1;
            }
            db.notify()?;
            Ok(imported)
        })
    }
}

enum Change {
    Added,
    Replaced,
    Kept,
}

fn import(db: &mut Db, now: i64, run: RunId, record: &Record) -> Result<Change> {
    let invalid = |what: &str| {
        let name = &record.item.name;
        Error::new(ErrorKind::Invalid, format!("the record of `{name}` {what}"))
    };
    if record.v != 1 {
        return Err(invalid("is of another version"));
    }
    let Some(first) = record.sources.first() else {
        return Err(invalid("has no source"));
    };
    let account = account(db, now, &record.account)?;
    let hash = |text: &str| unhex(text).ok_or_else(|| invalid("has a malformed hash"));
    let mut fingerprint = Fingerprint::new(record.content.size, hash(&record.content.sampled)?);
    if let Some(full) = &record.content.full {
        fingerprint = fingerprint.with_full(hash(full)?);
    }
    let item = &record.item;
    let mut new = NewItem::new(
        &first.uri,
        first.stat.unwrap_or(FileStat::of_size(record.content.size)),
        NewContent::Read(fingerprint),
        &item.index_id,
    );
    new.facts.clone_from(&record.content.facts);
    let video_ms = record
        .content
        .video_ms
        .map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
    new.video = video_ms.map(duration).transpose()?;
    let content = content(db, &new)?;
    let is_started =
        |state: State, attempts: bool| attempts || !matches!(state, State::Found | State::Ready);
    let mut change = Change::Added;
    let existing = db.first(
        "SELECT id, state, CASE WHEN owner IS NULL AND NOT EXISTS
            (SELECT 1 FROM attempt WHERE item_id = item.id) THEN 1 ELSE 0 END FROM item
         WHERE account_id = $1 AND index_id = $2 AND content_id = $3 AND options_hash = $4",
        values![account, &item.index_id, content, &item.options_hash],
    )?;
    if let Some(row) = existing {
        let state = State::read(&row.text(1)?)?;
        let is_idle = row.int(2)? == 1;
        if is_started(state, !is_idle) || !is_started(item.state, !record.attempts.is_empty()) {
            return Ok(Change::Kept);
        }
        db.execute("DELETE FROM item WHERE id = $1", values![row.int(0)?])?;
        change = Change::Replaced;
    }
    let micros = |time: Option<Timestamp>| Value::from(time.map(Timestamp::as_microsecond));
    let error = item.error.as_ref();
    let row = db.first(
        "INSERT INTO item (account_id, index_id, content_id, options_hash, name, metadata,
            priority, state, run_at, hold_reason, epoch, claims, nonce, route, upload_id, asset_id,
            indexed_id, video_id, video_ms, bytes, status, status_since, error_kind, error_code,
            error_text, rules_pack, created, sent, done)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29) RETURNING id",
        &[
            account.into(),
            (&item.index_id).into(),
            content.into(),
            (&item.options_hash).into(),
            (&item.name).into(),
            item.metadata.as_ref().map(Json::to_string).into(),
            item.priority.into(),
            item.state.into(),
            item.run_at.as_microsecond().into(),
            item.hold_reason.as_ref().into(),
            item.epoch.into(),
            item.claims.into(),
            item.nonce.as_ref().into(),
            item.route.as_ref().into(),
            item.upload_id.as_ref().into(),
            item.asset_id.as_ref().into(),
            item.indexed_id.as_ref().into(),
            item.video_id.as_ref().into(),
            item.video.map(millis).into(),
            item.bytes.into(),
            item.status.as_ref().into(),
            micros(item.status_since),
            error.map(|error| &error.kind).into(),
            error.and_then(|error| error.code.as_ref()).into(),
            error.map(|error| &error.text).into(),
            item.rules_pack.as_ref().into(),
            item.created.as_microsecond().into(),
            micros(item.sent),
            micros(item.done),
        ],
    )?;
    let row = row.ok_or_else(|| Error::corrupt("an item has no number"))?;
    let id = ItemId::new(row.int(0)?);
    for source in &record.sources {
        if let Some(stat) = source.stat {
            db.execute(
                "INSERT INTO source (uri, size, mtime_ns, ctime_ns, dev, ino, content_id, seen_run)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (uri) DO NOTHING",
                values![
                    &source.uri,
                    stat.size,
                    stat.mtime_ns,
                    stat.ctime_ns,
                    stat.dev,
                    stat.ino,
                    content,
                    run
                ],
            )?;
        }
        db.execute(
            "INSERT INTO item_source (item_id, uri) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            values![id, &source.uri],
        )?;
    }
    for attempt in &record.attempts {
        let outcome = &attempt.outcome;
        db.execute(
            "INSERT INTO attempt (item_id, epoch, run_id, operation, intent_at, outcome_at, http,
                code, request_id, result_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            values![
                id,
                attempt.epoch.min(item.epoch),
                run,
                attempt.operation.name(),
                attempt.intent_at.as_microsecond(),
                attempt.outcome_at.map(Timestamp::as_microsecond),
                outcome.http.map(i64::from),
                outcome.code.as_ref(),
                outcome.request_id.as_ref(),
                outcome.result_id.as_ref()
            ],
        )?;
    }
    for chunk in &record.chunks {
        db.execute(
            "INSERT INTO chunk (item_id, n, etag, size) VALUES ($1, $2, $3, $4)",
            values![id, chunk.number, &chunk.etag, chunk.size],
        )?;
    }
    if let Some(state) = &record.checkpoint {
        db.execute(
            "INSERT INTO checkpoint (item_id, state) VALUES ($1, $2)",
            values![id, state],
        )?;
    }
    match fault_of(db, id)? {
        Some(fault) => Err(invalid(&format!("is inconsistent: {fault}"))),
        None => Ok(change),
    }
}

/// The account with this base URL and key, which is added if it is new.
fn account(db: &mut Db, now: i64, record: &RecordAccount) -> Result<AccountId> {
    let find = |db: &mut Db| {
        let row = db.first(
            "SELECT id FROM account WHERE base_url = $1 AND key_tag = $2",
            values![&record.base_url, &record.key_tag],
        )?;
        row.map(|row| row.int(0).map(AccountId::new)).transpose()
    };
    if let Some(id) = find(db)? {
        return Ok(id);
    }
    db.execute(
        "INSERT INTO account (base_url, key_tag, plan) VALUES ($1, $2, $3)",
        values![&record.base_url, &record.key_tag, &record.plan],
    )?;
    let id = find(db)?.ok_or_else(|| not_found("account", &record.key_tag))?;
    let limits = Limits::named(&record.plan).or_else(|| Limits::named(DEFAULT_PLAN));
    store_limiter(db, id, now, &Limiter::new(limits.unwrap_or_default()))?;
    Ok(id)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        if pair.starts_with('+') {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

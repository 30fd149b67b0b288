//! Adding items: sources, their contents, and the idempotency key.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::db::{Db, Value, values};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{AccountId, ContentId, ItemId, RunId};
use crate::item::{Lease, State, millis};
use crate::ledger::{Ledger, not_found};

/// The state of a file when it was read. If it is unchanged, the file is not read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileStat {
    /// Size in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: Option<i64>,
    /// Inode change time in nanoseconds since 1970. Unlike the modification time, it cannot be set.
    pub ctime_ns: Option<i64>,
    /// The device.
    pub dev: Option<i64>,
    /// The inode.
    pub ino: Option<i64>,
}

impl FileStat {
    /// A file of which only the size is known. It never counts as unchanged.
    #[must_use]
    pub const fn of_size(size: u64) -> Self {
        Self {
            size,
            mtime_ns: None,
            ctime_ns: None,
            dev: None,
            ino: None,
        }
    }

    /// Sets the modification time and the inode change time, in nanoseconds since 1970.
    #[must_use]
    pub const fn with_times(mut self, mtime_ns: i64, ctime_ns: i64) -> Self {
        self.mtime_ns = Some(mtime_ns);
        self.ctime_ns = Some(ctime_ns);
        self
    }

    /// Sets device and inode.
    #[must_use]
    pub const fn with_inode(mut self, dev: i64, ino: i64) -> Self {
        self.dev = Some(dev);
        self.ino = Some(ino);
        self
    }
}

/// What identifies the bytes of a file: its size and a hash of sampled blocks, and the hash of all
/// bytes if they were read.
///
/// Equal samples do not merge two paths, because two edits of one recording can have them. Equal
/// hashes of all bytes do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fingerprint {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of sampled blocks.
    pub sampled: [u8; 32],
    /// SHA-256 of all bytes.
    pub full: Option<[u8; 32]>,
}

impl Fingerprint {
    /// A fingerprint without the hash of all bytes.
    #[must_use]
    pub const fn new(size: u64, sampled: [u8; 32]) -> Self {
        Self {
            size,
            sampled,
            full: None,
        }
    }

    /// Sets the SHA-256 of all bytes.
    #[must_use]
    pub const fn with_full(mut self, full: [u8; 32]) -> Self {
        self.full = Some(full);
        self
    }
}

/// The bytes of a new item.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewContent {
    /// The file was read.
    Read(Fingerprint),
    /// The file is unchanged (see [`Ledger::known`]).
    Known(ContentId),
}

/// An item to add.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NewItem {
    /// The URI of the source: `file:///…` with percent-encoding for other bytes than UTF-8, or a
    /// URL without credentials.
    pub uri: String,
    /// The state of the file.
    pub stat: FileStat,
    /// The bytes.
    pub content: NewContent,
    /// Media facts of the file, as the prober reported them.
    pub facts: Option<Json>,
    /// Duration of the video.
    pub video: Option<Duration>,
    /// The index.
    pub index_id: String,
    /// Identifies the options: a video is ingested again with other options.
    pub options_hash: String,
    /// The name for display.
    pub name: String,
    /// User metadata.
    pub metadata: Option<Json>,
    /// The route of the upload, or `None` if the size decides.
    pub route: Option<String>,
    /// Items of higher priority are claimed first. Default 0.
    pub priority: i64,
    /// [`State::Found`], or [`State::Ready`] if the file was checked. Default `Ready`.
    pub state: State,
}

impl NewItem {
    /// An item with the default options; its name is the URI.
    pub fn new(
        uri: impl Into<String>,
        stat: FileStat,
        content: NewContent,
        index_id: impl Into<String>,
    ) -> Self {
        let uri = uri.into();
        Self {
            name: uri.clone(),
            uri,
            stat,
            content,
            facts: None,
            video: None,
            index_id: index_id.into(),
            options_hash: String::new(),
            metadata: None,
            route: None,
            priority: 0,
            state: State::Ready,
        }
    }

    /// Sets the URI of the source.
    #[must_use]
    pub fn with_uri(mut self, uri: impl Into<String>) -> Self {
        self.uri = uri.into();
        self
    }

    /// Sets the bytes.
    #[must_use]
    pub fn with_content(mut self, content: NewContent) -> Self {
        self.content = content;
        self
    }

    /// Sets the duration of the video.
    #[must_use]
    pub fn with_video(mut self, video: Duration) -> Self {
        self.video = Some(video);
        self
    }

    /// Sets the media facts.
    #[must_use]
    pub fn with_facts(mut self, facts: Json) -> Self {
        self.facts = Some(facts);
        self
    }

    /// Sets the name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the options.
    #[must_use]
    pub fn with_options(mut self, hash: impl Into<String>) -> Self {
        self.options_hash = hash.into();
        self
    }

    /// Sets the user metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Json) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Sets the route of the upload.
    #[must_use]
    pub fn with_route(mut self, route: impl Into<String>) -> Self {
        self.route = Some(route.into());
        self
    }

    /// Sets the priority.
    #[must_use]
    pub fn with_priority(mut self, priority: i64) -> Self {
        self.priority = priority;
        self
    }

    /// Sets the state: [`State::Found`] or [`State::Ready`].
    #[must_use]
    pub fn with_state(mut self, state: State) -> Self {
        self.state = state;
        self
    }
}

/// An item that was added, or that the ledger knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Added {
    /// The item.
    pub item: ItemId,
    /// Its content.
    pub content: ContentId,
    /// Whether it is new.
    pub is_new: bool,
    /// Its state.
    pub state: State,
}

/// What became of a hash of all bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hashed {
    /// No other content has it.
    New,
    /// The item now belongs to a content that was known by another path.
    Merged(ContentId),
    /// Another item ingests the same bytes with the same options into the same index. This item is
    /// unchanged: end it without sending it.
    DuplicateOf(ItemId),
}

/// Sources per query of [`Ledger::known`].
const SOURCES_PER_QUERY: usize = 64;

impl Ledger {
    /// The contents of files that are unchanged since they were read, in the order of the
    /// arguments.
    ///
    /// # Errors
    /// The database failed.
    pub fn known(&mut self, files: &[(&str, FileStat)]) -> Result<Vec<Option<ContentId>>> {
        let list: Vec<String> = (1..=SOURCES_PER_QUERY).map(|n| format!("${n}")).collect();
        let sql = format!(
            "SELECT uri, size, mtime_ns, ctime_ns, dev, ino, content_id FROM source
             WHERE uri IN ({})",
            list.join(", ")
        );
        let mut contents = Vec::with_capacity(files.len());
        for group in files.chunks(SOURCES_PER_QUERY) {
            let mut uris: Vec<Value> = group.iter().map(|(uri, _)| (*uri).into()).collect();
            uris.resize(SOURCES_PER_QUERY, Value::Null);
            let mut found = std::collections::HashMap::new();
            for row in self.db.query(&sql, &uris)? {
                let stat = FileStat {
                    size: row.size(1)?,
                    mtime_ns: row.opt_int(2)?,
                    ctime_ns: row.opt_int(3)?,
                    dev: row.opt_int(4)?,
                    ino: row.opt_int(5)?,
                };
                found.insert(row.text(0)?, (stat, ContentId::new(row.int(6)?)));
            }
            contents.extend(group.iter().map(|(uri, stat)| {
                let (then, content) = found.get(*uri)?;
                (then == stat && stat.mtime_ns.is_some()).then_some(*content)
            }));
        }
        Ok(contents)
    }

    /// Adds items, and returns for each whether it is new. An item with the same account, index,
    /// content and options is not added again, whatever its state is.
    ///
    /// One call is one transaction; a thousand items per call are stored quickly.
    ///
    /// # Errors
    /// A state that is neither `Found` nor `Ready`, an unknown content, or the database failed.
    pub fn add(
        &mut self,
        now: Timestamp,
        run: RunId,
        account: AccountId,
        items: &[NewItem],
    ) -> Result<Vec<Added>> {
        let now = self.now(now)?;
        self.db.transaction(|db| {
            // Two processes that add one path at the same time must not create two contents.
            db.lock_all()?;
            let added = items.iter().map(|item| add(db, now, run, account, item));
            let added: Vec<Added> = added.collect::<Result<_>>()?;
            if added.iter().any(|added| added.is_new) {
                db.notify()?;
            }
            Ok(added)
        })
    }

    /// Records the hash of all bytes of an item, e.g. after they were uploaded. Only this merges
    /// two paths with the same bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Stale`], or the database failed.
    pub fn set_hash(&mut self, lease: Lease, full: [u8; 32]) -> Result<Hashed> {
        self.db.transaction(|db| {
            db.lock_all()?;
            Self::fence(db, lease)?;
            let row = db.first(
                "SELECT content.id, content.size FROM item JOIN content ON content.id = content_id
                 WHERE item.id = $1",
                values![lease.item],
            )?;
            let row = row.ok_or_else(|| not_found("the content of item", lease.item))?;
            let (own, size) = (row.int(0)?, row.int(1)?);
            let Some(other) = by_hash(db, size, &full)? else {
                db.execute(
                    "UPDATE content SET full_hash = $2 WHERE id = $1",
                    values![own, &full[..]],
                )?;
                return Ok(Hashed::New);
            };
            if other == own {
                return Ok(Hashed::New);
            }
            let twin = db.first(
                "SELECT twin.id FROM item
                 JOIN item AS twin ON twin.account_id = item.account_id
                   AND twin.index_id = item.index_id AND twin.options_hash = item.options_hash
                 WHERE item.id = $1 AND twin.content_id = $2",
                values![lease.item, other],
            )?;
            if let Some(twin) = twin {
                return Ok(Hashed::DuplicateOf(ItemId::new(twin.int(0)?)));
            }
            db.execute(
                "UPDATE item SET content_id = $2 WHERE id = $1",
                values![lease.item, other],
            )?;
            db.execute(
                "UPDATE source SET content_id = $2 WHERE content_id = $1
                 AND uri IN (SELECT uri FROM item_source WHERE item_id = $3)",
                values![own, other, lease.item],
            )?;
            Ok(Hashed::Merged(ContentId::new(other)))
        })
    }

    /// Whether another content has the same size and samples: only the hashes of all bytes say
    /// whether they are equal.
    ///
    /// # Errors
    /// The database failed.
    pub fn has_twin(&mut self, content: ContentId) -> Result<bool> {
        let row = self.db.first(
            "SELECT 1 FROM content JOIN content AS twin
                ON twin.size = content.size AND twin.sampled = content.sampled
             WHERE content.id = $1 AND twin.id <> content.id LIMIT 1",
            values![content],
        )?;
        Ok(row.is_some())
    }

    /// The names of an item: several if files have the same bytes.
    ///
    /// # Errors
    /// The database failed.
    pub fn sources(&mut self, item: ItemId) -> Result<Vec<String>> {
        let sql = "SELECT uri FROM item_source WHERE item_id = $1 ORDER BY uri";
        let rows = self.db.query(sql, values![item])?;
        rows.iter().map(|row| row.text(0)).collect()
    }
}

pub(crate) fn by_hash(db: &mut Db, size: i64, full: &[u8]) -> Result<Option<i64>> {
    let row = db.first(
        "SELECT id FROM content WHERE size = $1 AND full_hash = $2",
        values![size, full],
    )?;
    row.map(|row| row.int(0)).transpose()
}

pub(crate) fn add(
    db: &mut Db,
    now: i64,
    run: RunId,
    account: AccountId,
    new: &NewItem,
) -> Result<Added> {
    if !matches!(new.state, State::Found | State::Ready) {
        let message = format!("an item cannot be added as `{}`", new.state);
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let content = content(db, new)?;
    let FileStat {
        size,
        mtime_ns,
        ctime_ns,
        dev,
        ino,
    } = new.stat;
    db.execute(
        "INSERT INTO source (uri, size, mtime_ns, ctime_ns, dev, ino, content_id, seen_run)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (uri) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,
            ctime_ns = excluded.ctime_ns, dev = excluded.dev, ino = excluded.ino,
            content_id = excluded.content_id, seen_run = excluded.seen_run",
        values![&new.uri, size, mtime_ns, ctime_ns, dev, ino, content, run],
    )?;
    let video = new.video.map(millis);
    let metadata = new.metadata.as_ref().map(Json::to_string);
    let inserted = db.first(
        "INSERT INTO item (account_id, index_id, content_id, options_hash, name, metadata,
            priority, state, run_at, epoch, claims, video_ms, bytes, created, route)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, $9, $10, $11, $12)
         ON CONFLICT (account_id, index_id, content_id, options_hash) DO NOTHING RETURNING id",
        values![
            account,
            &new.index_id,
            content,
            &new.options_hash,
            &new.name,
            metadata,
            new.priority,
            new.state,
            video,
            size,
            now,
            new.route.as_deref()
        ],
    )?;
    let added = match &inserted {
        Some(row) => Added {
            item: ItemId::new(row.int(0)?),
            content,
            is_new: true,
            state: new.state,
        },
        None => {
            let row = db.first(
                "SELECT id, state FROM item WHERE account_id = $1 AND index_id = $2
                 AND content_id = $3 AND options_hash = $4",
                values![account, &new.index_id, content, &new.options_hash],
            )?;
            let row = row.ok_or_else(|| Error::corrupt("an item is not in its own index"))?;
            Added {
                item: ItemId::new(row.int(0)?),
                content,
                is_new: false,
                state: State::read(&row.text(1)?)?,
            }
        }
    };
    db.execute(
        "INSERT INTO item_source (item_id, uri) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        values![added.item, &new.uri],
    )?;
    Ok(added)
}

pub(crate) fn size(fingerprint: &Fingerprint) -> Result<i64> {
    i64::try_from(fingerprint.size)
        .map_err(|_| Error::new(ErrorKind::Invalid, "the size is too large"))
}

/// The content of a new item: a known one, that of the same path, one with the same bytes, or a
/// new one.
pub(crate) fn content(db: &mut Db, new: &NewItem) -> Result<ContentId> {
    let fingerprint = match &new.content {
        NewContent::Known(content) => {
            let sql = "SELECT id FROM content WHERE id = $1";
            let row = db.first(sql, values![*content])?;
            return row
                .map(|_| *content)
                .ok_or_else(|| not_found("content", content));
        }
        NewContent::Read(fingerprint) => fingerprint,
    };
    let size = size(fingerprint)?;
    let full = fingerprint.full.as_ref().map(|hash| &hash[..]);
    if let Some(full) = full
        && let Some(id) = by_hash(db, size, full)?
    {
        return Ok(ContentId::new(id));
    }
    let of_path = db.first(
        "SELECT content.id, content.full_hash FROM source
         JOIN content ON content.id = content_id
         WHERE uri = $1 AND content.size = $2 AND content.sampled = $3",
        values![&new.uri, size, &fingerprint.sampled[..]],
    )?;
    if let Some(row) = of_path {
        let id = ContentId::new(row.int(0)?);
        match (full, row.opt_blob(1)?) {
            (None, _) => return Ok(id),
            (Some(full), None) => {
                db.execute(
                    "UPDATE content SET full_hash = $2 WHERE id = $1",
                    values![id, full],
                )?;
                return Ok(id);
            }
            // The samples are equal and the bytes are not: another content.
            (Some(_), Some(_)) => {}
        }
    }
    let row = db.first(
        "INSERT INTO content (size, sampled, full_hash, facts, video_ms)
         VALUES ($1, $2, $3, $4, $5) RETURNING id",
        values![
            size,
            &fingerprint.sampled[..],
            full,
            new.facts.as_ref().map(Json::to_string),
            new.video.map(millis)
        ],
    )?;
    let row = row.ok_or_else(|| Error::corrupt("a content has no number"))?;
    Ok(ContentId::new(row.int(0)?))
}

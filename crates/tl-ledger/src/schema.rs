//! The tables, and how a ledger is created, migrated, or refused.
//!
//! Both databases have the same tables. Times are microseconds since 1970 (UTC), durations are
//! milliseconds.

use crate::db::{Db, Engine, values};
use crate::error::{Error, ErrorKind, Result};

/// The step from each layout to the next; a ledger of layout `n` has had the first `n`.
///
/// `{id}`, `{int}`, `{blob}` and `{table}` are the words in which the dialects differ. A step is
/// never changed once it was released.
const STEPS: &[&str] = &[
    "
CREATE TABLE account (
    id {id},
    base_url TEXT NOT NULL,
    key_tag TEXT NOT NULL,
    plan TEXT NOT NULL,
    UNIQUE (base_url, key_tag)
){table};
CREATE TABLE limiter (
    account_id {int} PRIMARY KEY REFERENCES account,
    state TEXT NOT NULL,
    updated {int} NOT NULL
){table};
CREATE TABLE content (
    id {id},
    size {int} NOT NULL,
    sampled {blob} NOT NULL,
    full_hash {blob},
    facts TEXT,
    video_ms {int}
){table};
CREATE UNIQUE INDEX content_by_hash ON content (size, full_hash) WHERE full_hash IS NOT NULL;
CREATE INDEX content_by_samples ON content (size, sampled);
CREATE TABLE source (
    uri TEXT PRIMARY KEY,
    size {int} NOT NULL,
    mtime_ns {int},
    ctime_ns {int},
    dev {int},
    ino {int},
    content_id {int} NOT NULL REFERENCES content,
    seen_run {int} NOT NULL
){table};
CREATE INDEX source_by_content ON source (content_id);
CREATE TABLE run (
    id {id},
    started {int} NOT NULL,
    ended {int},
    host TEXT NOT NULL,
    pid {int} NOT NULL,
    arguments TEXT NOT NULL,
    version TEXT NOT NULL,
    totals TEXT
){table};
CREATE TABLE item (
    id {id},
    account_id {int} NOT NULL REFERENCES account,
    index_id TEXT NOT NULL,
    content_id {int} NOT NULL REFERENCES content,
    options_hash TEXT NOT NULL,
    name TEXT NOT NULL,
    metadata TEXT,
    priority {int} NOT NULL,
    state TEXT NOT NULL,
    run_at {int} NOT NULL,
    hold_reason TEXT,
    owner TEXT,
    lease_until {int},
    epoch {int} NOT NULL,
    claims {int} NOT NULL,
    nonce TEXT,
    route TEXT,
    upload_id TEXT,
    asset_id TEXT,
    indexed_id TEXT,
    video_id TEXT,
    video_ms {int},
    bytes {int} NOT NULL,
    status TEXT,
    status_since {int},
    error_kind TEXT,
    error_code TEXT,
    error_text TEXT,
    rules_pack TEXT,
    created {int} NOT NULL,
    sent {int},
    done {int},
    UNIQUE (account_id, index_id, content_id, options_hash)
){table};
CREATE INDEX item_idle ON item (account_id, state, priority DESC, id)
    WHERE owner IS NULL AND hold_reason IS NULL;
CREATE INDEX item_held ON item (account_id, run_at) WHERE hold_reason IS NOT NULL;
CREATE INDEX item_by_state ON item (account_id, state, bytes, video_ms);
CREATE INDEX item_by_lease ON item (account_id, lease_until) WHERE owner IS NOT NULL;
CREATE INDEX item_by_asset ON item (asset_id) WHERE asset_id IS NOT NULL;
CREATE INDEX item_by_indexed ON item (indexed_id) WHERE indexed_id IS NOT NULL;
CREATE INDEX item_by_content ON item (content_id);
CREATE TABLE item_source (
    item_id {int} NOT NULL REFERENCES item ON DELETE CASCADE,
    uri TEXT NOT NULL,
    PRIMARY KEY (item_id, uri)
){table};
CREATE INDEX item_source_by_uri ON item_source (uri);
CREATE TABLE attempt (
    id {id},
    item_id {int} NOT NULL REFERENCES item ON DELETE CASCADE,
    epoch {int} NOT NULL,
    run_id {int} NOT NULL REFERENCES run,
    operation TEXT NOT NULL,
    intent_at {int} NOT NULL,
    outcome_at {int},
    http {int},
    code TEXT,
    request_id TEXT,
    result_id TEXT
){table};
CREATE INDEX attempt_by_item ON attempt (item_id);
CREATE INDEX attempt_in_doubt ON attempt (item_id) WHERE outcome_at IS NULL;
CREATE TABLE chunk (
    item_id {int} NOT NULL REFERENCES item ON DELETE CASCADE,
    n {int} NOT NULL,
    etag TEXT NOT NULL,
    size {int} NOT NULL,
    PRIMARY KEY (item_id, n)
){table};
CREATE TABLE checkpoint (
    item_id {int} PRIMARY KEY REFERENCES item ON DELETE CASCADE,
    state TEXT NOT NULL
){table};
CREATE TABLE cursor (
    account_id {int} NOT NULL REFERENCES account,
    index_id TEXT NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (account_id, index_id)
){table};
CREATE TABLE hook (
    event_id TEXT PRIMARY KEY,
    received {int} NOT NULL,
    item_id {int}
){table};
CREATE TABLE probe (
    path {blob} PRIMARY KEY,
    mark TEXT NOT NULL,
    answer TEXT NOT NULL,
    used {int} NOT NULL
){table};
CREATE TABLE session (
    id {id},
    commits {int} NOT NULL,
    used {int} NOT NULL
){table};
",
    "
CREATE TABLE stage_time (
    account_id {int} NOT NULL REFERENCES account,
    state TEXT NOT NULL,
    took_ms TEXT NOT NULL,
    PRIMARY KEY (account_id, state)
){table};
",
    "
CREATE TABLE index_name (
    account_id {int} NOT NULL REFERENCES account,
    name TEXT NOT NULL,
    index_id TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
){table};
",
];

/// The layout that this version reads and writes.
pub const LAYOUT: u32 = 3;

/// Checks the layout, and creates or migrates the tables if the ledger can be written.
pub(crate) fn prepare(db: &mut Db, is_read_only: bool) -> Result<()> {
    prepare_tables(db, is_read_only)?;
    match &mut db.engine {
        Engine::Sqlite(_) => Ok(()),
        #[cfg(feature = "postgres")]
        Engine::Postgres(engine) => engine.count_commits(),
    }
}

fn prepare_tables(db: &mut Db, is_read_only: bool) -> Result<()> {
    if let Some(layout) = layout(db)? {
        check(layout)?;
        if layout == i64::from(LAYOUT) {
            return configure(db);
        }
    }
    if is_read_only {
        return Err(Error::new(
            ErrorKind::ReadOnly,
            "the ledger has an older layout, and it is opened read-only",
        ));
    }
    configure(db)?;
    db.transaction(|db| {
        db.lock_all()?;
        // Another process may have been faster.
        let layout = match layout(db)? {
            Some(layout) => layout,
            None => {
                let table = words(
                    db,
                    "CREATE TABLE meta (name TEXT PRIMARY KEY, value {int} NOT NULL){table}",
                );
                db.run(&table)?;
                db.execute("INSERT INTO meta (name, value) VALUES ('layout', 0)", &[])?;
                0
            }
        };
        check(layout)?;
        for step in STEPS
            .iter()
            .skip(usize::try_from(layout).unwrap_or(usize::MAX))
        {
            let step = words(db, step);
            db.run(&step)?;
        }
        db.execute(
            "UPDATE meta SET value = $1 WHERE name = 'layout'",
            values![LAYOUT],
        )?;
        Ok(())
    })
}

fn check(layout: i64) -> Result<()> {
    if layout > i64::from(LAYOUT) {
        return Err(Error::new(
            ErrorKind::Newer,
            format!(
                "the ledger has layout {layout}, and this version knows layouts up to {LAYOUT}"
            ),
        ));
    }
    if layout < 0 {
        return Err(Error::corrupt("the ledger has no valid layout number"));
    }
    Ok(())
}

/// The layout of a ledger, or `None` if the database is empty.
fn layout(db: &mut Db) -> Result<Option<i64>> {
    let exists = match &mut db.engine {
        Engine::Sqlite(engine) => {
            // One statement: between two, another process may create the tables.
            let (has_meta, has_tables) = engine.has_table("meta")?;
            if !has_meta && has_tables {
                return Err(Error::new(
                    ErrorKind::NotALedger,
                    "it is a database of another program",
                ));
            }
            has_meta
        }
        #[cfg(feature = "postgres")]
        Engine::Postgres(engine) => engine.has_table("meta")?,
    };
    if !exists {
        return Ok(None);
    }
    let rows = db.first("SELECT value FROM meta WHERE name = 'layout'", &[])?;
    let row = rows.ok_or_else(|| Error::corrupt("the ledger has no layout number"))?;
    Ok(Some(row.int(0)?))
}

fn configure(db: &mut Db) -> Result<()> {
    match &mut db.engine {
        Engine::Sqlite(engine) => {
            if engine.cannot_write()? {
                return Err(Error::new(
                    ErrorKind::ReadOnly,
                    "the file cannot be written",
                ));
            }
            engine.configure()
        }
        #[cfg(feature = "postgres")]
        Engine::Postgres(_) => Ok(()),
    }
}

fn words(db: &Db, sql: &str) -> String {
    let (id, int, blob, table) = match &db.engine {
        // The number of a removed item is not used again: its leases stay stale.
        Engine::Sqlite(_) => (
            "INTEGER PRIMARY KEY AUTOINCREMENT",
            "INTEGER",
            "BLOB",
            " STRICT",
        ),
        #[cfg(feature = "postgres")]
        Engine::Postgres(_) => (
            "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            "BIGINT",
            "BYTEA",
            "",
        ),
    };
    sql.replace("{id}", id)
        .replace("{int}", int)
        .replace("{blob}", blob)
        .replace("{table}", table)
}

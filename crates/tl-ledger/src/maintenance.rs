//! Retrying and removing items, and checking that the ledger is consistent.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::stored_limiter;
use crate::db::{Db, Engine, values};
use crate::error::Result;
use crate::ids::ItemId;
use crate::item::State;
use crate::ledger::Ledger;
use crate::query::Selection;

/// From where an item is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// From what exists on the platform: an item with an asset is not uploaded again.
    Resume,
    /// From the start: what exists on the platform is forgotten.
    Restart,
}

/// What [`Ledger::prune`] removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pruned {
    /// Attempts and uploaded chunks of items that are done.
    pub attempts: u64,
    /// Webhook events.
    pub events: u64,
    /// Probe results.
    pub probes: u64,
    /// Connections that ended, or were not used.
    pub sessions: u64,
    /// Runs without attempts.
    pub runs: u64,
    /// Contents without an item or a source.
    pub contents: u64,
}

/// An inconsistency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Problem {
    /// The item, if it is about one.
    pub item: Option<ItemId>,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.item {
            Some(item) => write!(f, "item {item}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Nobody works on the item.
const IDLE: &str = "(owner IS NULL OR lease_until <= ";

/// What must not be true of an item.
const WRONG: &[(&str, &str)] = &[
    (
        "a lease without an owner or an end",
        "(owner IS NULL) <> (lease_until IS NULL)",
    ),
    (
        "done without an end",
        "state IN ('done', 'refused', 'failed') AND done IS NULL",
    ),
    (
        "ended, and claimed",
        "state IN ('done', 'refused', 'failed') AND owner IS NOT NULL",
    ),
    (
        "refused or failed without a reason",
        "state IN ('refused', 'failed') AND error_kind IS NULL",
    ),
    (
        "processed without an asset or a video",
        "state IN ('processing', 'indexable') AND asset_id IS NULL",
    ),
    (
        "an attempt of a later claim",
        "EXISTS (SELECT 1 FROM attempt WHERE item_id = item.id AND attempt.epoch > item.epoch)",
    ),
    (
        "no source",
        "NOT EXISTS (SELECT 1 FROM item_source WHERE item_id = item.id)",
    ),
];

/// What is wrong with an item, if anything.
pub(crate) fn fault_of(db: &mut Db, item: ItemId) -> Result<Option<&'static str>> {
    let cases = WRONG.iter().enumerate();
    let cases = cases.map(|(number, (_, condition))| format!("WHEN {condition} THEN {number}"));
    let cases = cases.collect::<Vec<_>>().join(" ");
    let sql = format!("SELECT CAST(CASE {cases} END AS BIGINT) FROM item WHERE id = $1");
    let row = db.first(&sql, values![item])?;
    let number = row.map(|row| row.opt_int(0)).transpose()?.flatten();
    let fault = number.and_then(|number| WRONG.get(usize::try_from(number).ok()?));
    Ok(fault.map(|(text, _)| *text))
}

impl Ledger {
    /// Makes items claimable again: those that were refused, which are checked again, or failed, and
    /// those that are held.
    /// Items that are claimed or done are left out, except that [`Retry::Restart`] includes those
    /// that are done. Returns the number of items.
    ///
    /// Every earlier lease of the items is stale then.
    ///
    /// # Errors
    /// The database failed.
    pub fn retry(&mut self, now: Timestamp, selection: &Selection, retry: Retry) -> Result<u64> {
        let now = self.now(now)?;
        let (condition, mut parameters) = selection.condition(&self.db)?;
        parameters.push(now.into());
        let at = format!("${}", parameters.len());
        let (state, more, except) = match retry {
            Retry::Resume => (
                "CASE WHEN state NOT IN ('refused', 'failed') THEN state
                    WHEN state = 'refused' THEN 'found'
                    WHEN asset_id IS NULL THEN 'ready' ELSE 'indexable' END",
                "",
                " AND state <> 'done'",
            ),
            Retry::Restart => (
                "'ready'",
                ", nonce = NULL, route = NULL, upload_id = NULL, asset_id = NULL,
                    indexed_id = NULL, video_id = NULL, status = NULL, status_since = NULL,
                    sent = NULL",
                "",
            ),
        };
        let idle = format!("{IDLE}{at})");
        self.db.transaction(|db| {
            if retry == Retry::Restart {
                for table in ["chunk", "checkpoint"] {
                    let sql = format!(
                        "DELETE FROM {table} WHERE item_id IN
                            (SELECT id FROM item WHERE {condition} AND {idle})"
                    );
                    db.execute(&sql, &parameters)?;
                }
            }
            let sql = format!(
                "UPDATE item SET state = {state}, run_at = 0, hold_reason = NULL, claims = 0,
                    epoch = epoch + 1, owner = NULL, lease_until = NULL, error_kind = NULL,
                    error_code = NULL, error_text = NULL, rules_pack = NULL, done = NULL{more}
                 WHERE {condition} AND {idle}{except}"
            );
            let changed = db.execute(&sql, &parameters)?;
            db.notify()?;
            Ok(changed)
        })
    }

    /// Removes items with their attempts and chunks, as if they had never been added. Items that
    /// are claimed are left out. Returns the number of items.
    ///
    /// What exists on the platform is not deleted, and a later run sends it again.
    ///
    /// # Errors
    /// The database failed.
    pub fn forget(&mut self, now: Timestamp, selection: &Selection) -> Result<u64> {
        let now = self.now(now)?;
        let (condition, mut parameters) = selection.condition(&self.db)?;
        parameters.push(now.into());
        let idle = format!("{IDLE}${})", parameters.len());
        let sql = format!("DELETE FROM item WHERE {condition} AND {idle}");
        self.db.execute(&sql, &parameters)
    }

    /// Removes what is older than `before` and not needed to skip or resume an item. Items and
    /// attempts in doubt are kept.
    ///
    /// # Errors
    /// The database failed.
    pub fn prune(&mut self, before: Timestamp) -> Result<Pruned> {
        let before = before.as_microsecond();
        self.db.transaction(|db| {
            let old = "item_id IN (SELECT id FROM item WHERE state = 'done' AND done < $1)";
            let mut count = |sql: &str, has_time: bool| {
                let parameters = values![before];
                db.execute(sql, &parameters[..usize::from(has_time)])
            };
            let mut attempts = count(
                &format!("DELETE FROM attempt WHERE outcome_at IS NOT NULL AND {old}"),
                true,
            )?;
            for table in ["chunk", "checkpoint"] {
                attempts += count(&format!("DELETE FROM {table} WHERE {old}"), true)?;
            }
            Ok(Pruned {
                attempts,
                events: count("DELETE FROM hook WHERE received < $1", true)?,
                probes: count("DELETE FROM probe WHERE used < $1", true)?,
                sessions: count("DELETE FROM session WHERE used < $1", true)?,
                runs: count(
                    "DELETE FROM run WHERE ended < $1
                     AND NOT EXISTS (SELECT 1 FROM attempt WHERE run_id = run.id)",
                    true,
                )?,
                contents: count(
                    "DELETE FROM content
                     WHERE NOT EXISTS (SELECT 1 FROM item WHERE content_id = content.id)
                     AND NOT EXISTS (SELECT 1 FROM source WHERE content_id = content.id)",
                    false,
                )?,
            })
        })
    }

    /// Checks the database and the consistency of its rows. Returns at most 100 problems.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn verify(&mut self) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        let mut add = |item: Option<ItemId>, text: String| problems.push(Problem { item, text });
        if matches!(self.db.engine, Engine::Sqlite(_)) {
            for row in self.db.query("PRAGMA integrity_check(100)", &[])? {
                let text = row.text(0)?;
                if text != "ok" {
                    add(None, text);
                }
            }
            for row in self.db.query("PRAGMA foreign_key_check", &[])? {
                add(
                    None,
                    format!("a row of `{}` refers to nothing", row.text(0)?),
                );
            }
        }
        let states = State::ALL.map(|state| format!("'{state}'")).join(", ");
        let unknown = format!("state NOT IN ({states})");
        let rules = WRONG.iter().copied().chain([("unknown state", &*unknown)]);
        for (text, condition) in rules {
            let sql = format!("SELECT id FROM item WHERE {condition} ORDER BY id LIMIT 100");
            for row in self.db.query(&sql, &[])? {
                add(Some(ItemId::new(row.int(0)?)), text.to_owned());
            }
        }
        for account in self.accounts()? {
            let text = match stored_limiter(&mut self.db, account.id) {
                Ok(Some(_)) => continue,
                Ok(None) => format!("account {} has no rate limiter", account.id),
                Err(error) => format!("account {}: {error}", account.id),
            };
            problems.push(Problem { item: None, text });
        }
        problems.truncate(100);
        Ok(problems)
    }
}

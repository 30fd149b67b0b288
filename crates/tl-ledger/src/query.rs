//! Reading: single items, counts, and streams of items.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::account::json;
use crate::claim::seen_by;
use crate::db::{Db, Value, values};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{AccountId, ContentId, ItemId, RunId};
use crate::item::{Item, State, duration};
use crate::ledger::{Ledger, not_found};

/// Items per query of a stream: what is in memory at once.
const PAGE: i64 = 500;

/// Selects items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Selection {
    pub(crate) account: Option<AccountId>,
    pub(crate) index_id: Option<String>,
    pub(crate) states: Vec<State>,
    pub(crate) items: Vec<ItemId>,
    pub(crate) name: Option<String>,
    pub(crate) created_from: Option<Timestamp>,
    pub(crate) created_before: Option<Timestamp>,
    pub(crate) is_held: bool,
    pub(crate) is_in_doubt: bool,
}

impl Selection {
    /// The largest number of items in one selection: SQLite accepts 32,766 parameters.
    pub const MAX_ITEMS: usize = 30_000;

    /// All items.
    pub fn all() -> Self {
        Self::default()
    }

    /// The items of an account.
    pub fn of(account: AccountId) -> Self {
        Self {
            account: Some(account),
            ..Self::default()
        }
    }

    /// Of these, the items of an index.
    pub fn index(mut self, index_id: impl Into<String>) -> Self {
        self.index_id = Some(index_id.into());
        self
    }

    /// Of these, the items in one of these states.
    pub fn states(mut self, states: impl Into<Vec<State>>) -> Self {
        self.states = states.into();
        self
    }

    /// Of these, the items with these numbers, at most [`MAX_ITEMS`](Self::MAX_ITEMS).
    pub fn items(mut self, items: impl Into<Vec<ItemId>>) -> Self {
        self.items = items.into();
        self
    }

    /// Of these, the items whose name matches a pattern: `*` stands for any characters, and `?` for
    /// one. Upper and lower case differ.
    pub fn name(mut self, pattern: impl Into<String>) -> Self {
        self.name = Some(pattern.into());
        self
    }

    /// Of these, the items that were added at this time or later.
    pub fn created_from(mut self, time: Timestamp) -> Self {
        self.created_from = Some(time);
        self
    }

    /// Of these, the items that were added before this time.
    pub fn created_before(mut self, time: Timestamp) -> Self {
        self.created_before = Some(time);
        self
    }

    /// Of these, the items that are held, e.g. until a quota is reset.
    pub fn held(mut self) -> Self {
        self.is_held = true;
        self
    }

    /// Of these, the items with an attempt whose outcome is unknown.
    pub fn in_doubt(mut self) -> Self {
        self.is_in_doubt = true;
        self
    }

    /// The condition, and its parameters from `$1` on.
    pub(crate) fn condition(&self, db: &Db) -> Result<(String, Vec<Value>)> {
        if self.items.len() > Self::MAX_ITEMS {
            let message = format!("{} items are selected at once", self.items.len());
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let mut parameters = Vec::new();
        let mut parts = vec!["1 = 1".to_owned()];
        let mut list = |column: &str, values: Vec<Value>| {
            if values.is_empty() {
                return;
            }
            let mut numbers = Vec::with_capacity(values.len());
            for value in values {
                parameters.push(value);
                numbers.push(format!("${}", parameters.len()));
            }
            parts.push(format!("{column} IN ({})", numbers.join(", ")));
        };
        list(
            "account_id",
            self.account.map(Value::from).into_iter().collect(),
        );
        list(
            "index_id",
            self.index_id
                .as_ref()
                .map(Value::from)
                .into_iter()
                .collect(),
        );
        list(
            "state",
            self.states.iter().map(|state| (*state).into()).collect(),
        );
        list("id", self.items.iter().map(|item| (*item).into()).collect());
        let compare = |text: &str, value: Value, parameters: &mut Vec<Value>| {
            parameters.push(value);
            text.replace("{}", &format!("${}", parameters.len()))
        };
        if let Some(pattern) = &self.name {
            let (operator, pattern) = db.pattern(pattern);
            let text = format!("name {operator} {{}}");
            parts.push(compare(&text, pattern.into(), &mut parameters));
        }
        for (time, text) in [
            (self.created_from, "created >= {}"),
            (self.created_before, "created < {}"),
        ] {
            if let Some(time) = time {
                parts.push(compare(text, time.as_microsecond().into(), &mut parameters));
            }
        }
        if self.is_held {
            parts.push("hold_reason IS NOT NULL".into());
        }
        if self.is_in_doubt {
            parts.push("id IN (SELECT item_id FROM attempt WHERE outcome_at IS NULL)".into());
        }
        Ok((parts.join(" AND "), parameters))
    }
}

/// The items of an account by state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Items in each state that occurs.
    pub states: BTreeMap<State, StateCount>,
    /// Items that are held.
    pub held: u64,
    /// Items that are claimed.
    pub claimed: u64,
    /// Items with an attempt that is in doubt.
    pub in_doubt: u64,
    /// The reasons of the items that are held.
    pub hold_reasons: BTreeMap<String, u64>,
}

/// The items in one state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StateCount {
    /// Number of items.
    pub items: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The duration of their videos.
    pub video: Duration,
}

impl Counts {
    /// Number of items in a state.
    #[must_use]
    pub fn of(&self, state: State) -> u64 {
        self.states.get(&state).map_or(0, |count| count.items)
    }

    /// Number of all items.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.states.values().map(|count| count.items).sum()
    }
}

impl Ledger {
    /// The item with this number.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), or the database failed.
    pub fn item(&mut self, item: ItemId) -> Result<Item> {
        let columns = Item::COLUMNS;
        let sql = format!("SELECT {columns} FROM item WHERE id = $1");
        let row = self.db.first(&sql, values![item])?;
        Item::read(&row.ok_or_else(|| not_found("item", item))?)
    }

    /// Passes the selected items to `each` in the order of their numbers, until it breaks. Memory
    /// does not grow with the number of items. Items that are added meanwhile may be included.
    ///
    /// # Errors
    /// The database failed.
    pub fn for_each(
        &mut self,
        selection: &Selection,
        mut each: impl FnMut(Item) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut last = i64::MIN;
        loop {
            let items = self.page(selection, last)?;
            let is_last = i64::try_from(items.len()).unwrap_or(PAGE) < PAGE;
            for item in items {
                last = item.id.get();
                if each(item).is_break() {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// The selected items after the number `last`, at most [`PAGE`].
    pub(crate) fn page(&mut self, selection: &Selection, last: i64) -> Result<Vec<Item>> {
        let (condition, mut parameters) = selection.condition(&self.db)?;
        let (after, limit) = (parameters.len() + 1, parameters.len() + 2);
        let columns = Item::COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM item WHERE {condition} AND id > ${after}
             ORDER BY id LIMIT ${limit}"
        );
        parameters.extend([last.into(), PAGE.into()]);
        let rows = self.db.query(&sql, &parameters)?;
        rows.iter().map(Item::read).collect()
    }

    /// Finds items by what the platform calls them: an asset or an indexed asset.
    ///
    /// # Errors
    /// The database failed.
    pub fn by_remote_id(&mut self, account: AccountId, id: &str) -> Result<Vec<Item>> {
        let columns = Item::COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM item
             WHERE account_id = $1 AND (asset_id = $2 OR indexed_id = $2) ORDER BY id"
        );
        let rows = self.db.query(&sql, values![account, id])?;
        rows.iter().map(Item::read).collect()
    }

    /// The items of an account with a content: one per index and options.
    ///
    /// # Errors
    /// The database failed.
    pub fn items_of(&mut self, account: AccountId, content: ContentId) -> Result<Vec<Item>> {
        let columns = Item::COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM item WHERE account_id = $1 AND content_id = $2 ORDER BY id"
        );
        let rows = self.db.query(&sql, values![account, content])?;
        rows.iter().map(Item::read).collect()
    }

    /// The duration of the videos of a run that are not indexed yet, and the number of those whose
    /// duration is not known. Items that are to be checked do not count.
    ///
    /// # Errors
    /// The database failed.
    pub fn unsent_video(&mut self, account: AccountId, run: RunId) -> Result<(Duration, u64)> {
        let seen = seen_by(2);
        let sql = format!(
            "SELECT CAST(COALESCE(sum(video_ms), 0) AS BIGINT), count(*) - count(video_ms)
             FROM item WHERE account_id = $1 AND state IN ('ready', 'sending', 'indexable')
                AND {seen}"
        );
        let row = self.db.first(&sql, values![account, run])?;
        let row = row.ok_or_else(|| Error::corrupt("a sum has no row"))?;
        Ok((duration(row.int(0)?)?, row.size(1)?))
    }

    /// Counts the items of an account.
    ///
    /// # Errors
    /// The database failed.
    pub fn counts(&mut self, now: Timestamp, account: AccountId) -> Result<Counts> {
        let now = self.now(now)?;
        let mut counts = Counts::default();
        let rows = self.db.query(
            "SELECT state, count(*), CAST(COALESCE(sum(bytes), 0) AS BIGINT),
                CAST(COALESCE(sum(video_ms), 0) AS BIGINT)
             FROM item WHERE account_id = $1 GROUP BY state",
            values![account],
        )?;
        for row in rows {
            let count = StateCount {
                items: row.size(1)?,
                bytes: row.size(2)?,
                video: duration(row.int(3)?)?,
            };
            counts.states.insert(State::read(&row.text(0)?)?, count);
        }
        let rows = self.db.query(
            "SELECT hold_reason, count(*) FROM item
             WHERE account_id = $1 AND hold_reason IS NOT NULL AND run_at > $2
                AND state NOT IN ('done', 'refused', 'failed')
             GROUP BY hold_reason",
            values![account, now],
        )?;
        for row in rows {
            counts.held += row.size(1)?;
            counts.hold_reasons.insert(row.text(0)?, row.size(1)?);
        }
        let row = self.db.first(
            "SELECT (SELECT count(*) FROM item WHERE account_id = $1 AND owner IS NOT NULL
                AND lease_until > $2),
                (SELECT count(DISTINCT item_id) FROM attempt CROSS JOIN item
                WHERE item.id = item_id AND outcome_at IS NULL AND account_id = $1
                    AND (owner IS NULL OR lease_until <= $2))",
            values![account, now],
        )?;
        if let Some(row) = row {
            counts.claimed = row.size(0)?;
            counts.in_doubt = row.size(1)?;
        }
        Ok(counts)
    }

    /// The media facts of a content, as they were added.
    ///
    /// # Errors
    /// The database failed.
    pub fn facts(&mut self, content: ContentId) -> Result<Option<Json>> {
        let sql = "SELECT facts FROM content WHERE id = $1";
        let row = self.db.first(sql, values![content])?;
        json(row.map(|row| row.opt_text(0)).transpose()?.flatten())
    }
}

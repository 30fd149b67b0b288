//! What a watcher of an index remembers: how far it has read the list of changes, how long the
//! platform takes, and which webhooks were received.

use std::time::Duration;

use jiff::Timestamp;
use tl_protocol::flow::StageTime;

use crate::db::values;
use crate::error::{Error, Result};
use crate::ids::{AccountId, ItemId};
use crate::item::{State, time};
use crate::ledger::Ledger;

impl Ledger {
    /// The time up to which the changes of an index were read.
    ///
    /// # Errors
    /// The database failed.
    pub fn cursor(&mut self, account: AccountId, index_id: &str) -> Result<Option<Timestamp>> {
        let row = self.db.first(
            "SELECT updated_at FROM cursor WHERE account_id = $1 AND index_id = $2",
            values![account, index_id],
        )?;
        row.map(|row| time(row.int(0)?)).transpose()
    }

    /// Moves the cursor of an index forward. An earlier time changes nothing.
    ///
    /// # Errors
    /// The account does not exist, or the database failed.
    pub fn set_cursor(
        &mut self,
        account: AccountId,
        index_id: &str,
        updated_at: Timestamp,
    ) -> Result<()> {
        self.db.execute(
            "INSERT INTO cursor (account_id, index_id, updated_at) VALUES ($1, $2, $3)
             ON CONFLICT (account_id, index_id) DO UPDATE SET updated_at = excluded.updated_at
             WHERE cursor.updated_at < excluded.updated_at",
            values![account, index_id, updated_at.as_microsecond()],
        )?;
        Ok(())
    }

    /// Stores how long the last items of an account were in a state, e.g. `Indexing`, in place of
    /// what was stored before. Fractions of a millisecond are cut off.
    ///
    /// # Errors
    /// The account does not exist, or the database failed.
    pub fn set_stage_times(
        &mut self,
        account: AccountId,
        state: State,
        times: &[StageTime],
    ) -> Result<()> {
        let times: Vec<String> = times.iter().map(stored).collect();
        self.db.execute(
            "INSERT INTO stage_time (account_id, state, took_ms) VALUES ($1, $2, $3)
             ON CONFLICT (account_id, state) DO UPDATE SET took_ms = excluded.took_ms",
            values![account, state, times.join(" ")],
        )?;
        Ok(())
    }

    /// How long items of an account were in a state, as it was stored last; oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub fn stage_times(&mut self, account: AccountId, state: State) -> Result<Vec<StageTime>> {
        let row = self.db.first(
            "SELECT took_ms FROM stage_time WHERE account_id = $1 AND state = $2",
            values![account, state],
        )?;
        let Some(row) = row else {
            return Ok(Vec::new());
        };
        row.text(0)?.split_whitespace().map(stage_time).collect()
    }

    /// Records a webhook event. Returns whether it is new: the platform repeats deliveries.
    ///
    /// # Errors
    /// The database failed.
    pub fn record_event(
        &mut self,
        now: Timestamp,
        event_id: &str,
        item: Option<ItemId>,
    ) -> Result<bool> {
        let now = self.now(now)?;
        let inserted = self.db.execute(
            "INSERT INTO hook (event_id, received, item_id) VALUES ($1, $2, $3)
             ON CONFLICT (event_id) DO NOTHING",
            values![event_id, now, item],
        )?;
        if inserted > 0 {
            self.db.notify()?;
        }
        Ok(inserted > 0)
    }

    /// How many webhook events are recorded, and when the last was received. Compare it with the
    /// result of an earlier call.
    ///
    /// # Errors
    /// The database failed.
    pub fn events(&mut self) -> Result<Option<(u64, Timestamp)>> {
        let sql = "SELECT count(*), max(received) FROM hook";
        let row = self.db.first(sql, &[])?;
        let Some(row) = row else { return Ok(None) };
        let last = row.opt_int(1)?.map(time).transpose()?;
        let count = row.size(0)?;
        Ok(last.map(|last| (count, last)))
    }
}

/// A measurement as a word: its milliseconds, and those of the video after a slash.
fn stored(time: &StageTime) -> String {
    match time.video {
        Some(video) => format!("{}/{}", time.took.as_millis(), video.as_millis()),
        None => time.took.as_millis().to_string(),
    }
}

fn stage_time(word: &str) -> Result<StageTime> {
    let duration = |number: &str| {
        let millis = number.parse().map_err(|error| {
            Error::corrupt("a stored duration is not a number").with_source(error)
        })?;
        Ok(Duration::from_millis(millis))
    };
    Ok(match word.split_once('/') {
        Some((took, video)) => StageTime::new(duration(took)?, duration(video)?),
        None => StageTime::new(duration(word)?, None),
    })
}

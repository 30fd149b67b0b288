//! Requests that create something: the intent is stored before the request is sent, and the
//! outcome after it. An intent without an outcome is in doubt.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::db::{Row, values};
use crate::error::{Error, Result};
use crate::ids::{AccountId, AttemptId, ItemId, RunId};
use crate::item::{Lease, time};
use crate::ledger::{Ledger, not_found};
use crate::write::{Update, apply};

/// A request that creates something on the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// `POST /assets`.
    CreateAsset,
    /// `POST /assets/multipart-uploads`.
    CreateUpload,
    /// `POST /indexes/{id}/indexed-assets`.
    CreateIndexedAsset,
    /// `POST /tasks`.
    CreateTask,
}

impl Operation {
    const ALL: [Self; 4] = [
        Self::CreateAsset,
        Self::CreateUpload,
        Self::CreateIndexedAsset,
        Self::CreateTask,
    ];

    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateAsset => "create_asset",
            Self::CreateUpload => "create_upload",
            Self::CreateIndexedAsset => "create_indexed_asset",
            Self::CreateTask => "create_task",
        }
    }

    fn read(name: &str) -> Result<Self> {
        let operation = Self::ALL.into_iter().find(|known| known.name() == name);
        operation.ok_or_else(|| Error::corrupt(format!("unknown operation `{name}`")))
    }
}

/// The outcome of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Outcome {
    /// The HTTP status, or `None` if the outcome was found by looking the resource up.
    pub http: Option<u16>,
    /// The platform's error code, or a word for another cause.
    pub code: Option<String>,
    /// The platform's id of the request.
    pub request_id: Option<String>,
    /// The id of what was created, or `None` if nothing was.
    pub result_id: Option<String>,
}

impl Outcome {
    /// The request created this.
    pub fn created(result_id: impl Into<String>) -> Self {
        Self {
            result_id: Some(result_id.into()),
            ..Self::default()
        }
    }

    /// The request created nothing; `code` says why.
    pub fn not_created(code: impl Into<String>) -> Self {
        Self {
            code: Some(code.into()),
            ..Self::default()
        }
    }

    /// Sets the HTTP status.
    #[must_use]
    pub fn with_http(mut self, status: u16) -> Self {
        self.http = Some(status);
        self
    }

    /// Sets the platform's id of the request.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }
}

/// A request that was sent, or was about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attempt {
    /// Its number.
    pub id: AttemptId,
    /// The item.
    pub item: ItemId,
    /// The epoch of the claim that sent it.
    pub epoch: i64,
    /// The run that sent it.
    pub run: RunId,
    /// The request.
    pub operation: Operation,
    /// When it was about to be sent.
    pub intent_at: Timestamp,
    /// When the outcome was known, or `None` if it is in doubt.
    pub outcome_at: Option<Timestamp>,
    /// The outcome.
    pub outcome: Outcome,
}

/// A request that created an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Creation {
    /// The asset.
    pub asset_id: String,
    /// The size of its file in bytes.
    pub bytes: u64,
    /// When the request was about to be sent: the asset was created later.
    pub intent_at: Timestamp,
    /// When the asset was known: it was created earlier.
    pub outcome_at: Timestamp,
}

const COLUMNS: &str = "attempt.id, attempt.item_id, attempt.epoch, run_id, operation, intent_at, \
    outcome_at, http, code, request_id, result_id";

fn read(row: &Row) -> Result<Attempt> {
    let http = row.opt_int(7)?.map(u16::try_from).transpose();
    Ok(Attempt {
        id: AttemptId::new(row.int(0)?),
        item: ItemId::new(row.int(1)?),
        epoch: row.int(2)?,
        run: RunId::new(row.int(3)?),
        operation: Operation::read(&row.text(4)?)?,
        intent_at: time(row.int(5)?)?,
        outcome_at: row.opt_int(6)?.map(time).transpose()?,
        outcome: Outcome {
            http: http.map_err(|_| Error::corrupt("an HTTP status is out of range"))?,
            code: row.opt_text(8)?,
            request_id: row.opt_text(9)?,
            result_id: row.opt_text(10)?,
        },
    })
}

impl Ledger {
    /// Records that a request is about to be sent, and changes the item. When this returns, both
    /// are on the disk: send the request now.
    ///
    /// # Errors
    /// [`Stale`](crate::ErrorKind::Stale): do not send the request. Or the database failed.
    pub fn intent(
        &mut self,
        now: Timestamp,
        lease: Lease,
        run: RunId,
        operation: Operation,
        update: &Update,
    ) -> Result<AttemptId> {
        let now = self.now(now)?;
        self.db.synced_transaction(|db| {
            apply(db, now, lease, update)?;
            let row = db.first(
                "INSERT INTO attempt (item_id, epoch, run_id, operation, intent_at)
                 VALUES ($1, $2, $3, $4, $5) RETURNING id",
                values![lease.item, lease.epoch, run, operation.name(), now],
            )?;
            let row = row.ok_or_else(|| Error::corrupt("an attempt has no number"))?;
            Ok(AttemptId::new(row.int(0)?))
        })
    }

    /// Records the outcome of a request, and changes the item. The attempt may be of an earlier
    /// claim of the item, whose outcome was looked up.
    ///
    /// # Errors
    /// [`Stale`](crate::ErrorKind::Stale): another process has claimed the item, and looks the
    /// outcome up itself. [`NotFound`](crate::ErrorKind::NotFound): the item has no such attempt
    /// without an outcome. Or the database failed.
    pub fn outcome(
        &mut self,
        now: Timestamp,
        lease: Lease,
        attempt: AttemptId,
        outcome: &Outcome,
        update: &Update,
    ) -> Result<()> {
        let now = self.now(now)?;
        self.db.transaction(|db| {
            apply(db, now, lease, update)?;
            let changed = db.execute(
                "UPDATE attempt SET outcome_at = $3, http = $4, code = $5, request_id = $6,
                    result_id = $7
                 WHERE id = $1 AND item_id = $2 AND outcome_at IS NULL",
                values![
                    attempt,
                    lease.item,
                    now,
                    outcome.http.map(i64::from),
                    outcome.code.as_ref(),
                    outcome.request_id.as_ref(),
                    outcome.result_id.as_ref()
                ],
            )?;
            if changed == 0 {
                return Err(not_found("the open attempt", attempt));
            }
            Ok(())
        })
    }

    /// The attempts without an outcome of items that nobody works on: the process that sent them
    /// has crashed, or its lease has expired. Look the results up on the platform; then claim the
    /// item and record the [`outcome`](Self::outcome).
    ///
    /// # Errors
    /// The database failed.
    pub fn in_doubt(&mut self, now: Timestamp, account: AccountId) -> Result<Vec<Attempt>> {
        let now = self.now(now)?;
        // SQLite reads the left table of a cross join first: the few attempts, not all items.
        let sql = format!(
            "SELECT {COLUMNS} FROM attempt CROSS JOIN item
             WHERE item.id = attempt.item_id AND outcome_at IS NULL AND account_id = $1
                AND (owner IS NULL OR lease_until <= $2)
             ORDER BY attempt.id"
        );
        let rows = self.db.query(&sql, values![account, now])?;
        rows.iter().map(read).collect()
    }

    /// The attempts of an item without an outcome, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub fn open_attempts(&mut self, item: ItemId) -> Result<Vec<Attempt>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM attempt WHERE item_id = $1 AND outcome_at IS NULL
             ORDER BY attempt.id"
        );
        let rows = self.db.query(&sql, values![item])?;
        rows.iter().map(read).collect()
    }

    /// All attempts of an item, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub fn attempts(&mut self, item: ItemId) -> Result<Vec<Attempt>> {
        let sql = format!("SELECT {COLUMNS} FROM attempt WHERE item_id = $1 ORDER BY attempt.id");
        let rows = self.db.query(&sql, values![item])?;
        rows.iter().map(read).collect()
    }

    /// The requests that created these assets. Assets of others, and those that were created in
    /// chunks, are left out.
    ///
    /// # Errors
    /// The database failed.
    pub fn creations(&mut self, account: AccountId, asset_ids: &[String]) -> Result<Vec<Creation>> {
        let mut creations = Vec::new();
        for asset_id in asset_ids {
            let row = self.db.first(
                "SELECT bytes, intent_at, outcome_at FROM item
                 JOIN attempt ON attempt.item_id = item.id
                 WHERE asset_id = $1 AND account_id = $2 AND operation = $3 AND result_id = $1
                    AND outcome_at IS NOT NULL
                 ORDER BY attempt.id LIMIT 1",
                values![asset_id, account, Operation::CreateAsset.name()],
            )?;
            let Some(row) = row else { continue };
            creations.push(Creation {
                asset_id: asset_id.clone(),
                bytes: row.size(0)?,
                intent_at: time(row.int(1)?)?,
                outcome_at: time(row.int(2)?)?,
            });
        }
        Ok(creations)
    }
}

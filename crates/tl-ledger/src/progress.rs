//! The progress of one upload: its chunks, and the checkpoint of its flow.

use serde::{Deserialize, Serialize};

use crate::db::{Db, values};
use crate::error::Result;
use crate::ids::ItemId;
use crate::item::Lease;
use crate::ledger::Ledger;

/// A chunk that the storage has received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Chunk {
    /// Its number, from 1.
    pub number: u32,
    /// The `ETag` of the storage.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
}

impl Chunk {
    /// A chunk that was sent.
    pub fn new(number: u32, etag: impl Into<String>, size: u64) -> Self {
        Self {
            number,
            etag: etag.into(),
            size,
        }
    }
}

impl Ledger {
    /// Records chunks that were sent.
    ///
    /// # Errors
    /// [`Stale`](crate::ErrorKind::Stale), or the database failed.
    pub fn add_chunks(&mut self, lease: Lease, chunks: &[Chunk]) -> Result<()> {
        self.fenced(lease, |db| {
            for chunk in chunks {
                db.execute(
                    "INSERT INTO chunk (item_id, n, etag, size) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (item_id, n)
                     DO UPDATE SET etag = excluded.etag, size = excluded.size",
                    values![lease.item, chunk.number, &chunk.etag, chunk.size],
                )?;
            }
            Ok(())
        })
    }

    /// The chunks of an item that were sent, by number.
    ///
    /// # Errors
    /// The database failed.
    pub fn chunks(&mut self, item: ItemId) -> Result<Vec<Chunk>> {
        let rows = self.db.query(
            "SELECT n, etag, size FROM chunk WHERE item_id = $1 ORDER BY n",
            values![item],
        )?;
        let read = rows.iter().map(|row| {
            Ok(Chunk {
                number: u32::try_from(row.int(0)?).unwrap_or(u32::MAX),
                etag: row.text(1)?,
                size: row.size(2)?,
            })
        });
        read.collect()
    }

    /// Stores the checkpoint of an upload: text that its flow resumes from. `None` removes it, and
    /// the chunks.
    ///
    /// # Errors
    /// [`Stale`](crate::ErrorKind::Stale), or the database failed.
    pub fn set_checkpoint(&mut self, lease: Lease, state: Option<&str>) -> Result<()> {
        self.fenced(lease, |db| {
            if let Some(state) = state {
                db.execute(
                    "INSERT INTO checkpoint (item_id, state) VALUES ($1, $2)
                     ON CONFLICT (item_id) DO UPDATE SET state = excluded.state",
                    values![lease.item, state],
                )?;
            } else {
                for table in ["chunk", "checkpoint"] {
                    let sql = format!("DELETE FROM {table} WHERE item_id = $1");
                    db.execute(&sql, values![lease.item])?;
                }
            }
            Ok(())
        })
    }

    /// The checkpoint of an upload.
    ///
    /// # Errors
    /// The database failed.
    pub fn checkpoint(&mut self, item: ItemId) -> Result<Option<String>> {
        let sql = "SELECT state FROM checkpoint WHERE item_id = $1";
        let row = self.db.first(sql, values![item])?;
        row.map(|row| row.text(0)).transpose()
    }

    fn fenced(&mut self, lease: Lease, mut work: impl FnMut(&mut Db) -> Result<()>) -> Result<()> {
        self.db.transaction(|db| {
            Self::fence(db, lease)?;
            work(db)
        })
    }
}

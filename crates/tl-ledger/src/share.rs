//! One upload for the same bytes: items of several indexes, and uploads outside of a run.

use jiff::Timestamp;

use crate::add::{self, Fingerprint, NewItem};
use crate::claim::write;
use crate::db::values;
use crate::error::Result;
use crate::ids::{AccountId, ContentId, ItemId, RunId};
use crate::item::{Lease, State};
use crate::ledger::Ledger;

/// The status of an item that was told to upload its bytes.
const UPLOADING: &str = "uploading";

/// Who uploads the bytes of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Upload {
    /// This item. Until its lease ends, items with the same bytes wait.
    Own,
    /// Another item has uploaded them, and has this asset.
    Asset(String),
    /// Another item is being uploaded.
    Wait,
}

impl Ledger {
    /// Decides who uploads the bytes of an item: only one of several items of the account that have
    /// the same bytes and the same name on the platform. That is `file_name`, or the name of the
    /// item if its last component is another one.
    ///
    /// An asset may be gone, or its processing may have failed: look it up before it is used.
    ///
    /// # Errors
    /// [`ErrorKind::Stale`](crate::ErrorKind::Stale), or the database failed.
    pub fn share_upload(
        &mut self,
        now: Timestamp,
        lease: Lease,
        file_name: &str,
    ) -> Result<Upload> {
        let now = self.now(now)?;
        self.db.transaction(|db| {
            // Two items must not both decide to upload.
            db.lock_all()?;
            Self::fence(db, lease)?;
            let twins = db.query(
                "SELECT item.name, twin.name, twin.state, twin.asset_id, twin.status,
                    CAST(CASE WHEN twin.owner IS NOT NULL AND twin.lease_until > $2
                        THEN 1 ELSE 0 END AS BIGINT),
                    CAST(CASE WHEN twin.hold_reason IS NOT NULL AND twin.run_at > $2
                        THEN 1 ELSE 0 END AS BIGINT)
                 FROM item JOIN item AS twin
                    ON twin.account_id = item.account_id AND twin.content_id = item.content_id
                 WHERE item.id = $1 AND twin.id <> item.id
                 ORDER BY twin.id DESC",
                values![lease.item, now],
            )?;
            let mut has_twin = false;
            let mut must_wait = false;
            for twin in &twins {
                let (name, other) = (twin.text(0)?, twin.text(1)?);
                if platform_name(&name, file_name) != platform_name(&other, file_name) {
                    continue;
                }
                has_twin = true;
                let state = State::read(&twin.text(2)?)?;
                let (is_claimed, is_held) = (twin.int(5)? != 0, twin.int(6)? != 0);
                match (state, twin.opt_text(3)?) {
                    (state, Some(asset)) if state.is_uploaded() => {
                        return Ok(Upload::Asset(asset));
                    }
                    (State::Sending, _) => must_wait |= is_claimed || is_held,
                    (State::Ready, _) => {
                        let is_uploading = twin.opt_text(4)?.as_deref() == Some(UPLOADING);
                        must_wait |= is_claimed && is_uploading;
                    }
                    _ => {}
                }
            }
            if must_wait {
                return Ok(Upload::Wait);
            }
            if has_twin {
                write(
                    db,
                    lease,
                    "UPDATE item SET status = $3 WHERE id = $1 AND epoch = $2",
                    values![UPLOADING],
                )?;
            }
            Ok(Upload::Own)
        })
    }

    /// The content with these bytes, if the hash of all bytes is given and known.
    ///
    /// # Errors
    /// The database failed.
    pub fn content_of(&mut self, fingerprint: &Fingerprint) -> Result<Option<ContentId>> {
        let Some(full) = &fingerprint.full else {
            return Ok(None);
        };
        let id = add::by_hash(&mut self.db, add::size(fingerprint)?, full)?;
        Ok(id.map(ContentId::new))
    }

    /// Whether the hash of all bytes can tell that they are known: a content with the same size and
    /// samples has one.
    ///
    /// # Errors
    /// The database failed.
    pub fn has_samples(&mut self, fingerprint: &Fingerprint) -> Result<bool> {
        let row = self.db.first(
            "SELECT 1 FROM content WHERE size = $1 AND sampled = $2 AND full_hash IS NOT NULL
             LIMIT 1",
            values![add::size(fingerprint)?, &fingerprint.sampled[..]],
        )?;
        Ok(row.is_some())
    }

    /// The newest asset with these bytes. It may be gone: look it up before it is used.
    ///
    /// # Errors
    /// The database failed.
    pub fn asset_of(&mut self, account: AccountId, content: ContentId) -> Result<Option<String>> {
        let row = self.db.first(
            "SELECT asset_id FROM item WHERE account_id = $1 AND content_id = $2
                AND asset_id IS NOT NULL AND state IN ('indexable', 'indexing', 'done')
             ORDER BY id DESC LIMIT 1",
            values![account, content],
        )?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Records an asset that was uploaded outside of a run, as an item without an index that is
    /// done.
    ///
    /// # Errors
    /// Those of [`add`](Self::add).
    pub fn record_asset(
        &mut self,
        now: Timestamp,
        run: RunId,
        account: AccountId,
        item: &NewItem,
        asset_id: &str,
    ) -> Result<ItemId> {
        let now = self.now(now)?;
        self.db.transaction(|db| {
            db.lock_all()?;
            let added = add::add(db, now, run, account, item)?;
            db.execute(
                "UPDATE item SET state = 'done', asset_id = $2, status = 'ready', sent = $3,
                    done = $3
                 WHERE id = $1 AND owner IS NULL",
                values![added.item, asset_id, now],
            )?;
            Ok(added.item)
        })
    }
}

/// The name of an item on the platform, by its name in the ledger.
fn platform_name<'a>(name: &'a str, file_name: &'a str) -> &'a str {
    let is_path = name.rsplit(['/', '\\']).next() == Some(file_name);
    if is_path { file_name } else { name }
}

//! Changes of an item by the owner of its lease. Each is refused if the item was claimed since.

use std::time::Duration;

use jiff::Timestamp;

use crate::claim::write;
use crate::db::{Db, Value, values};
use crate::error::Result;
use crate::item::{ItemError, Lease, State, millis};
use crate::ledger::Ledger;

/// Changes of an item. What is not set keeps its value.
///
/// ```
/// use tl_ledger::{State, Update};
///
/// let update = Update::to(State::Processing).asset_id("68a1").status("processing");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Update {
    state: Option<State>,
    nonce: Option<String>,
    route: Option<String>,
    upload_id: Option<String>,
    asset_id: Option<String>,
    indexed_id: Option<String>,
    video_id: Option<String>,
    video: Option<Duration>,
    status: Option<String>,
    rules_pack: Option<String>,
    error: Option<ItemError>,
    ends_lease: bool,
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        pub fn $name(mut self, value: impl Into<String>) -> Self {
            self.$name = Some(value.into());
            self
        }
    )* };
}

impl Update {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// A change of the state.
    pub fn to(state: State) -> Self {
        Self {
            state: Some(state),
            ..Self::default()
        }
    }

    texts! {
        /// Sets the mark by which the asset is found again. Store it before the asset is created.
        nonce;
        /// Sets how the item is uploaded.
        route;
        /// Sets the upload session.
        upload_id;
        /// Sets the asset.
        asset_id;
        /// Sets the indexed asset.
        indexed_id;
        /// Sets the video.
        video_id;
        /// Sets the status that the platform reported.
        status;
    }

    /// Sets the duration of the video.
    pub fn video(mut self, video: Duration) -> Self {
        self.video = Some(video);
        self
    }

    /// Ends the lease: nobody has to work on the item, or the platform does.
    pub fn and_release(mut self) -> Self {
        self.ends_lease = true;
        self
    }
}

impl Ledger {
    /// Changes an item.
    ///
    /// # Errors
    /// [`Stale`](crate::ErrorKind::Stale) if the item was claimed by another process since, or the
    /// database failed.
    pub fn update(&mut self, now: Timestamp, lease: Lease, update: &Update) -> Result<()> {
        let now = self.now(now)?;
        apply(&mut self.db, now, lease, update)
    }

    /// Ends an item that is indexed, and its lease.
    ///
    /// # Errors
    /// Those of [`update`](Self::update).
    pub fn finish(&mut self, now: Timestamp, lease: Lease, mut update: Update) -> Result<()> {
        update.state = Some(State::Done);
        self.update(now, lease, &update.and_release())
    }

    /// Ends an item that the local check refused, and its lease. It is skipped from then on, until
    /// it is retried.
    ///
    /// `rules_pack` names the rules with their version.
    ///
    /// # Errors
    /// Those of [`update`](Self::update).
    pub fn refuse(
        &mut self,
        now: Timestamp,
        lease: Lease,
        rules_pack: &str,
        error: ItemError,
    ) -> Result<()> {
        let mut update = Update::to(State::Refused).and_release();
        update.rules_pack = Some(rules_pack.to_owned());
        update.error = Some(error);
        self.update(now, lease, &update)
    }

    /// Ends an item that failed permanently, and its lease.
    ///
    /// # Errors
    /// Those of [`update`](Self::update).
    pub fn fail(&mut self, now: Timestamp, lease: Lease, error: ItemError) -> Result<()> {
        let mut update = Update::to(State::Failed).and_release();
        update.error = Some(error);
        self.update(now, lease, &update)
    }

    /// Ends the lease; the item is not claimed before `until`. `reason` is a stable word, e.g.
    /// `quota` or `index_full`.
    ///
    /// # Errors
    /// Those of [`update`](Self::update).
    pub fn hold(&mut self, lease: Lease, until: Timestamp, reason: &str) -> Result<()> {
        self.write(
            lease,
            "UPDATE item SET run_at = $3, hold_reason = $4, owner = NULL, lease_until = NULL
             WHERE id = $1 AND epoch = $2",
            values![until.as_microsecond(), reason],
        )
    }

    /// Forgets what exists on the platform for an item, so that it is uploaded again: its asset is
    /// gone, or the file changed.
    ///
    /// # Errors
    /// Those of [`update`](Self::update).
    pub fn restart(&mut self, lease: Lease) -> Result<()> {
        self.db.transaction(|db| {
            write(
                db,
                lease,
                "UPDATE item SET state = 'ready', nonce = NULL, route = NULL, upload_id = NULL,
                    asset_id = NULL, indexed_id = NULL, video_id = NULL, status = NULL,
                    status_since = NULL, sent = NULL, done = NULL
                 WHERE id = $1 AND epoch = $2",
                &[],
            )?;
            for table in ["chunk", "checkpoint"] {
                let sql = format!("DELETE FROM {table} WHERE item_id = $1");
                db.execute(&sql, values![lease.item])?;
            }
            Ok(())
        })
    }
}

/// Every parameter is cast, because PostgreSQL derives no type from `CASE` and comparisons of
/// parameters.
const UPDATE: &str = "UPDATE item SET
    state = COALESCE($3, state),
    nonce = COALESCE($4, nonce),
    route = COALESCE($5, route),
    upload_id = COALESCE($6, upload_id),
    asset_id = COALESCE($7, asset_id),
    indexed_id = COALESCE($8, indexed_id),
    video_id = COALESCE($9, video_id),
    video_ms = COALESCE($10, video_ms),
    status_since = CASE WHEN CAST($11 AS TEXT) IS NULL OR status = CAST($11 AS TEXT)
        THEN status_since ELSE $17 END,
    status = COALESCE($11, status),
    rules_pack = COALESCE($12, rules_pack),
    error_kind = COALESCE($13, error_kind),
    error_code = CASE WHEN CAST($13 AS TEXT) IS NULL THEN error_code ELSE $14 END,
    error_text = COALESCE($15, error_text),
    owner = CASE WHEN $16 = 1 THEN NULL ELSE owner END,
    lease_until = CASE WHEN $16 = 1 THEN NULL ELSE lease_until END,
    sent = CASE WHEN sent IS NULL AND $18 = 1 THEN $17 ELSE sent END,
    done = CASE WHEN $19 = 1 THEN $17 ELSE done END
    WHERE id = $1 AND epoch = $2";

pub(crate) fn apply(db: &mut Db, now: i64, lease: Lease, update: &Update) -> Result<()> {
    let is_sent = matches!(
        update.state,
        Some(State::Processing | State::Indexable | State::Indexing | State::Done)
    );
    let is_final = update.state.is_some_and(State::is_final);
    let error = update.error.as_ref();
    let parameters: [Value; 17] = [
        update.state.into(),
        update.nonce.as_ref().into(),
        update.route.as_ref().into(),
        update.upload_id.as_ref().into(),
        update.asset_id.as_ref().into(),
        update.indexed_id.as_ref().into(),
        update.video_id.as_ref().into(),
        update.video.map(millis).into(),
        update.status.as_ref().into(),
        update.rules_pack.as_ref().into(),
        error.map(|error| &error.kind).into(),
        error.and_then(|error| error.code.as_ref()).into(),
        error.map(|error| &error.text).into(),
        i64::from(update.ends_lease).into(),
        now.into(),
        i64::from(is_sent).into(),
        i64::from(is_final).into(),
    ];
    write(db, lease, UPDATE, &parameters)?;
    // Another process may claim the item, or another one in its place.
    if update.ends_lease || is_final {
        db.notify()?;
    }
    Ok(())
}

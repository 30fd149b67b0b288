//! Claiming items: select what is due, reserve its cost, and lease it, in one transaction.

use std::time::Duration;

use jiff::Timestamp;
use tl_protocol::limiter::{Cost, Dimension, Reservation};

use crate::account::{locked_limiter, store_limiter};
use crate::db::{Db, Value, values};
use crate::error::Result;
use crate::ids::{AccountId, RunId};
use crate::item::{Item, Lease, State, later, time};
use crate::ledger::{Ledger, stale};

/// Which items to claim, and for how long.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClaimOptions {
    account: AccountId,
    owner: String,
    states: Vec<State>,
    indexes: Vec<String>,
    except_indexes: Vec<String>,
    run: Option<RunId>,
    limit: u32,
    lease: Duration,
}

impl ClaimOptions {
    /// Claims one item of the account for 30 seconds. `owner` is a name that no other process has, one
    /// that was killed before included.
    ///
    /// Items that were started come first: `Indexable`, `Sending`, `Ready`, `Found`.
    pub fn new(account: AccountId, owner: impl Into<String>) -> Self {
        Self {
            account,
            owner: owner.into(),
            states: vec![State::Indexable, State::Sending, State::Ready, State::Found],
            indexes: Vec::new(),
            except_indexes: Vec::new(),
            run: None,
            limit: 1,
            lease: Duration::from_secs(30),
        }
    }

    /// Claims items in these states, in this order; then by priority and age.
    #[must_use]
    pub fn states(mut self, states: impl Into<Vec<State>>) -> Self {
        self.states = states.into();
        self
    }

    /// Claims items of one index only.
    #[must_use]
    pub fn index(self, index_id: impl Into<String>) -> Self {
        self.indexes([index_id.into()])
    }

    /// Claims items of these indexes only. Without any, those of all indexes.
    #[must_use]
    pub fn indexes(mut self, index_ids: impl Into<Vec<String>>) -> Self {
        self.indexes = index_ids.into();
        self
    }

    /// Claims no items of these indexes, e.g. because they are full.
    #[must_use]
    pub fn except_indexes(mut self, index_ids: impl Into<Vec<String>>) -> Self {
        self.except_indexes = index_ids.into();
        self
    }

    /// Claims items only whose sources were seen by this run, so that a run over some files does
    /// not continue another one.
    #[must_use]
    pub fn seen_by(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self
    }

    /// Maximum number of items.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// How long the items are leased. Renew the lease while work on an item makes progress.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }
}

impl ClaimOptions {
    /// The conditions of index and run, whose parameters are added.
    fn filter(&self, parameters: &mut Vec<Value>) -> String {
        let mut condition = String::new();
        for (word, indexes) in [("IN", &self.indexes), ("NOT IN", &self.except_indexes)] {
            if indexes.is_empty() {
                continue;
            }
            let mut places = Vec::with_capacity(indexes.len());
            for index_id in indexes {
                parameters.push(index_id.into());
                places.push(format!("${}", parameters.len()));
            }
            condition.push_str(&format!(" AND index_id {word} ({})", places.join(", ")));
        }
        if let Some(run) = self.run {
            parameters.push(run.into());
            condition.push_str(" AND ");
            condition.push_str(&seen_by(parameters.len()));
        }
        condition
    }
}

/// An item that was claimed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Claimed {
    /// The item after the claim.
    pub item: Item,
    /// The right to write to it.
    pub lease: Lease,
    /// The dimension in which the item exceeds the limit of the plan by itself. Nothing is
    /// reserved: end the item.
    pub exceeds: Option<Dimension>,
}

/// The result of [`Ledger::claim`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Claim {
    /// The time of the claim: the server's with PostgreSQL.
    pub now: Timestamp,
    /// The items, with their cost reserved.
    pub items: Vec<Claimed>,
    /// Why there are no more, if a limit is reached.
    pub wait: Option<Wait>,
    /// When the next item is due that this process has not claimed, if `items` is empty and no limit is
    /// reached.
    pub next_due: Option<Timestamp>,
}

/// A limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wait {
    /// When to claim again, or `None` if another item has to end first.
    pub until: Option<Timestamp>,
    /// The limit.
    pub dimension: Dimension,
}

impl Ledger {
    /// Claims items that are due, in one transaction: their cost is reserved from the limits that
    /// all processes share, and each is leased under a new epoch.
    ///
    /// `cost` says what the next steps of an item cost. The concurrent tasks of the account are
    /// the items between the states `Sending` and `Indexing` and those that are claimed, so that a
    /// crash does not leak any; the task of an item that is counted already is not counted again.
    /// If the next item has to wait for a limit, no later item is claimed before it: otherwise a
    /// long video would never find enough minutes left.
    ///
    /// An item whose lease has expired is due again. It may be in doubt: look at
    /// [`open_attempts`](Self::open_attempts) before sending anything.
    ///
    /// # Errors
    /// The account does not exist, or the database failed. Then nothing is claimed or reserved.
    pub fn claim(
        &mut self,
        now: Timestamp,
        options: &ClaimOptions,
        cost: impl Fn(&Item) -> Cost,
    ) -> Result<Claim> {
        let now = self.now(now)?;
        let at = time(now)?;
        self.db.transaction(|db| {
            let mut limiter = locked_limiter(db, options.account)?;
            limiter.set_running(running(db, now, options.account)?);
            end_holds(db, now, options.account)?;
            let mut claim = Claim {
                now: at,
                items: Vec::new(),
                wait: None,
                next_due: None,
            };
            'states: for state in &options.states {
                let room = u64::from(options.limit).saturating_sub(claim.items.len() as u64);
                if room == 0 {
                    break;
                }
                for mut item in due(db, now, options, *state, room)? {
                    let mut cost = cost(&item);
                    if item.state.is_admitted() {
                        cost.tasks = 0;
                    }
                    let exceeds = match limiter.reserve(at, cost) {
                        Reservation::Granted => None,
                        Reservation::Wait { until, dimension } => {
                            claim.wait = Some(Wait { until, dimension });
                            break 'states;
                        }
                        Reservation::Never { dimension } => Some(dimension),
                    };
                    let lease_until = later(now, options.lease);
                    let changed = db.execute(
                        "UPDATE item SET owner = $2, lease_until = $3, epoch = epoch + 1,
                            claims = claims + 1, hold_reason = NULL WHERE id = $1",
                        values![item.id, &options.owner, lease_until],
                    )?;
                    debug_assert_eq!(changed, 1, "the row is locked");
                    item.epoch += 1;
                    item.claims += 1;
                    item.owner = Some(options.owner.clone());
                    item.lease_until = Some(time(lease_until)?);
                    item.hold_reason = None;
                    claim.items.push(Claimed {
                        lease: item.lease(),
                        item,
                        exceeds,
                    });
                }
            }
            if claim.items.is_empty() && claim.wait.is_none() {
                claim.next_due = next_due(db, now, options)?;
            }
            // A claim that reserves nothing writes nothing: processes that wait for changes of others
            // would wake each other.
            if !claim.items.is_empty() {
                store_limiter(db, options.account, now, &limiter)?;
            }
            Ok(claim)
        })
    }

    /// Extends a lease from now on, because work on the item made progress.
    ///
    /// # Errors
    /// [`Stale`](crate::ErrorKind::Stale) if the item was claimed by another process since: stop
    /// working on it.
    pub fn renew(&mut self, now: Timestamp, lease: Lease, duration: Duration) -> Result<()> {
        let now = self.now(now)?;
        self.write(
            lease,
            "UPDATE item SET lease_until = $3 WHERE id = $1 AND epoch = $2 AND owner IS NOT NULL",
            values![later(now, duration)],
        )
    }

    /// Gives an item back, e.g. when the program stops. It can be claimed at once.
    ///
    /// # Errors
    /// [`Stale`](crate::ErrorKind::Stale), or the database failed.
    pub fn release(&mut self, lease: Lease) -> Result<()> {
        self.write(
            lease,
            "UPDATE item SET owner = NULL, lease_until = NULL WHERE id = $1 AND epoch = $2",
            &[],
        )?;
        self.db.notify()
    }

    /// The owners of leases that have not expired.
    ///
    /// # Errors
    /// The database failed.
    pub fn owners(&mut self, now: Timestamp) -> Result<Vec<String>> {
        let now = self.now(now)?;
        let rows = self.db.query(
            "SELECT DISTINCT owner FROM item WHERE owner IS NOT NULL AND lease_until > $1",
            values![now],
        )?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// Ends the leases of an owner that is certainly not running any more, so that nobody has to
    /// wait until they expire. Its items are claimed under a new epoch, so a caller that is wrong
    /// about the owner does not break the fence. Returns the number of items.
    ///
    /// # Errors
    /// The database failed.
    pub fn release_owner(&mut self, owner: &str) -> Result<u64> {
        self.db.execute(
            "UPDATE item SET owner = NULL, lease_until = NULL, epoch = epoch + 1 WHERE owner = $1",
            values![owner],
        )
    }

    /// Runs an update of an item whose first parameters are the lease, and fails if it is stale.
    pub(crate) fn write(&mut self, lease: Lease, sql: &str, more: &[Value]) -> Result<()> {
        write(&mut self.db, lease, sql, more)
    }
}

pub(crate) fn write(db: &mut Db, lease: Lease, sql: &str, more: &[Value]) -> Result<()> {
    let mut parameters = vec![lease.item.into(), lease.epoch.into()];
    parameters.extend_from_slice(more);
    if db.execute(sql, &parameters)? > 0 {
        return Ok(());
    }
    // Says whether the item is gone, or was claimed.
    Ledger::fence(db, lease)?;
    // The epoch is the same: the lease was given back.
    Err(stale(lease, lease.epoch).during("the lease has ended"))
}

/// The concurrent tasks of an account: items on the platform, and items that are claimed.
pub(crate) fn running(db: &mut Db, now: i64, account: AccountId) -> Result<u32> {
    let states: Vec<String> = State::ALL
        .iter()
        .filter(|state| state.is_admitted())
        .map(|state| format!("'{state}'"))
        .collect();
    let states = states.join(", ");
    let sql = format!(
        "SELECT (SELECT count(*) FROM item WHERE account_id = $1 AND state IN ({states}))
            + (SELECT count(*) FROM item WHERE account_id = $1 AND owner IS NOT NULL
                AND lease_until > $2 AND state NOT IN ({states}))"
    );
    let row = db.first(&sql, values![account, now])?;
    let count = row.map_or(Ok(0), |row| row.int(0))?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Ends the holds that are over, so that the items are among the idle ones.
fn end_holds(db: &mut Db, now: i64, account: AccountId) -> Result<()> {
    db.execute(
        "UPDATE item SET hold_reason = NULL
         WHERE account_id = $1 AND hold_reason IS NOT NULL AND run_at <= $2",
        values![account, now],
    )?;
    Ok(())
}

/// The first items of a state that are due: those that are idle, and those whose lease has
/// expired. Two queries, because each has an index in which items that are held or claimed are not
/// even passed over.
fn due(
    db: &mut Db,
    now: i64,
    options: &ClaimOptions,
    state: State,
    limit: u64,
) -> Result<Vec<Item>> {
    let columns = Item::COLUMNS;
    let lock = db.skip_locked();
    let mut parameters = values![options.account, state, now, limit].to_vec();
    let index = options.filter(&mut parameters);
    let mut items = Vec::new();
    for condition in [
        "owner IS NULL AND hold_reason IS NULL AND run_at <= $3",
        "owner IS NOT NULL AND lease_until <= $3",
    ] {
        let sql = format!(
            "SELECT {columns} FROM item
             WHERE account_id = $1 AND state = $2 AND {condition}{index}
             ORDER BY priority DESC, id LIMIT $4{lock}"
        );
        for row in db.query(&sql, &parameters)? {
            items.push(Item::read(&row)?);
        }
    }
    items.sort_by_key(|item| (std::cmp::Reverse(item.priority), item.id));
    items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(items)
}

/// When an item of these states is due that is held, or claimed by another process, now. A process
/// knows what it works on: its own leases must not delay its end.
fn next_due(db: &mut Db, now: i64, options: &ClaimOptions) -> Result<Option<Timestamp>> {
    let mut next = Vec::new();
    for state in &options.states {
        let mut parameters = values![options.account, *state, now].to_vec();
        let index = options.filter(&mut parameters);
        let mut of_others = parameters.clone();
        of_others.extend_from_slice(values![&options.owner]);
        let is_of_others = format!("owner IS NOT NULL AND owner <> ${}", of_others.len());
        // The order of their indexes, so that few rows are read.
        for (time, condition, parameters) in [
            ("run_at", "hold_reason IS NOT NULL", &parameters),
            ("lease_until", &is_of_others, &of_others),
        ] {
            let sql = format!(
                "SELECT {time} FROM item
                 WHERE account_id = $1 AND state = $2 AND {condition}
                    AND {time} > $3{index}
                 ORDER BY {time} LIMIT 1"
            );
            let row = db.first(&sql, parameters)?;
            next.extend(row.map(|row| row.int(0)).transpose()?);
        }
    }
    next.into_iter().min().map(time).transpose()
}

/// The condition that the run in this parameter has seen a source of an item.
pub(crate) fn seen_by(parameter: usize) -> String {
    format!(
        "EXISTS (SELECT 1 FROM item_source JOIN source ON source.uri = item_source.uri
            WHERE item_source.item_id = item.id AND seen_run = ${parameter})"
    )
}

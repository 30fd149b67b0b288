//! Accounts, their shared rate limiter, and runs.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use tl_protocol::limiter::{Level, Limiter, Limits};

use crate::claim::running;
use crate::db::{Db, values};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{AccountId, RunId};
use crate::item::time;
use crate::ledger::{Ledger, not_found};

/// Identifies an API key without revealing it: the first 8 hexadecimal digits of its SHA-256.
///
/// ```
/// use tl_ledger::KeyTag;
///
/// assert_eq!(KeyTag::of("tlk_EXAMPLE").to_string().len(), 8);
/// assert_ne!(KeyTag::of("tlk_EXAMPLE"), KeyTag::of("tlk_OTHER"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyTag(String);

impl KeyTag {
    /// The tag of a key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        let hash = Sha256::digest(key.as_bytes());
        Self(
            hash.iter()
                .take(4)
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }
}

impl fmt::Display for KeyTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An account: what its requests are limited by.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NewAccount {
    /// The base URL of the API.
    pub base_url: String,
    /// The key.
    pub key_tag: KeyTag,
    /// The name of the plan, for display.
    pub plan: String,
    /// The limits of the plan.
    pub limits: Limits,
    /// Whether the plan is not known, so that `limits` holds only until response headers say more.
    pub learns_limits: bool,
    /// The share of the limits that is left to other users of the key, from 0 to 0.9.
    pub reserve: f64,
}

impl NewAccount {
    /// An account with these limits, and nothing left to others.
    pub fn new(
        base_url: impl Into<String>,
        key_tag: KeyTag,
        plan: impl Into<String>,
        limits: Limits,
    ) -> Self {
        Self {
            base_url: base_url.into(),
            key_tag,
            plan: plan.into(),
            limits,
            learns_limits: false,
            reserve: 0.0,
        }
    }

    /// Learns the limits from response headers, starting with those given: see
    /// [`Limiter::learn_limits`]. What earlier runs of the account learned is kept.
    #[must_use]
    pub fn with_learned_limits(mut self) -> Self {
        self.learns_limits = true;
        self
    }

    /// Leaves a share of the limits, from 0 to 0.9, to other users of the key.
    #[must_use]
    pub fn with_reserve(mut self, share: f64) -> Self {
        self.reserve = share;
        self
    }
}

/// An account of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// The base URL of the API.
    pub base_url: String,
    /// The tag of the key.
    pub key_tag: String,
    /// The name of the plan.
    pub plan: String,
}

/// A run of a program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct NewRun {
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The command line. It must not contain the API key.
    pub arguments: String,
    /// The version of the program.
    pub version: String,
}

impl NewRun {
    /// A run of the process `pid` on the machine `host`.
    pub fn new(host: impl Into<String>, pid: u32) -> Self {
        Self {
            host: host.into(),
            pid,
            ..Self::default()
        }
    }

    /// Sets the command line, without the API key.
    #[must_use]
    pub fn with_arguments(mut self, arguments: impl Into<String>) -> Self {
        self.arguments = arguments.into();
        self
    }

    /// Sets the version of the program.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }
}

/// A run as it is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// When it started.
    pub started: Timestamp,
    /// When it ended, or `None` if it is running or was killed.
    pub ended: Option<Timestamp>,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: i64,
    /// The command line.
    pub arguments: String,
    /// The version of the program.
    pub version: String,
    /// The totals that the program reported.
    pub totals: Option<Json>,
}

impl Ledger {
    /// Adds an account, or updates the plan of the account with this base URL and key. What was
    /// used of the limits stays counted.
    ///
    /// # Errors
    /// The database failed.
    pub fn account(&mut self, now: Timestamp, account: &NewAccount) -> Result<AccountId> {
        let now = self.now(now)?;
        self.db.transaction(|db| {
            db.execute(
                "INSERT INTO account (base_url, key_tag, plan) VALUES ($1, $2, $3)
                 ON CONFLICT (base_url, key_tag) DO UPDATE SET plan = excluded.plan",
                values![&account.base_url, &account.key_tag.0, &account.plan],
            )?;
            let row = db.first(
                "SELECT id FROM account WHERE base_url = $1 AND key_tag = $2",
                values![&account.base_url, &account.key_tag.0],
            )?;
            let row = row.ok_or_else(|| not_found("account", &account.key_tag))?;
            let id = AccountId::new(row.int(0)?);
            lock_account(db, id)?;
            let mut limiter = match stored_limiter(db, id)? {
                Some(limiter) => limiter,
                None => Limiter::new(account.limits),
            };
            match account.learns_limits {
                true => limiter.learn_limits(account.limits),
                false => limiter.set_limits(account.limits),
            }
            limiter.set_reserve(account.reserve);
            store_limiter(db, id, now, &limiter)?;
            db.notify()?;
            Ok(id)
        })
    }

    /// All accounts.
    ///
    /// # Errors
    /// The database failed.
    pub fn accounts(&mut self) -> Result<Vec<Account>> {
        let sql = "SELECT id, base_url, key_tag, plan FROM account ORDER BY id";
        let rows = self.db.query(sql, &[])?;
        let read = rows.iter().map(|row| {
            Ok(Account {
                id: AccountId::new(row.int(0)?),
                base_url: row.text(1)?,
                key_tag: row.text(2)?,
                plan: row.text(3)?,
            })
        });
        read.collect()
    }

    /// Changes the limiter that all processes share: after a 429, and with the rate limit headers
    /// of a response. `change` runs again, on the stored state, if the connection to the server was
    /// lost.
    ///
    /// ```
    /// # use tl_ledger::{KeyTag, Ledger, NewAccount};
    /// # use tl_protocol::limiter::{Category, Limits, ReportedLimit};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let mut ledger = Ledger::open(folder.path().join("ledger.sqlite3"))?;
    /// # let now = jiff::Timestamp::now();
    /// # let limits = Limits::named("developer-1").unwrap();
    /// # let new = NewAccount::new("https://api.twelvelabs.io", KeyTag::of("k"), "developer-1", limits);
    /// let account = ledger.account(now, &new)?;
    /// // A response was 429 with `Retry-After: 30`.
    /// let wait = Some(std::time::Duration::from_secs(30));
    /// let until = ledger.limiter(now, account, |now, limiter| {
    ///     limiter.block(now, Category::Upload, wait, &ReportedLimit::default())
    /// })?;
    /// # assert!(until > now);
    /// # Ok::<(), tl_ledger::Error>(())
    /// ```
    ///
    /// # Errors
    /// The account does not exist, or the database failed.
    pub fn limiter<T>(
        &mut self,
        now: Timestamp,
        account: AccountId,
        mut change: impl FnMut(Timestamp, &mut Limiter) -> T,
    ) -> Result<T> {
        let now = self.now(now)?;
        let at = time(now)?;
        self.db.transaction(|db| {
            let mut limiter = locked_limiter(db, account)?;
            let result = change(at, &mut limiter);
            store_limiter(db, account, now, &limiter)?;
            Ok(result)
        })
    }

    /// The state of every limit of an account, for display. Nothing is written.
    ///
    /// # Errors
    /// The account does not exist, or the database failed.
    pub fn levels(&mut self, now: Timestamp, account: AccountId) -> Result<Vec<Level>> {
        let now = self.now(now)?;
        let limiter = stored_limiter(&mut self.db, account)?;
        let mut limiter = limiter.ok_or_else(|| not_found("the limiter of account", account))?;
        limiter.set_running(running(&mut self.db, now, account)?);
        Ok(limiter.levels(time(now)?))
    }

    /// Remembers the names of indexes, each with its id, for programs that must not ask the platform.
    ///
    /// # Errors
    /// The account does not exist, or the database failed.
    pub fn set_index_names<'a>(
        &mut self,
        account: AccountId,
        names: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<()> {
        for (name, id) in names {
            self.db.execute(
                "INSERT INTO index_name (account_id, name, index_id) VALUES ($1, $2, $3)
                 ON CONFLICT (account_id, name) DO UPDATE SET index_id = excluded.index_id
                 WHERE index_name.index_id <> excluded.index_id",
                values![account, name, id],
            )?;
        }
        Ok(())
    }

    /// The id of the index that had a name when it was remembered last.
    ///
    /// # Errors
    /// The database failed.
    pub fn index_id(&mut self, account: AccountId, name: &str) -> Result<Option<String>> {
        let row = self.db.first(
            "SELECT index_id FROM index_name WHERE account_id = $1 AND name = $2",
            values![account, name],
        )?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Records the start of a run.
    ///
    /// # Errors
    /// The database failed.
    pub fn begin_run(&mut self, now: Timestamp, run: &NewRun) -> Result<RunId> {
        let now = self.now(now)?;
        let row = self.db.first(
            "INSERT INTO run (started, host, pid, arguments, version)
             VALUES ($1, $2, $3, $4, $5) RETURNING id",
            values![now, &run.host, run.pid, &run.arguments, &run.version],
        )?;
        let row = row.ok_or_else(|| Error::corrupt("a run has no number"))?;
        Ok(RunId::new(row.int(0)?))
    }

    /// Records the end of a run with its totals.
    ///
    /// # Errors
    /// The run does not exist, or the database failed.
    pub fn end_run(&mut self, now: Timestamp, run: RunId, totals: &Json) -> Result<()> {
        let now = self.now(now)?;
        let changed = self.db.execute(
            "UPDATE run SET ended = $2, totals = $3 WHERE id = $1",
            values![run, now, totals.to_string()],
        )?;
        if changed == 0 {
            return Err(not_found("run", run));
        }
        Ok(())
    }

    /// The last runs, newest first.
    ///
    /// # Errors
    /// The database failed.
    pub fn runs(&mut self, limit: u32) -> Result<Vec<Run>> {
        let rows = self.db.query(
            "SELECT id, started, ended, host, pid, arguments, version, totals FROM run
             ORDER BY id DESC LIMIT $1",
            values![limit],
        )?;
        let read = rows.iter().map(|row| {
            Ok(Run {
                id: RunId::new(row.int(0)?),
                started: time(row.int(1)?)?,
                ended: row.opt_int(2)?.map(time).transpose()?,
                host: row.text(3)?,
                pid: row.int(4)?,
                arguments: row.text(5)?,
                version: row.text(6)?,
                totals: json(row.opt_text(7)?)?,
            })
        });
        read.collect()
    }
}

pub(crate) fn json(text: Option<String>) -> Result<Option<Json>> {
    let value = text.map(|text| serde_json::from_str(&text)).transpose();
    value.map_err(|error| Error::corrupt("a value is not JSON").with_source(error))
}

/// Keeps other processes from using the limiter of the account until the end of the transaction.
fn lock_account(db: &mut Db, account: AccountId) -> Result<()> {
    let lock = db.for_update();
    let sql = format!("SELECT id FROM account WHERE id = $1{lock}");
    let row = db.first(&sql, values![account])?;
    row.map(drop).ok_or_else(|| not_found("account", account))
}

pub(crate) fn stored_limiter(db: &mut Db, account: AccountId) -> Result<Option<Limiter>> {
    let sql = "SELECT state FROM limiter WHERE account_id = $1";
    let Some(row) = db.first(sql, values![account])? else {
        return Ok(None);
    };
    let limiter = serde_json::from_str(&row.text(0)?);
    limiter.map_err(|error| {
        Error::corrupt("the state of the rate limiter cannot be read").with_source(error)
    })
}

/// The limiter, which no other process uses until the end of the transaction.
pub(crate) fn locked_limiter(db: &mut Db, account: AccountId) -> Result<Limiter> {
    lock_account(db, account)?;
    stored_limiter(db, account)?.ok_or_else(|| not_found("the limiter of account", account))
}

pub(crate) fn store_limiter(
    db: &mut Db,
    account: AccountId,
    now: i64,
    limiter: &Limiter,
) -> Result<()> {
    let state = serde_json::to_string(limiter).map_err(|error| {
        Error::new(ErrorKind::Other, "the rate limiter cannot be stored").with_source(error)
    })?;
    db.execute(
        "INSERT INTO limiter (account_id, state, updated) VALUES ($1, $2, $3)
         ON CONFLICT (account_id) DO UPDATE SET state = excluded.state, updated = excluded.updated",
        values![account, state, now],
    )?;
    Ok(())
}

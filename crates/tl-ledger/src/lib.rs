//! The record of a bulk ingestion: what happened to every item, in SQLite or PostgreSQL.
//!
//! The ledger is the source of truth and the queue. A run that was interrupted, on this machine or
//! another, continues from it, and nothing is sent or paid for twice. The crate sends no requests.
//!
//! ```
//! use std::time::Duration;
//! use jiff::Timestamp;
//! use tl_ledger::{
//!     ClaimOptions, FileStat, Fingerprint, KeyTag, Ledger, NewAccount, NewContent, NewItem, NewRun,
//!     Operation, Outcome, State, Update,
//! };
//! use tl_protocol::limiter::{Cost, Limits};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("ledger.sqlite3");
//! let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
//! let mut ledger = Ledger::open(&path)?;
//! let limits = Limits::named("developer-1").unwrap();
//! let key = KeyTag::of("tlk_EXAMPLE");
//! let account = NewAccount::new("https://api.twelvelabs.io/v1.3", key, "developer-1", limits);
//! let account = ledger.account(now, &account)?;
//! let run = ledger.begin_run(now, &NewRun::new("host", 1))?;
//!
//! // Add a file. The same file is not added again.
//! let stat = FileStat::of_size(7).with_times(1, 1);
//! let content = NewContent::Read(Fingerprint::new(7, [1; 32]));
//! let new = NewItem::new("file:///clip.mp4", stat, content, "index-1");
//! let new = new.with_video(Duration::from_secs(5));
//! assert!(ledger.add(now, run, account, &[new.clone()])?[0].is_new);
//! assert!(!ledger.add(now, run, account, &[new])?[0].is_new);
//!
//! // Claim it: its cost is reserved, and it is leased for 30 seconds.
//! let cost = |item: &tl_ledger::Item| {
//!     Cost::upload().and(Cost::index(item.video.unwrap_or_default()))
//! };
//! let claim = ledger.claim(now, &ClaimOptions::new(account, "worker-1"), cost)?;
//! let lease = claim.items[0].lease;
//!
//! // Store the intent, send the request, store the outcome.
//! let intent = Update::to(State::Sending).nonce("n-1");
//! let attempt = ledger.intent(now, lease, run, Operation::CreateAsset, &intent)?;
//! let outcome = Outcome::created("asset-1").with_http(201);
//! let update = Update::to(State::Processing).asset_id("asset-1").and_release();
//! ledger.outcome(now, lease, attempt, &outcome, &update)?;
//!
//! assert_eq!(ledger.counts(now, account)?.of(State::Processing), 1);
//! # Ok::<(), tl_ledger::Error>(())
//! ```
//!
//! # What keeps an item from being sent twice
//!
//! - **Idempotency key**: account, index, content and options. Adding an item again returns the
//!   one that exists, whatever its state is.
//! - **Content**: a file that is unchanged is not read again ([`Ledger::known`]). A path with the
//!   same size and samples keeps its content. Two paths are merged only if the hashes of all their
//!   bytes are equal ([`Ledger::set_hash`]).
//! - **Lease and epoch**: each claim increments the epoch of an item. Every later write names the
//!   epoch, and fails with [`ErrorKind::Stale`] if the item was claimed since. An item whose lease
//!   has expired is claimed again.
//! - **Intent and outcome**: the intent of a request is on the disk before the request is sent. An
//!   intent without an outcome is [in doubt](Ledger::in_doubt), and is looked up on the platform.
//! - **Limits**: [`Ledger::claim`] reserves requests and minutes for upload and index together,
//!   from one [`Limiter`](tl_protocol::limiter::Limiter) that all processes share.
//!
//! # One type, two databases
//!
//! [`Ledger`] is a concrete type and not a trait. Both databases run the same statements (they
//! differ in the names of types and in `FOR UPDATE SKIP LOCKED`), so there is one implementation
//! of each operation and one test suite, and callers need neither type parameters nor `dyn`. A
//! caller that wants another store in its tests opens a file in a temporary folder.
//!
//! | | SQLite | PostgreSQL (feature `postgres`) |
//! |---|---|---|
//! | for | the processes of one machine | workers on several machines |
//! | opened by | [`Ledger::open`] | `Ledger::connect` |
//! | a claim | `BEGIN IMMEDIATE` | row locks, `FOR UPDATE SKIP LOCKED` |
//! | a commit | [`Ledger::intent`] and [`Ledger::batch`] wait for the disk (`synchronous = FULL`). Everything else survives the end of the process; after a power failure its loss leaves an intent without an outcome, which is looked up | as the server is configured |
//! | the clock | the argument `now` | the server's `clock_timestamp()` instead of `now`, because the clocks of workers differ; see `OpenOptions::caller_clock` |
//!
//! With SQLite, times are compared with those of earlier calls: while a clock that was an hour fast
//! is set back, an item that a killed process had claimed is due an hour later, and never early.
//! New items are due whatever the clock says, and the rate limiter follows the clock back.
//!
//! The calls block. Use one ledger per thread, or a thread that owns it; [`Ledger::batch`] writes
//! several changes with one commit. The API key is never stored: a [`KeyTag`] identifies it.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod account;
mod add;
mod attempt;
mod claim;
mod db;
mod error;
mod ids;
mod item;
mod ledger;
mod maintenance;
mod probe;
mod progress;
mod query;
mod schema;
mod share;
mod transfer;
mod watch;
mod write;

pub use account::{Account, KeyTag, NewAccount, NewRun, Run};
pub use add::{Added, FileStat, Fingerprint, Hashed, NewContent, NewItem};
pub use attempt::{Attempt, Creation, Operation, Outcome};
pub use claim::{Claim, ClaimOptions, Claimed, Wait};
pub use error::{Error, ErrorKind, Result};
pub use ids::{AccountId, AttemptId, ContentId, ItemId, RunId};
pub use item::{Item, ItemError, Lease, State};
pub use ledger::{Ledger, OpenOptions};
pub use maintenance::{Problem, Pruned, Retry};
pub use probe::ProbeEntry;
pub use progress::Chunk;
pub use query::{Counts, Selection, StateCount};
pub use schema::LAYOUT;
pub use share::Upload;
pub use transfer::{Imported, Record, RecordAccount, RecordContent, RecordSource};
pub use write::Update;

/// Compiles the examples of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

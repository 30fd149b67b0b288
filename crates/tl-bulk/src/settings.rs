//! The settings of a run.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tl_client::Checked;
use tl_ledger::{ItemError, NewAccount, NewRun};
use tl_model::{Index, UserMetadata};
use tl_protocol::flow::WatchSettings;
use tl_protocol::flow::upload::UploadSettings;
use tl_validate::Route;

use crate::scheduler::Limits;

/// Checks a local file. It runs on a thread for blocking work.
pub type CheckFile = Arc<dyn Fn(&Path) -> Result<Checked, ItemError> + Send + Sync>;

/// How much an index may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capacity {
    /// Number of videos.
    pub videos: u64,
    /// Their duration.
    pub video: Duration,
}

impl Capacity {
    /// The capacity of an index in this plan, or `None` if it is unknown.
    ///
    /// Source: the platform's pages on plans (2026): 100 videos and 10 hours in the free plan,
    /// 100,000 videos and 10,000 hours in the others.
    #[must_use]
    pub fn of_plan(name: &str) -> Option<Self> {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        match name {
            "free" => Some(Self {
                videos: 100,
                video: hours(10),
            }),
            "developer-1" | "developer-2" | "developer-3" => Some(Self {
                videos: 100_000,
                video: hours(10_000),
            }),
            _ => None,
        }
    }
}

/// Which items of earlier runs are tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Again {
    /// Items that failed on the platform.
    pub failed: bool,
    /// Items that the local check refused. They are checked again; without this, they are only if
    /// the rules have changed.
    pub refused: bool,
    /// Items that have not ended start over: what exists of them on the platform is not looked up.
    pub unfinished: bool,
    /// All items, also those that are done: everything is sent and paid for again.
    pub all: bool,
}

impl Again {
    /// Tries items again that failed.
    #[must_use]
    pub fn failed(mut self) -> Self {
        self.failed = true;
        self
    }

    /// Tries items again that the local check refused.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.refused = true;
        self
    }

    /// Starts items over that have not ended, instead of resuming them.
    #[must_use]
    pub fn unfinished(mut self) -> Self {
        self.unfinished = true;
        self
    }

    /// Sends and pays for everything again.
    #[must_use]
    pub fn all(mut self) -> Self {
        self.all = true;
        self
    }
}

/// The settings of a run.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The account and its limits. Set its concurrent tasks to what may be in flight.
    pub account: NewAccount,
    /// The program, for the record.
    pub program: NewRun,
    /// What the run may do.
    pub limits: Limits,
    /// Checks files. `None` sends them unchecked.
    pub check: Option<CheckFile>,
    /// The name and version of the rules of `check`.
    pub rules: String,
    /// The route of all items. By default, the size decides.
    pub route: Option<Route>,
    /// The index of entries that name none. `None` uploads assets without indexing them.
    pub index: Option<Index>,
    /// Names of other indexes, each with its id. The ledger remembers them, and that of `index`, for
    /// estimates ([`Known`](crate::Known)).
    pub index_names: Vec<(String, String)>,
    /// How much an index may contain. `None` asks for nothing.
    pub capacity: Option<Capacity>,
    /// User metadata of all items. That of an entry takes precedence.
    pub metadata: Option<UserMetadata>,
    /// Whether the platform keeps the videos for streaming.
    pub video_stream: Option<bool>,
    /// How files are uploaded in chunks.
    pub chunks: UploadSettings,
    /// How items on the platform are watched.
    pub watch: WatchSettings,
    /// How long an item is waited for on the platform, from its upload until it is ready. Default 3
    /// hours.
    pub deadline: Duration,
    /// Which items of earlier runs are tried again.
    pub again: Again,
    /// Whether items that are skipped have results too. Each is read from the ledger. Default no.
    pub report_skipped: bool,
    /// Whether items of the run that have not ended with it have results too. Their rows are read
    /// from the ledger at the end. Default no.
    pub report_unfinished: bool,
    /// Identifies the only item of a run on the platform, for a ledger that does not outlive the
    /// run: the item is looked up before it is sent, and again before it is indexed. Empty: its
    /// content and index identify it.
    pub idempotency_key: Option<String>,
    /// How long a claimed item is leased. Default 30 s.
    pub lease: Duration,
    /// The longest time in which a list shows a new asset. An upload whose response was lost, and
    /// whose asset is not listed, is not repeated earlier, unless the list shows assets of later
    /// requests and so does not lag. Default 45 s.
    pub listed_after: Duration,
    /// How often an item is claimed before a temporary error becomes permanent. Default 20.
    pub max_claims: u64,
    /// How long a run that was stopped waits for requests in flight. Default 8 s.
    pub grace: Duration,
    /// The key in the user metadata of assets whose value identifies an upload whose response was
    /// lost. The metadata of indexed videos is not affected. Default `tl_upload`.
    pub mark: String,
}

impl Settings {
    /// The default settings for an account.
    #[must_use]
    pub fn new(account: NewAccount, program: NewRun) -> Self {
        Self {
            account,
            program,
            limits: Limits::default(),
            check: None,
            rules: String::new(),
            route: None,
            index: None,
            index_names: Vec::new(),
            capacity: None,
            metadata: None,
            video_stream: None,
            chunks: UploadSettings::default(),
            watch: WatchSettings::default(),
            deadline: Duration::from_secs(3 * 3600),
            again: Again::default(),
            report_skipped: false,
            report_unfinished: false,
            idempotency_key: None,
            lease: Duration::from_secs(30),
            listed_after: Duration::from_secs(45),
            max_claims: 20,
            grace: Duration::from_secs(8),
            mark: "tl_upload".to_owned(),
        }
    }

    /// The names of all indexes that are known, with their ids.
    pub(crate) fn names_of_indexes(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_run = self.index.iter();
        let of_run =
            of_run.filter_map(|index| Some((index.index_name.as_deref()?, index.id.as_str())));
        let others = self.index_names.iter();
        of_run.chain(others.map(|(name, id)| (name.as_str(), id.as_str())))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("account", &self.account)
            .field("limits", &self.limits)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

//! Runs a bulk ingestion: claims items from the ledger as the [scheduler](crate::scheduler) decides,
//! works on them, and watches those on the platform.
//!
//! One task owns the scheduler and the watch; each upload, check and index request is a task. An
//! item that waits on the platform is a row and an id, and no task.

mod answer;
mod capacity;
mod changes;
mod check;
mod claim;
mod deadlines;
mod end;
mod index;
mod intake;
mod lane;
mod leases;
mod list_delay;
mod look;
mod main_loop;
mod owner;
mod received;
mod settle;
mod share;
mod stage_times;
mod upload;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use tl_client::{CancelHandle, Client, Ingested};
use tl_ledger::{AccountId, AttemptId, Item, RunId, State};
use tl_protocol::limiter::{Category, ReportedLimit};
use tl_protocol::{ClientSettings, FinishedExchange, Observer};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

pub use self::intake::Found;
pub use self::lane::error_kind;
use self::main_loop::MainLoop;
use self::owner::Owner;
use crate::error::Result;
use crate::event::{Event, ItemFailure, Record};
use crate::settings::Settings;
use crate::store::Store;
use crate::totals::{Ending, RunSummary};

type Api = tl_protocol::Client<tl_client::http_async::AsyncHttp>;
type OnEvent = Arc<dyn Fn(&Record) + Send + Sync>;
type OnItem = Arc<dyn Fn(&ItemResult) + Send + Sync>;
type OnExchange = Arc<dyn Fn(&FinishedExchange) + Send + Sync>;

/// The result of one item of a run.
#[derive(Debug)]
#[non_exhaustive]
pub struct ItemResult {
    /// The row of the item when it was claimed last.
    pub item: Item,
    /// What is known of it: ids, times, the report of the check.
    pub ingested: Ingested,
    /// Whether it is indexed, or uploaded if it has no index. `false` with no error: it was
    /// accepted, and the run does not wait.
    pub is_ready: bool,
    /// Another item has the same bytes.
    pub is_duplicate: bool,
    /// Its state before this run, which did nothing about it.
    pub skipped: Option<State>,
    /// Why the run ended before the item did. Another run continues it. Only with
    /// [`Settings::report_unfinished`].
    pub unfinished: Option<Ending>,
    /// Why it was refused or failed. If the row is in no final state, why the run ended because of
    /// it.
    pub error: Option<ItemFailure>,
    /// The report of the local check, if that refused it.
    pub report: Option<tl_validate::Report>,
}

/// A bulk ingestion.
///
/// ```no_run
/// use tl_bulk::source::Entry;
/// use tl_bulk::{Bulk, Settings, Store};
/// use tl_client::{CancelHandle, Client};
/// use tl_ledger::{KeyTag, Ledger, NewAccount, NewRun};
/// use tl_protocol::limiter::Limits;
///
/// # async fn example(client: Client, index: tl_model::Index) -> Result<(), Box<dyn std::error::Error>> {
/// let limits = Limits::named("developer-1").unwrap();
/// let key = KeyTag::of("tlk_…");
/// let account = NewAccount::new("https://api.twelvelabs.io/v1.3", key, "developer-1", limits);
/// let mut settings = Settings::new(account, NewRun::new("host", std::process::id()));
/// settings.index = Some(index);
/// let store = Store::new(Ledger::open("ledger.sqlite3")?);
/// let bulk = Bulk::new(&client, store, settings).on_event(|record| println!("{record:?}"));
///
/// let entries = ["a.mp4", "b.mp4"].map(|path| Ok(Entry::file(path)));
/// let summary = bulk.ingest(entries, &CancelHandle::new()).await?;
/// println!("{} are ready", summary.totals.ready);
/// # Ok(()) }
/// ```
#[must_use = "nothing happens until `ingest` or `work`"]
pub struct Bulk {
    client: Client,
    store: Store,
    settings: Settings,
    on_event: OnEvent,
    on_item: OnItem,
    on_exchange: OnExchange,
}

impl fmt::Debug for Bulk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Bulk {
    /// A bulk ingestion with the connections of `client`, and the state in `store`.
    pub fn new(client: &Client, store: Store, settings: Settings) -> Self {
        Self {
            client: client.clone(),
            store,
            settings,
            on_event: Arc::new(|_| {}),
            on_exchange: Arc::new(|_| {}),
            on_item: Arc::new(|_| {}),
        }
    }

    /// Calls `listen` with each event. It is called often and should return quickly.
    pub fn on_event(mut self, listen: impl Fn(&Record) + Send + Sync + 'static) -> Self {
        self.on_event = Arc::new(listen);
        self
    }

    /// Calls `listen` for each HTTP exchange that has finished, for metrics.
    pub fn on_exchange(
        mut self,
        listen: impl Fn(&FinishedExchange) + Send + Sync + 'static,
    ) -> Self {
        self.on_exchange = Arc::new(listen);
        self
    }

    /// Calls `listen` with the result of each item that ends in this run.
    pub fn on_item(mut self, listen: impl Fn(&ItemResult) + Send + Sync + 'static) -> Self {
        self.on_item = Arc::new(listen);
        self
    }

    /// Ingests entries. Those that the ledger knows continue where they ended; those that are done
    /// are skipped. Items of other entries are left alone.
    ///
    /// `stop` ends the run: requests in flight have a few seconds, then the leases are given back.
    /// The iterator is read on its own thread.
    ///
    /// # Errors
    /// The ledger failed. What it recorded stays, and a later run continues. Failures of items are
    /// no errors.
    pub async fn ingest<I>(self, entries: I, stop: &CancelHandle) -> Result<RunSummary>
    where
        I: IntoIterator<Item = Found>,
        I::IntoIter: Send + 'static,
    {
        let entries = Box::new(entries.into_iter());
        self.run(Some(entries), stop).await
    }

    /// Works on all items of the account in the ledger, as one of several workers.
    ///
    /// # Errors
    /// Those of [`ingest`](Self::ingest).
    pub async fn work(self, stop: &CancelHandle) -> Result<RunSummary> {
        self.run(None, stop).await
    }

    async fn run(
        self,
        entries: Option<Box<dyn Iterator<Item = Found> + Send>>,
        stop: &CancelHandle,
    ) -> Result<RunSummary> {
        let settings = Arc::new(self.settings);
        let (account, run, owner) = {
            let shared = Arc::clone(&settings);
            let entered = self.store.call(move |ledger, now| {
                let account = ledger.account(now, &shared.account)?;
                let run = ledger.begin_run(now, &shared.program)?;
                ledger.set_index_names(account, shared.names_of_indexes())?;
                Ok((account, run))
            });
            let (account, run) = entered.await?;
            let name = format!("{}-{run}", host(&settings));
            // Locks are files: not inside a transaction.
            let owner = self.store.enter(move |ledger| Owner::enter(ledger, name));
            (account, run, owner.await?)
        };
        let (shared, exchanges) = Shared::new(
            &self.client,
            self.store,
            Arc::clone(&settings),
            (account, run),
            stop,
            self.on_event,
            self.on_exchange,
        );
        let main = MainLoop::new(
            Arc::new(shared),
            owner,
            exchanges,
            self.on_item,
            entries.is_some(),
        );
        main.run(entries).await
    }
}

/// The host in a form that is valid in a file name.
fn host(settings: &Settings) -> String {
    let host = settings.program.host.chars();
    host.map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .take(60)
        .collect()
}

/// What the tasks of a run share.
struct Shared {
    store: Store,
    settings: Arc<Settings>,
    account: AccountId,
    run: RunId,
    /// Sends requests that create something once: the ledger decides whether to repeat them.
    creates: Api,
    reads: Api,
    /// Ends the run.
    stop: CancelHandle,
    /// Cancels requests in flight when the time after a stop is over.
    abort: CancelHandle,
    sending: Semaphore,
    /// When this process first knew of a request whose outcome is unknown, and the shortest time
    /// after which its asset would be listed.
    doubted: StdMutex<HashMap<AttemptId, (Instant, Duration)>>,
    rooms: Mutex<capacity::Capacities>,
    salt: u64,
    on_event: OnEvent,
    requests: Arc<AtomicU64>,
    rate_limited: Arc<AtomicU64>,
}

/// What a response says about a limit.
#[derive(Debug, Clone, Copy)]
struct Report {
    category: Category,
    limit: ReportedLimit,
}

impl Shared {
    fn new(
        client: &Client,
        store: Store,
        settings: Arc<Settings>,
        (account, run): (AccountId, RunId),
        stop: &CancelHandle,
        on_event: OnEvent,
        on_exchange: OnExchange,
    ) -> (Self, UnboundedReceiver<Report>) {
        let (send, reports) = unbounded_channel();
        let requests = Arc::new(AtomicU64::new(0));
        let rate_limited = Arc::new(AtomicU64::new(0));
        let abort = CancelHandle::new();
        let api: Api = client.api().with_error();
        let api = api.cancel_by(&abort);
        let before = api.settings().clone();
        let observer = observer(
            &before.observer,
            send,
            on_exchange,
            &requests,
            &rate_limited,
        );
        let with = |attempts: Option<u32>, salt: u64| {
            let mut policy = before.policy.clone();
            if let Some(attempts) = attempts {
                policy.max_attempts = attempts;
            }
            let mut changed = ClientSettings::new(before.base.clone(), before.seed ^ salt);
            changed.policy = policy;
            changed.observer = observer.clone();
            api.with_settings(changed)
        };
        let shared = Self {
            creates: with(Some(1), 1),
            reads: with(None, 2),
            store,
            account,
            run,
            stop: stop.clone(),
            abort,
            sending: Semaphore::new(usize::try_from(settings.limits.jobs.max(1)).unwrap_or(1)),
            settings,
            doubted: StdMutex::default(),
            rooms: Mutex::default(),
            salt: RandomState::new().build_hasher().finish(),
            on_event,
            requests,
            rate_limited,
        };
        (shared, reports)
    }

    fn emit(&self, event: Event) {
        (self.on_event)(&Record::new(self.store.now(), event));
    }

    /// Emits events from another thread.
    fn listener(&self) -> impl Fn(Event) + Send + Sync + 'static {
        let (on_event, store) = (Arc::clone(&self.on_event), self.store.clone());
        move |event| on_event(&Record::new(store.now(), event))
    }
}

/// Counts the exchanges, and reports what their responses say about limits.
fn observer(
    base: &Observer,
    send: tokio::sync::mpsc::UnboundedSender<Report>,
    on_exchange: OnExchange,
    requests: &Arc<AtomicU64>,
    rate_limited: &Arc<AtomicU64>,
) -> Observer {
    use std::sync::atomic::Ordering::Relaxed;
    let (requests, rate_limited) = (Arc::clone(requests), Arc::clone(rate_limited));
    base.clone().with_exchanges(move |exchange| {
        on_exchange(exchange);
        requests.fetch_add(1, Relaxed);
        if exchange.result.is_ok_and(|status| status == 429) {
            rate_limited.fetch_add(1, Relaxed);
        }
        let category = match (exchange.method.as_str(), exchange.template) {
            ("POST", Some("/assets")) => Category::Upload,
            ("POST", Some("/tasks" | "/indexes/{index_id}/indexed-assets")) => Category::Index,
            _ => return,
        };
        if !exchange.rate_limit.is_empty() {
            let limit = exchange.rate_limit;
            // The run has ended.
            let _ = send.send(Report { category, limit });
        }
    })
}

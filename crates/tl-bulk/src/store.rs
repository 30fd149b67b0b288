//! The ledger as the driver uses it: calls from many tasks run on one thread, and those that arrive
//! together share one commit.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use jiff::Timestamp;
use tl_ledger::{Error, Ledger, Result};
use tokio::sync::oneshot;

/// Calls per commit.
const GROUP: usize = 256;

/// The wall clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A call of a task. It runs again if its transaction is undone because the connection to the ledger
/// was lost; its caller gets the result of the last time.
trait Job: Send {
    fn run(&mut self, ledger: &mut Ledger, now: Timestamp);

    /// Answers the caller, with the error of the commit if it failed.
    fn reply(self: Box<Self>, failed: Option<&Error>);
}

struct Call<T, F> {
    work: F,
    result: Option<Result<T>>,
    /// `None` if nobody waits for the result.
    caller: Option<oneshot::Sender<Result<T>>>,
}

impl<T, F> Job for Call<T, F>
where
    T: Send,
    F: FnMut(&mut Ledger, Timestamp) -> Result<T> + Send,
{
    fn run(&mut self, ledger: &mut Ledger, now: Timestamp) {
        let work = &mut self.work;
        self.result = Some(ledger.batch(|ledger| work(ledger, now)));
    }

    fn reply(self: Box<Self>, failed: Option<&Error>) {
        let Some(caller) = self.caller else { return };
        let result = match (self.result, failed) {
            (_, Some(error)) => Err(again(error)),
            (Some(result), None) => result,
            (None, None) => Err(gone()),
        };
        // The caller may be gone.
        let _ = caller.send(result);
    }
}

/// Called before (`false`) and after (`true`) each commit. If it returns `false`, the process is
/// taken to have ended there.
type OnCommit = Arc<dyn Fn(bool) -> bool + Send + Sync>;

/// A ledger that many tasks share. Clones are cheap.
///
/// A call runs on a thread for blocking work. It is atomic, and durable when it returns.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    ledger: Mutex<Ledger>,
    queue: Mutex<Queue>,
    clock: Clock,
    on_commit: Option<OnCommit>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Box<dyn Job>>,
    is_draining: bool,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Shares a ledger, with the time of the system.
    #[must_use]
    pub fn new(ledger: Ledger) -> Self {
        Self::with_clock(ledger, Arc::new(Timestamp::now))
    }

    /// Shares a ledger, with another clock, e.g. a virtual one.
    #[must_use]
    pub fn with_clock(ledger: Ledger, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            ledger: Mutex::new(ledger),
            queue: Mutex::default(),
            clock,
            on_commit: None,
        }))
    }

    /// Simulates the end of the process at a commit, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn on_commit(mut self, on_commit: OnCommit) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.on_commit = Some(on_commit);
        }
        self
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// Runs `work` on the ledger. Needs a tokio runtime.
    ///
    /// If the connection to a PostgreSQL server is lost before the commit, everything is undone, and
    /// `work` runs again when the server is back.
    ///
    /// # Errors
    /// The error of `work`, whose changes are undone then, or that of the commit.
    pub async fn call<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Ledger, Timestamp) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (send, receive) = oneshot::channel();
        self.push(Box::new(Call {
            work,
            result: None,
            caller: Some(send),
        }));
        receive.await.unwrap_or_else(|_| Err(gone()))
    }

    /// As [`call`](Self::call), and blocks until the result is on the disk. For callbacks that are no
    /// futures: it may be called on a thread of the runtime, which waits for one commit.
    pub(crate) fn call_in_order<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Ledger, Timestamp) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // The budget of the task would not be renewed while it waits here.
        wait(tokio::task::unconstrained(self.call(work)))
    }

    /// The file of the ledger, or `PostgreSQL`.
    #[must_use]
    pub fn name(&self) -> String {
        let ledger = lock(&self.0.ledger);
        let path = ledger.path().map(|path| path.display().to_string());
        path.unwrap_or_else(|| "PostgreSQL".to_owned())
    }

    /// Runs `work` on the ledger itself, outside of a transaction.
    pub(crate) async fn enter<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> T + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&mut lock(&inner.ledger)));
        done.await.map_err(|_| gone())
    }

    /// Runs `work` on the ledger after the calls before it, and does not wait. If it fails, nothing
    /// is reported: only for records whose loss costs no more than time. Needs a tokio runtime.
    pub fn send(&self, work: impl FnMut(&mut Ledger, Timestamp) -> Result<()> + Send + 'static) {
        self.push(Box::new(Call {
            work,
            result: None,
            caller: None,
        }));
    }

    /// Runs `work` on the ledger, and blocks until it has ended. Not on a thread of the runtime.
    ///
    /// # Errors
    /// Those of [`call`](Self::call).
    pub fn call_blocking<T>(
        &self,
        mut work: impl FnMut(&mut Ledger, Timestamp) -> Result<T>,
    ) -> Result<T> {
        let now = self.now();
        let mut ledger = lock(&self.0.ledger);
        let result = ledger.repeatable_batch(|ledger| match self.0.goes_on(false) {
            true => work(ledger, now),
            false => Err(gone()),
        })?;
        match self.0.goes_on(true) {
            true => Ok(result),
            false => Err(gone()),
        }
    }

    fn push(&self, job: Box<dyn Job>) {
        let mut queue = lock(&self.0.queue);
        queue.jobs.push_back(job);
        if !std::mem::replace(&mut queue.is_draining, true) {
            let inner = Arc::clone(&self.0);
            tokio::task::spawn_blocking(move || inner.drain());
        }
    }
}

impl Inner {
    fn goes_on(&self, is_after: bool) -> bool {
        self.on_commit.as_ref().is_none_or(|hook| hook(is_after))
    }

    fn drain(&self) {
        loop {
            let mut jobs: Vec<Box<dyn Job>> = {
                let mut queue = lock(&self.queue);
                let count = queue.jobs.len().min(GROUP);
                if count == 0 {
                    queue.is_draining = false;
                    return;
                }
                queue.jobs.drain(..count).collect()
            };
            let now = (self.clock)();
            let committed = lock(&self.ledger).repeatable_batch(|ledger| {
                if !self.goes_on(false) {
                    return Err(gone());
                }
                for job in &mut jobs {
                    job.run(ledger, now);
                }
                Ok(())
            });
            if committed.is_ok() && !self.goes_on(true) {
                return;
            }
            for job in jobs {
                job.reply(committed.as_ref().err());
            }
        }
    }
}

/// The error of a commit, for each of its callers.
fn again(error: &Error) -> Error {
    Error::with_kind(error.kind(), error.to_string())
}

fn gone() -> Error {
    Error::with_kind(
        tl_ledger::ErrorKind::Unavailable,
        "the ledger cannot be used: an earlier operation was aborted",
    )
}

/// Blocks until a future is complete that other threads complete.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tl_ledger::{ErrorKind, NewRun};

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path().join("l.sqlite3")).unwrap();
        (folder, Store::new(ledger))
    }

    #[tokio::test]
    async fn call_in_order_is_committed_after_those_before_it() {
        let (_folder, store) = store();
        let run =
            |n: u32| move |ledger: &mut Ledger, now| ledger.begin_run(now, &NewRun::new("h", n));
        // More than the budget of a task.
        for n in 0..500 {
            store.send(move |ledger, now| run(n)(ledger, now).map(drop));
            if n % 2 == 0 {
                let id = store.call_in_order(run(n)).unwrap();
                assert_eq!(id.get(), i64::from(n + n / 2 + 2));
            }
        }
    }

    #[tokio::test]
    async fn calls_that_fail_undo_only_themselves() {
        let (_folder, store) = store();
        let call = |n: u32| {
            let store = store.clone();
            tokio::spawn(async move {
                let work = move |ledger: &mut Ledger, now| {
                    ledger.begin_run(now, &NewRun::new("h", n))?;
                    match n % 2 {
                        0 => Ok(n),
                        _ => Err(Error::with_kind(ErrorKind::Invalid, "odd")),
                    }
                };
                store.call(work).await.is_ok()
            })
        };
        let calls: Vec<_> = (0..20).map(call).collect();
        let mut results = Vec::new();
        for call in calls {
            results.push(call.await.unwrap());
        }
        assert_eq!(results.iter().filter(|ok| **ok).count(), 10);
        let runs = store.call(|ledger, _| ledger.runs(100)).await.unwrap();
        assert_eq!(runs.len(), 10);
    }
}

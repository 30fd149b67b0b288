//! Cancellation of requests, flows and streams from any thread.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
};

use crate::{Delivery, Flow, Now, Step, Token, TransportError, TransportErrorKind};

/// Cancels what it was given to: a request, a flow such as a whole upload, or a stream. Clones
/// cancel the same.
///
/// ```
/// use tl_http::CancelHandle;
///
/// let cancel = CancelHandle::new();
/// let on_cancel = cancel.on_cancel(|| println!("canceled"));
/// cancel.clone().cancel();
/// assert!(cancel.is_canceled());
/// ```
#[derive(Clone, Default)]
pub struct CancelHandle(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    /// Keeps a child registered with its parent.
    parent: Option<OnCancel>,
}

#[derive(Default)]
struct State {
    is_canceled: bool,
    next_id: u64,
    actions: Vec<(u64, Action)>,
}

type Action = Box<dyn FnOnce() + Send>;

impl CancelHandle {
    /// Creates a handle that is not canceled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a handle that is canceled when this one is, and can be canceled alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new_cyclic(|child: &Weak<Inner>| {
            let child = Weak::clone(child);
            // The parent may be canceled already. Then the child is not there yet.
            let is_canceled = self.is_canceled();
            let parent = self.on_cancel(move || {
                if let Some(child) = child.upgrade() {
                    Self(child).cancel();
                }
            });
            Inner {
                state: Mutex::new(State {
                    is_canceled,
                    ..State::default()
                }),
                parent: Some(parent),
            }
        }))
        .checked()
    }

    /// Repeats a cancel of the parent that came while the child was made.
    fn checked(self) -> Self {
        if self.0.parent.as_ref().is_some_and(OnCancel::is_canceled) {
            self.cancel();
        }
        self
    }

    /// Cancels. Later calls do nothing.
    pub fn cancel(&self) {
        let actions = {
            let mut state = self.0.state();
            state.is_canceled = true;
            std::mem::take(&mut state.actions)
        };
        for (_, action) in actions {
            action();
        }
    }

    /// Whether [`cancel`](CancelHandle::cancel) was called.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.0.state().is_canceled
    }

    /// Runs `action` once on cancel, on the canceling thread, or immediately if already canceled.
    /// It should wake whatever blocks, for example by shutting a socket down, and must not block.
    /// Dropping the result withdraws the action.
    pub fn on_cancel(&self, action: impl FnOnce() + Send + 'static) -> OnCancel {
        let mut state = self.0.state();
        let id = state.next_id;
        if state.is_canceled {
            drop(state);
            action();
        } else {
            state.next_id += 1;
            state.actions.push((id, Box::new(action)));
        }
        OnCancel {
            handle: Arc::downgrade(&self.0),
            id,
        }
    }

    /// Completes on cancel.
    pub fn canceled(&self) -> Canceled {
        Canceled {
            handle: self.clone(),
            registered: None,
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelHandle({})", self.is_canceled())
    }
}

/// An action of [`CancelHandle::on_cancel`]. Dropping it withdraws the action.
#[must_use = "dropping it withdraws the action"]
pub struct OnCancel {
    handle: Weak<Inner>,
    id: u64,
}

impl OnCancel {
    fn is_canceled(&self) -> bool {
        let handle = self.handle.upgrade();
        handle.is_some_and(|inner| inner.state().is_canceled)
    }
}

impl Drop for OnCancel {
    fn drop(&mut self) {
        let Some(inner) = self.handle.upgrade() else {
            return;
        };
        let withdrawn = {
            let mut state = inner.state();
            let at = state.actions.iter().position(|(id, _)| *id == self.id);
            at.map(|at| state.actions.swap_remove(at))
        };
        // An action may hold another handle, so it is dropped without the lock.
        drop(withdrawn);
    }
}

impl fmt::Debug for OnCancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnCancel").finish_non_exhaustive()
    }
}

/// The future of [`CancelHandle::canceled`].
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct Canceled {
    handle: CancelHandle,
    registered: Option<OnCancel>,
}

impl Future for Canceled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.handle.is_canceled() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let registered = self.handle.on_cancel(move || waker.wake());
        self.registered = Some(registered);
        // A cancel after the first look has woken the task.
        Poll::Pending
    }
}

/// The rest of a flow after a cancel, the same for every driver: nothing is sent, and the flow does
/// not wait. See [`Flow`].
#[derive(Debug)]
pub struct CanceledRun {
    now: Now,
    in_flight: Vec<Token>,
}

impl CanceledRun {
    /// A flow that is canceled at `now`, while these exchanges are in flight.
    #[must_use]
    pub fn new(now: Now, in_flight: impl IntoIterator<Item = Token>) -> Self {
        Self {
            now,
            in_flight: in_flight.into_iter().collect(),
        }
    }

    /// Runs `flow` to its end.
    ///
    /// # Panics
    /// If the flow does not end although each of its exchanges is canceled.
    pub fn finish<F: Flow>(self, mut flow: F) -> F::Output {
        let mut now = self.now;
        // The server may have the whole request of each of these.
        let unknown = |token| (token, Delivery::Unknown);
        let mut ended: Vec<_> = self.in_flight.into_iter().map(unknown).collect();
        flow.on_cancel();
        for _ in 0..MAX_STEPS {
            match flow.step(now) {
                Step::Done(output) => return output,
                Step::Start(token, _) => ended.push((token, Delivery::NotSent)),
                Step::Wait { until } if ended.is_empty() => {
                    now.mono = until.map_or(now.mono, |at| at.max(now.mono));
                }
                Step::Wait { .. } => {
                    for (token, delivery) in ended.drain(..) {
                        flow.on_outcome(now, token, Err(canceled(delivery)));
                    }
                }
            }
        }
        panic!("a flow does not end after a cancel: it breaks the contract of `Flow`")
    }
}

/// Steps that a canceled flow may take: more than a large upload has chunks in flight, with their
/// retries.
const MAX_STEPS: u32 = 100_000;

/// The error of an exchange that the caller canceled.
#[must_use]
pub fn canceled(delivery: Delivery) -> TransportError {
    TransportError::new(TransportErrorKind::Canceled, delivery)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        task::{Wake, Waker},
    };

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Count {
        fn get(&self) -> u32 {
            self.0.load(Ordering::SeqCst)
        }
    }

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn add(count: &Arc<Count>) -> impl FnOnce() + Send + 'static {
        let count = Arc::clone(count);
        move || count.wake()
    }

    #[test]
    fn each_action_runs_once() {
        let (cancel, count) = (CancelHandle::new(), Arc::<Count>::default());
        let _first = cancel.on_cancel(add(&count));
        assert_eq!((count.get(), cancel.is_canceled()), (0, false));
        cancel.clone().cancel();
        cancel.cancel();
        assert_eq!((count.get(), cancel.is_canceled()), (1, true));
        let _late = cancel.on_cancel(add(&count));
        assert_eq!(count.get(), 2);
    }

    #[test]
    fn withdrawn_action_does_not_run_and_is_forgotten() {
        let (cancel, count) = (CancelHandle::new(), Arc::<Count>::default());
        drop(cancel.on_cancel(add(&count)));
        assert!(cancel.0.state().actions.is_empty());
        assert_eq!(Arc::strong_count(&count), 1);
        cancel.cancel();
        assert_eq!(count.get(), 0);
    }

    #[test]
    fn child_is_canceled_with_its_parent_and_not_the_other_way() {
        let parent = CancelHandle::new();
        let (first, second) = (parent.child(), parent.child());
        first.cancel();
        assert!(first.is_canceled() && !parent.is_canceled() && !second.is_canceled());
        parent.cancel();
        assert!(second.is_canceled() && second.child().is_canceled());
        assert!(parent.child().is_canceled());
    }

    #[test]
    fn dropped_children_leave_nothing_behind() {
        let parent = CancelHandle::new();
        for _ in 0..100 {
            drop(parent.child());
        }
        assert!(parent.0.state().actions.is_empty());
    }

    #[test]
    fn cancel_wakes_the_future() {
        let (cancel, count) = (CancelHandle::new(), Arc::<Count>::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        let mut canceled = std::pin::pin!(cancel.canceled());
        for _ in 0..3 {
            assert!(canceled.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(cancel.0.state().actions.len(), 1);
        cancel.cancel();
        assert_eq!(count.get(), 1);
        assert!(canceled.as_mut().poll(&mut context).is_ready());
    }
}

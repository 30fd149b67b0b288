//! Cancellation of an exchange.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Cancels an exchange of an [`HttpClient`](crate::HttpClient). Clones share the state.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    called: bool,
    actions: Vec<Box<dyn FnOnce() + Send>>,
}

impl Cancel {
    /// Creates a handle that is not canceled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels the exchange. Later calls do nothing.
    pub fn cancel(&self) {
        let actions = {
            let mut state = self.state();
            state.called = true;
            std::mem::take(&mut state.actions)
        };
        for action in actions {
            action();
        }
    }

    /// Whether the exchange was canceled.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.state().called
    }

    /// Runs `action` on cancel, on the canceling thread, or immediately if already canceled. It
    /// should wake whatever blocks, for example by shutting the socket down.
    pub fn on_cancel(&self, action: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        if state.called {
            drop(state);
            action();
        } else {
            state.actions.push(Box::new(action));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cancel({})", self.is_canceled())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn each_action_runs_once() {
        let (cancel, done) = (Cancel::new(), Arc::new(AtomicU32::new(0)));
        let count = || {
            let done = Arc::clone(&done);
            move || {
                done.fetch_add(1, Ordering::SeqCst);
            }
        };
        cancel.on_cancel(count());
        assert_eq!(
            (done.load(Ordering::SeqCst), cancel.is_canceled()),
            (0, false)
        );
        cancel.clone().cancel();
        cancel.cancel();
        assert_eq!(
            (done.load(Ordering::SeqCst), cancel.is_canceled()),
            (1, true)
        );
        cancel.on_cancel(count());
        assert_eq!(done.load(Ordering::SeqCst), 2);
    }
}

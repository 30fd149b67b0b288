//! The trait that asynchronous, blocking and simulated transports implement.

use crate::{CancelHandle, Feed, Flow};

/// Drives a [`Flow`] until it is done.
///
/// An asynchronous transport returns a boxed future; a blocking transport and a simulator return
/// the result itself. So a client is written once for all transports, and only its callers differ
/// by `.await`.
///
/// A driver follows the contract of [`Flow`] and adds no behavior: it follows no redirects, sends
/// each exchange once, and returns responses of any status.
///
/// What `run` and `stream` return borrows the flow or feed, if that borrows anything, but never the
/// transport. So the future of a `'static` flow can be spawned.
pub trait Transport: Send + Sync {
    /// The return type of [`run`](Transport::run): `R`, or a future of it.
    type Output<'a, R: Send + 'a>;

    /// The return type of [`stream`](Transport::stream): an iterator, or a type with an
    /// asynchronous `next`.
    type Stream<'a, F: Feed + 'a>;

    /// Drives `flow` until it is done.
    fn run<'a, F: Flow + 'a>(&self, flow: F) -> Self::Output<'a, F::Output>;

    /// Returns the items of `feed` as they arrive. Nothing is sent before the first item is
    /// requested. Dropping the stream closes its connection.
    fn stream<'a, F: Feed + 'a>(&self, feed: F) -> Self::Stream<'a, F>;
}

/// A transport whose [`run`](Transport::run) blocks until the flow is done. Required for an
/// iterator over pages.
pub trait BlockingTransport: Transport {
    /// Drives `flow` until it is done, on the calling thread.
    fn run_now<F: Flow>(&self, flow: F) -> F::Output;
}

/// A transport whose flows and streams can be canceled from outside.
pub trait CancelTransport: Transport + Sized {
    /// The same transport, with the same connections. `cancel` cancels everything that it runs.
    ///
    /// After a cancel, a driver ends the exchanges in flight at once, without waiting for the
    /// server, and sends nothing more. The flow or feed sees
    /// [`Canceled`](crate::TransportErrorKind::Canceled) and ends with the state that it reached:
    /// see [`Flow`].
    #[must_use]
    fn cancel_by(&self, cancel: &CancelHandle) -> Self;
}

impl<T: Transport> Transport for std::sync::Arc<T> {
    type Output<'a, R: Send + 'a> = T::Output<'a, R>;
    type Stream<'a, F: Feed + 'a> = T::Stream<'a, F>;

    fn run<'a, F: Flow + 'a>(&self, flow: F) -> Self::Output<'a, F::Output> {
        (**self).run(flow)
    }

    fn stream<'a, F: Feed + 'a>(&self, feed: F) -> Self::Stream<'a, F> {
        (**self).stream(feed)
    }
}

impl<T: BlockingTransport> BlockingTransport for std::sync::Arc<T> {
    fn run_now<F: Flow>(&self, flow: F) -> F::Output {
        (**self).run_now(flow)
    }
}

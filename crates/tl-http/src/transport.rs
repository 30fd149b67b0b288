//! The trait that an asynchronous client, a blocking client and a simulator share.

use crate::{Feed, Flow};

/// Drives a [`Flow`] to its end.
///
/// An asynchronous transport answers with a boxed future, a blocking transport and a simulator with the result itself, so
/// that a client over any transport is written once and only `.await` differs where it is called.
///
/// A driver keeps the contract of [`Flow`]. It adds nothing of its own: no redirect is followed, nothing is sent twice
/// that the flow did not start twice, and an answer of any status is an answer.
pub trait Transport: Send + Sync {
    /// What [`run`](Transport::run) answers with: `R`, or a future of it.
    type Output<'a, R: Send + 'a>
    where
        Self: 'a;

    /// What [`stream`](Transport::stream) answers with: an iterator, or a type with an asynchronous `next`.
    type Stream<'a, F: Feed + 'a>
    where
        Self: 'a;

    /// Drives `flow` until it is done.
    fn run<'a, F: Flow + 'a>(&'a self, flow: F) -> Self::Output<'a, F::Output>;

    /// The items of `feed`, each as soon as it is there. Nothing is sent before the first item is asked for; dropping the
    /// stream closes its connection.
    fn stream<'a, F: Feed + 'a>(&'a self, feed: F) -> Self::Stream<'a, F>;
}

/// A transport whose [`run`](Transport::run) returns when the flow is done: what makes an iterator
/// over pages possible.
pub trait BlockingTransport: Transport {
    /// Drives `flow` until it is done, on the calling thread.
    fn run_now<F: Flow>(&self, flow: F) -> F::Output;
}

impl<T: Transport> Transport for std::sync::Arc<T> {
    type Output<'a, R: Send + 'a>
        = T::Output<'a, R>
    where
        Self: 'a;
    type Stream<'a, F: Feed + 'a>
        = T::Stream<'a, F>
    where
        Self: 'a;

    fn run<'a, F: Flow + 'a>(&'a self, flow: F) -> Self::Output<'a, F::Output> {
        (**self).run(flow)
    }

    fn stream<'a, F: Feed + 'a>(&'a self, feed: F) -> Self::Stream<'a, F> {
        (**self).stream(feed)
    }
}

impl<T: BlockingTransport> BlockingTransport for std::sync::Arc<T> {
    fn run_now<F: Flow>(&self, flow: F) -> F::Output {
        (**self).run_now(flow)
    }
}

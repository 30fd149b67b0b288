//! Iterates over the items of a list, page by page: an iterator for blocking transports, a stream
//! for asynchronous ones, `next_page` for all transports.

use std::{collections::VecDeque, marker::PhantomData};
#[cfg(feature = "stream")]
use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use tl_model::Page;

#[cfg(feature = "stream")]
use crate::client::CallOutput;
use crate::{
    BlockingTransport, Client, Endpoint, Error, Flow, Now, Outcome, Step, Token, Transport,
    endpoint::PageRequest, flow::Call,
};

/// An endpoint that returns one page of a list.
pub trait Paged: Endpoint<Response = Page<Self::Item>> {
    /// The item type of the list.
    type Item: std::fmt::Debug + Send + 'static;

    /// The page of the request.
    fn page_mut(&mut self) -> &mut PageRequest;
}

/// A page, or `None` after the last one.
pub type NextPageOf<E, X = Error> = Option<Result<Page<<E as Paged>::Item>, X>>;

/// The return type of [`Pages::next_page`] over `T`: a [`NextPageOf`], or a future of it.
pub type NextPageOutput<'a, T, E, X = Error> = <T as Transport>::Output<'a, NextPageOf<E, X>>;

/// A list that is fetched page by page, starting with the page of the request.
///
/// With a [`BlockingTransport`] it is an iterator over the items, and with an asynchronous transport
/// and feature `stream` a `futures_core::Stream` of them. Both end after an error, and both request
/// a page when all items of the previous one were taken. Use one of them or
/// [`next_page`](Pages::next_page), which returns whole pages.
pub struct Pages<T: Transport, E: Paged, X = Error> {
    client: Client<T, X>,
    /// The request for the next page; `None` after the last one.
    next: Option<E>,
    /// Items of the current page that were not returned yet.
    ready: VecDeque<E::Item>,
    /// The page that the stream waits for. Never locked: the mutex keeps the list `Sync`, as it is
    /// without the feature.
    #[cfg(feature = "stream")]
    pending: Mutex<Option<CallOutput<T, Page<E::Item>>>>,
}

impl<T: Transport, E: Paged, X: From<Error> + Send + 'static> Pages<T, E, X> {
    pub(crate) fn new(client: Client<T, X>, first: E) -> Self {
        Self {
            client,
            next: Some(first),
            ready: VecDeque::new(),
            #[cfg(feature = "stream")]
            pending: Mutex::new(None),
        }
    }

    /// Fetches the next page; `None` after the last one.
    ///
    /// # Errors
    /// See [`Client::call`]. The next call requests the same page again.
    pub fn next_page(&mut self) -> NextPageOutput<'_, T, E, X> {
        let call = self
            .next
            .clone()
            .map(|endpoint| self.client.call_flow(endpoint));
        self.client.transport().run(NextPage {
            next: &mut self.next,
            call,
            error: PhantomData,
        })
    }
}

impl<T: BlockingTransport, E: Paged, X: From<Error> + Send + 'static> Iterator for Pages<T, E, X> {
    type Item = Result<E::Item, X>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            let call = self.client.call_flow(self.next.clone()?);
            match self.client.transport().run_now(NextPage {
                next: &mut self.next,
                call: Some(call),
                error: PhantomData,
            })? {
                Ok(page) => self.ready = page.data.into(),
                Err(error) => {
                    self.next = None;
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

#[cfg(feature = "stream")]
impl<T: Transport, E: Paged, X> Unpin for Pages<T, E, X> {}

/// Dropping the stream cancels its request. A page that was requested is kept while the stream is
/// not polled.
#[cfg(feature = "stream")]
impl<T: Transport, E: Paged, X> futures_core::Stream for Pages<T, E, X>
where
    X: From<Error> + Send + 'static,
    CallOutput<T, Page<E::Item>>: Future<Output = Result<Page<E::Item>, Error>> + Unpin,
{
    type Item = Result<E::Item, X>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(item) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            let Some(next) = &this.next else {
                return Poll::Ready(None);
            };
            let pending = this.pending.get_mut();
            let pending = pending.unwrap_or_else(PoisonError::into_inner);
            let call = pending.get_or_insert_with(|| this.client.with_error().call(next.clone()));
            let result = ready!(Pin::new(call).poll(cx));
            *pending = None;
            match result {
                Ok(page) => {
                    advance(&mut this.next, &page);
                    this.ready = page.data.into();
                }
                Err(error) => {
                    this.next = None;
                    return Poll::Ready(Some(Err(error.into())));
                }
            }
        }
    }
}

impl<T: Transport, E: Paged, X> std::fmt::Debug for Pages<T, E, X> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// Fetches one page and stores the request for the following one in `next`.
struct NextPage<'p, E: Paged, X> {
    next: &'p mut Option<E>,
    call: Option<Call<E>>,
    error: PhantomData<fn() -> X>,
}

impl<E: Paged, X: From<Error> + Send> Flow for NextPage<'_, E, X> {
    type Output = NextPageOf<E, X>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        let Some(call) = &mut self.call else {
            return Step::Done(None);
        };
        let step = call.step(now);
        if let Step::Done(Ok(page)) = &step {
            advance(self.next, page);
        }
        step.map(|result| Some(result.map_err(X::from)))
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        if let Some(call) = &mut self.call {
            call.on_outcome(now, token, outcome);
        }
    }
}

/// Advances the request to the page after `page`.
///
/// The list ends at its number of pages or, if the platform does not return that number, at an
/// empty page.
fn advance<E: Paged>(next: &mut Option<E>, page: &Page<E::Item>) {
    let Some(endpoint) = next else { return };
    let asked = endpoint.page_mut();
    match next_page(asked.page.unwrap_or(1), page) {
        Some(number) => asked.page = Some(number),
        None => *next = None,
    }
}

/// The number of the page after `page`, whose own number is `number`; `None` if it was the last
/// one.
pub(super) fn next_page<T>(number: u32, page: &Page<T>) -> Option<u32> {
    let total = page.page_info.total_page;
    let more = !page.data.is_empty() && total.is_none_or(|total| u64::from(number) < total);
    more.then(|| number.saturating_add(1))
}

#[cfg(test)]
mod tests;

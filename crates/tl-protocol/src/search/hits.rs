//! The results of a search: an iterator for blocking transports, a stream for asynchronous ones,
//! `next_page` for all transports.

use std::{
    collections::VecDeque,
    marker::PhantomData,
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
#[cfg(feature = "stream")]
use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::StatusCode;
use tl_model::{ErrorCode, SearchHit, SearchItem, SearchPool, SearchVideo, Timestamp};

use super::{
    cursor::{Cursor, Key, Request},
    rules::SearchRules,
};
use crate::{
    BlockingTransport, Client, ClientSettings, Endpoint, Error, ErrorKind, Event, Flow, Now,
    Outcome, Step, Token, Transport,
    endpoint::{GetSearchPage, Search},
    flow::{
        Call,
        slot::{Receiver, Slot, Tokens},
    },
    rng::Rng,
};

/// A type of result: [`SearchHit`] or [`SearchVideo`].
pub trait Found: sealed::Sealed + std::fmt::Debug + Send + 'static {
    #[doc(hidden)]
    fn from_item(item: SearchItem) -> Option<Self>
    where
        Self: Sized;

    #[doc(hidden)]
    fn key(&self) -> Key;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for tl_model::SearchHit {}
    impl Sealed for tl_model::SearchVideo {}
}

impl Found for SearchHit {
    fn from_item(item: SearchItem) -> Option<Self> {
        item.into_hit()
    }

    fn key(&self) -> Key {
        let bits = |time: Option<f64>| time.unwrap_or(-1.0).to_bits();
        (
            self.video_id.as_str().to_owned(),
            bits(self.start),
            bits(self.end),
        )
    }
}

impl Found for SearchVideo {
    fn from_item(item: SearchItem) -> Option<Self> {
        item.into_video()
    }

    fn key(&self) -> Key {
        (self.id.as_str().to_owned(), 0, 0)
    }
}

/// The matching parts of videos, the best first.
pub type Hits<T, X = Error> = Results<T, SearchHit, X>;

/// The matching videos, each with its matching parts.
pub type VideoHits<T, X = Error> = Results<T, SearchVideo, X>;

/// The next results, or `None` after the last ones.
pub type NextHits<I, X = Error> = Option<Result<Vec<I>, X>>;

/// What [`Results::next_page`] returns: a future in async, [`NextHits`] in blocking.
pub type NextHitsOutput<'a, T, I, X = Error> = <T as Transport>::Output<'a, NextHits<I, X>>;

/// The results of a search, requested page by page.
///
/// With a [`BlockingTransport`] it is an iterator, and with an asynchronous transport and feature
/// `stream` a `futures_core::Stream`. Both end after an error. Use one of them or
/// [`next_page`](Results::next_page), which returns the results of whole pages.
///
/// The token of a page expires about 15 minutes after the search. Then the search is sent again,
/// which is charged again, and the results continue after those that were returned, without
/// repetitions: see [`restarts`](Results::restarts) and
/// [`Event::SearchRestarted`](crate::Event::SearchRestarted).
pub struct Results<T: Transport, I: Found, X = Error> {
    client: Client<T, X>,
    /// Shared with the flow in progress. The flow changes it only when a page has arrived, so that a
    /// dropped future loses nothing.
    cursor: Arc<Mutex<Cursor>>,
    /// Results of the current page that were not returned yet.
    ready: VecDeque<I>,
    /// The page that the stream waits for. Never locked: the mutex keeps the results `Sync`.
    #[cfg(feature = "stream")]
    pending: Mutex<Option<T::Output<'static, NextHits<I>>>>,
}

impl<T: Transport, I: Found, X> Results<T, I, X> {
    pub(super) fn new(client: Client<T, X>, cursor: Cursor) -> Self {
        Self {
            client,
            cursor: Arc::new(Mutex::new(cursor)),
            ready: VecDeque::new(),
            #[cfg(feature = "stream")]
            pending: Mutex::new(None),
        }
    }

    fn cursor(&self) -> MutexGuard<'_, Cursor> {
        lock(&self.cursor)
    }

    /// The videos that were searched. Known after the first page.
    #[must_use]
    pub fn pool(&self) -> Option<SearchPool> {
        self.cursor().pool.clone()
    }

    /// When the token of the next page expires.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.cursor().expires_at.clone()
    }

    /// How often the search was sent again, and charged, because a token had expired.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        self.cursor().restarts()
    }

    fn fetch(&self) -> Fetch<I> {
        Fetch {
            cursor: Arc::clone(&self.cursor),
            settings: self.client.settings().clone(),
            rng: Rng::new(self.client.next_seed()),
            tokens: Tokens::default(),
            call: None,
            item: PhantomData,
        }
    }
}

impl<T: Transport, I: Found, X: From<Error> + Send + 'static> Results<T, I, X> {
    /// Requests the next page; `None` after the last one.
    ///
    /// # Errors
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) if the query breaks a rule (nothing is sent),
    /// and those of [`Client::call`]. The next call requests the same page again.
    pub fn next_page(&mut self) -> NextHitsOutput<'_, T, I, X> {
        self.client
            .transport()
            .run(Optional(self.fetch(), PhantomData))
    }
}

impl<T: BlockingTransport, I: Found, X: From<Error> + Send + 'static> Iterator
    for Results<T, I, X>
{
    type Item = Result<I, X>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            match self.client.transport().run_now(self.fetch())? {
                Ok(found) => self.ready = found.into(),
                Err(error) => {
                    self.cursor().end();
                    return Some(Err(error.into()));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

#[cfg(feature = "stream")]
impl<T: Transport, I: Found, X> Unpin for Results<T, I, X> {}

/// Dropping the stream cancels its request.
#[cfg(feature = "stream")]
impl<T: Transport, I: Found, X> futures_core::Stream for Results<T, I, X>
where
    X: From<Error> + Send + 'static,
    T::Output<'static, NextHits<I>>: Future<Output = NextHits<I>> + Unpin,
{
    type Item = Result<I, X>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(item) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            let pending = this.pending.get_mut();
            let mut page = match pending.unwrap_or_else(PoisonError::into_inner).take() {
                Some(page) => page,
                None => this.client.transport().run(this.fetch()),
            };
            let Poll::Ready(page) = Pin::new(&mut page).poll(cx) else {
                this.pending = Mutex::new(Some(page));
                return Poll::Pending;
            };
            match page {
                Some(Ok(found)) => this.ready = found.into(),
                Some(Err(error)) => {
                    this.cursor().end();
                    return Poll::Ready(Some(Err(error.into())));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<T: Transport, I: Found, X> std::fmt::Debug for Results<T, I, X> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Results")
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

fn lock(cursor: &Mutex<Cursor>) -> MutexGuard<'_, Cursor> {
    cursor.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The request in progress.
enum Active {
    Search(Slot<Call<Search>>),
    Page(Slot<Call<GetSearchPage>>),
}

/// The flow that requests the next results, over as many pages as it takes to find one.
struct Fetch<I> {
    cursor: Arc<Mutex<Cursor>>,
    settings: ClientSettings,
    rng: Rng,
    tokens: Tokens,
    call: Option<Active>,
    item: PhantomData<fn() -> I>,
}

impl<I: Found> Fetch<I> {
    fn call<E: Endpoint>(&mut self, endpoint: E) -> Slot<Call<E>> {
        let ClientSettings {
            base,
            policy,
            observer,
            ..
        } = &self.settings;
        let call = Call::new(endpoint, base, policy.clone(), self.rng.bits());
        Slot::new(call.observed(observer.clone()))
    }

    /// Starts the next request, or returns the result without one.
    fn begin(&mut self) -> Option<NextHits<I>> {
        let request = lock(&self.cursor).request();
        match request {
            None => return Some(None),
            Some(Request::Search(search)) => {
                if let Err(rejection) = SearchRules::current().check(&search) {
                    let error = Error::invalid(rejection.to_string());
                    return Some(Some(Err(error.during(Search::OPERATION))));
                }
                self.call = Some(Active::Search(self.call(*search)));
            }
            Some(Request::Page(page)) => {
                self.call = Some(Active::Page(self.call(page)));
            }
        }
        None
    }

    /// Handles the result of a request; `None` if another one is needed.
    fn finish(&mut self, page: Result<tl_model::SearchPage, Error>) -> Option<NextHits<I>> {
        let is_page = matches!(self.call.take(), Some(Active::Page(_)));
        let mut cursor = lock(&self.cursor);
        match page {
            Ok(page) => match cursor.accept::<I>(page) {
                Some(found) if found.is_empty() => None,
                Some(found) => Some(Some(Ok(found))),
                None => {
                    let expected = cursor.search().group_by.clone();
                    let expected = expected.map_or_else(String::new, |word| word.to_string());
                    let message =
                        format!("the results are not grouped by {expected}, as requested");
                    let error = Error::new(ErrorKind::Malformed, message);
                    Some(Some(Err(error.during(Search::OPERATION))))
                }
            },
            Err(error) if is_page && is_expired(&error) && cursor.restart() => {
                self.settings.observer.tell(&Event::SearchRestarted {
                    returned: cursor.returned(),
                });
                None
            }
            Err(error) => Some(Some(Err(error))),
        }
    }
}

/// Whether the token of a page has expired. The error is documented with the code, and also in the
/// oldest format, which has none; a request that holds nothing but a token is refused for it.
fn is_expired(error: &Error) -> bool {
    match error.status().map(StatusCode::from_u16) {
        Some(Ok(StatusCode::GONE)) => true,
        Some(Ok(StatusCode::BAD_REQUEST)) => error
            .code()
            .is_none_or(|code| *code == ErrorCode::SearchPageTokenExpired),
        _ => false,
    }
}

impl<I: Found> Flow for Fetch<I> {
    type Output = NextHits<I>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            let step = match &mut self.call {
                Some(Active::Search(call)) => call.step(now, &mut self.tokens),
                Some(Active::Page(call)) => call.step(now, &mut self.tokens),
                None => match self.begin() {
                    Some(result) => return Step::Done(result),
                    None => continue,
                },
            };
            match step {
                ControlFlow::Break(step) => return step,
                ControlFlow::Continue(page) => {
                    if let Some(result) = self.finish(page) {
                        return Step::Done(result);
                    }
                }
            }
        }
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        match &mut self.call {
            Some(Active::Search(call)) => call.on_outcome(now, token, outcome),
            Some(Active::Page(call)) => call.on_outcome(now, token, outcome),
            None => {}
        }
    }
}

/// [`Fetch`] with errors of the type `X`.
struct Optional<I, X>(Fetch<I>, PhantomData<fn() -> X>);

impl<I: Found, X: From<Error> + Send> Flow for Optional<I, X> {
    type Output = NextHits<I, X>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        let step = self.0.step(now);
        step.map(|result| result.map(|page| page.map_err(X::from)))
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        self.0.on_outcome(now, token, outcome);
    }
}

//! Iterates over the items of a list, page by page: an iterator for blocking transports,
//! `next_page` for all transports.

use std::collections::VecDeque;

use tl_model::Page;

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
pub type NextPageOf<E> = Option<Result<Page<<E as Paged>::Item>, Error>>;

/// A list that is fetched page by page, starting with the page of the request.
///
/// With a [`BlockingTransport`] it is an iterator over the items. It ends after an error.
pub struct Pages<'c, T, E: Paged> {
    client: &'c Client<T>,
    /// The request for the next page; `None` after the last one.
    next: Option<E>,
    /// Items of the current page that the iterator has not returned yet.
    ready: VecDeque<E::Item>,
}

impl<'c, T: Transport, E: Paged> Pages<'c, T, E> {
    pub(crate) fn new(client: &'c Client<T>, first: E) -> Self {
        Self {
            client,
            next: Some(first),
            ready: VecDeque::new(),
        }
    }

    /// Fetches the next page; `None` after the last one.
    ///
    /// # Errors
    /// See [`Client::call`]. The next call requests the same page again.
    pub fn next_page(&mut self) -> T::Output<'_, NextPageOf<E>> {
        let call = self
            .next
            .clone()
            .map(|endpoint| self.client.call_flow(endpoint));
        self.client.transport().run(NextPage {
            next: &mut self.next,
            call,
        })
    }
}

impl<T: BlockingTransport, E: Paged> Iterator for Pages<'_, T, E> {
    type Item = Result<E::Item, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            let call = self.client.call_flow(self.next.clone()?);
            match self.client.transport().run_now(NextPage {
                next: &mut self.next,
                call: Some(call),
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

impl<T, E: Paged> std::fmt::Debug for Pages<'_, T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// Fetches one page and stores the request for the following one in `next`.
struct NextPage<'p, E: Paged> {
    next: &'p mut Option<E>,
    call: Option<Call<E>>,
}

impl<E: Paged> Flow for NextPage<'_, E> {
    type Output = NextPageOf<E>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        let Some(call) = &mut self.call else {
            return Step::Done(None);
        };
        let step = call.step(now);
        if let Step::Done(Ok(page)) = &step {
            advance(self.next, page);
        }
        step.map(Some)
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

//! Looks up the indexed asset of an asset in an index, over all pages of the asset's own list.
//! Failed indexed assets are skipped, because they never become ready.

use std::{collections::VecDeque, ops::ControlFlow, time::Duration};

use tl_model::{AssetId, AssetReference, IndexId, IndexedAsset, IndexedAssetId, Page};
use url::Url;

use crate::{
    Error, ErrorKind, Flow, Now, Observer, Outcome, Policy, Step, Token,
    endpoint::{GetIndexedAsset, ListAssetIndexedAssets, PageRequest},
    flow::{
        Call, Progress, Watched,
        pages::next_page,
        slot::{Receiver, Slot, Tokens},
    },
    rng::Rng,
};

/// Delay before a lookup, so that the platform can list the result of a request that may have
/// arrived late.
const LOOKUP_DELAY: Duration = Duration::from_secs(2);

/// Maximum number of pages: an asset is in at most as many indexes as an account can have, at 50
/// per page.
const MAX_PAGES: u32 = 200;

/// The lookup flow; its output is the indexed asset, if found.
#[derive(Debug)]
pub(super) struct FindIndexed {
    asset_id: AssetId,
    /// The index to search; any index if `None`.
    index_id: Option<IndexId>,
    base: Url,
    policy: Policy,
    rng: Rng,
    observer: Observer,
    /// Number of lookups left after the current one.
    lookups_left: u32,
    state: State,
    tokens: Tokens,
}

#[derive(Debug)]
enum State {
    /// The lookup starts at this time, or after a delay from the first step.
    Delaying { until: Option<Duration> },
    Listing {
        call: Slot<Call<ListAssetIndexedAssets>>,
        page: u32,
    },
    /// Fetches the status of a candidate in the index; the other candidates of its page follow.
    CheckingStatus {
        call: Slot<Call<GetIndexedAsset>>,
        id: IndexedAssetId,
        others: VecDeque<IndexedAssetId>,
        /// The next page.
        next: Option<u32>,
    },
}

type FindResult = Result<Option<IndexedAssetId>, Error>;

impl FindIndexed {
    /// Looks up immediately, and only once.
    pub(super) fn new(
        asset_id: AssetId,
        index_id: Option<IndexId>,
        base: &Url,
        policy: Policy,
        observer: Observer,
        seed: u64,
    ) -> Self {
        Self {
            asset_id,
            index_id,
            base: base.clone(),
            policy,
            rng: Rng::new(seed),
            observer,
            lookups_left: 0,
            state: State::Delaying {
                until: Some(Duration::ZERO),
            },
            tokens: Tokens::default(),
        }
    }

    /// Looks up twice, each time after a delay, because a create request may still be in flight.
    pub(super) fn in_doubt(mut self) -> Self {
        self.lookups_left = 1;
        self.state = State::Delaying { until: None };
        self
    }

    fn list_page(&mut self, page: u32) {
        let list = ListAssetIndexedAssets {
            asset_id: self.asset_id.clone(),
            page: PageRequest {
                page: Some(page),
                page_limit: Some(50),
            },
        };
        let seed = self.rng.bits();
        let call = Call::new(list, &self.base, self.policy.clone(), seed);
        self.state = State::Listing {
            call: Slot::new(call.observed(self.observer.clone())),
            page,
        };
    }

    fn after_page(
        &mut self,
        page: u32,
        result: Result<Page<AssetReference>, Error>,
    ) -> Option<FindResult> {
        let response = match result {
            Ok(response) => response,
            Err(error) => return Some(Err(error)),
        };
        let next = next_page(page, &response).filter(|next| *next <= MAX_PAGES);
        let Some(index_id) = &self.index_id else {
            return match response.data.into_iter().next() {
                Some(reference) => Some(Ok(Some(reference.id))),
                None => self.check_next(VecDeque::new(), next),
            };
        };
        let candidates = response
            .data
            .into_iter()
            .filter(|reference| {
                let index = reference.index.as_ref();
                index.is_some_and(|index| index.id == *index_id)
            })
            .map(|reference| reference.id)
            .collect();
        self.check_next(candidates, next)
    }

    fn after_status(&mut self, result: Result<IndexedAsset, Error>) -> Option<FindResult> {
        let State::CheckingStatus {
            id, others, next, ..
        } = &mut self.state
        else {
            return None;
        };
        let (others, next) = (std::mem::take(others), *next);
        match result {
            Ok(indexed) => match GetIndexedAsset::progress(&indexed) {
                Progress::Failed(_) => self.check_next(others, next),
                Progress::Working | Progress::Ready => Some(Ok(Some(id.clone()))),
            },
            // It was deleted after the list was created.
            Err(error) if error.kind() == ErrorKind::NotFound => self.check_next(others, next),
            Err(error) => Some(Err(error)),
        }
    }

    /// Continues with the next candidate, page or lookup; otherwise nothing was found.
    fn check_next(
        &mut self,
        mut candidates: VecDeque<IndexedAssetId>,
        next: Option<u32>,
    ) -> Option<FindResult> {
        if let (Some(id), Some(index_id)) = (candidates.pop_front(), self.index_id.clone()) {
            let get = GetIndexedAsset::new(index_id, id.clone());
            let seed = self.rng.bits();
            let call = Call::new(get, &self.base, self.policy.clone(), seed);
            self.state = State::CheckingStatus {
                call: Slot::new(call.observed(self.observer.clone())),
                id,
                others: candidates,
                next,
            };
            return None;
        }
        match next {
            Some(next) => self.list_page(next),
            None if self.lookups_left > 0 => {
                self.lookups_left -= 1;
                self.state = State::Delaying { until: None };
            }
            None => return Some(Ok(None)),
        }
        None
    }
}

impl Flow for FindIndexed {
    type Output = FindResult;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            match &mut self.state {
                State::Delaying { until } => {
                    let until = *until.get_or_insert(now.mono.saturating_add(LOOKUP_DELAY));
                    if now.mono < until {
                        return Step::Wait { until: Some(until) };
                    }
                    self.list_page(1);
                }
                State::Listing { call, page } => {
                    let page = *page;
                    match call.step(now, &mut self.tokens) {
                        ControlFlow::Continue(result) => {
                            if let Some(end) = self.after_page(page, result) {
                                return Step::Done(end);
                            }
                        }
                        ControlFlow::Break(step) => return step,
                    }
                }
                State::CheckingStatus { call, .. } => match call.step(now, &mut self.tokens) {
                    ControlFlow::Continue(result) => {
                        if let Some(end) = self.after_status(result) {
                            return Step::Done(end);
                        }
                    }
                    ControlFlow::Break(step) => return step,
                },
            }
        }
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        match &mut self.state {
            State::Listing { call, .. } => call.on_outcome(now, token, outcome),
            State::CheckingStatus { call, .. } => call.on_outcome(now, token, outcome),
            State::Delaying { .. } => {}
        }
    }
}

//! Looks for what was made of an asset in an index, over all pages of the asset's own list.

use std::time::Duration;

use tl_model::{AssetId, AssetReference, IndexId, IndexedAssetId, Page};
use url::Url;

use crate::{
    Error, Flow, Now, Observer, Outcome, Policy, Step, Token,
    chance::Chance,
    endpoint::{ListAssetIndexedAssets, PageRequest},
    flow::{Call, pages::next_page},
};

/// How long the platform is given to show what a request made that may have arrived late.
const SETTLE: Duration = Duration::from_secs(2);

/// The most pages that are read: an asset is in as many indexes as an account can have, at 50 on a page.
const MOST_PAGES: u32 = 200;

/// The flow that looks; its output is what it found.
#[derive(Debug)]
pub(super) struct FindIndexed {
    asset_id: AssetId,
    /// The index that it must be in; any, where there is none.
    index_id: Option<IndexId>,
    base: Url,
    policy: Policy,
    chance: Chance,
    observer: Observer,
    /// How many looks are left after the one at hand.
    looks: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    /// A look begins at this time, or a while after the first step.
    Resting { until: Option<Duration> },
    Looking {
        call: Box<Call<ListAssetIndexedAssets>>,
        page: u32,
    },
}

impl FindIndexed {
    /// Looks at once, and once only.
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
            chance: Chance::new(seed),
            observer,
            looks: 0,
            state: State::Resting {
                until: Some(Duration::ZERO),
            },
        }
    }

    /// Looks twice, each time after a while: a request may be on its way that makes it.
    pub(super) fn in_doubt(mut self) -> Self {
        self.looks = 1;
        self.state = State::Resting { until: None };
        self
    }

    fn look(&mut self, page: u32) {
        let list = ListAssetIndexedAssets {
            asset_id: self.asset_id.clone(),
            page: PageRequest {
                page: Some(page),
                page_limit: Some(50),
            },
        };
        let seed = self.chance.bits();
        let call = Call::new(list, &self.base, self.policy.clone(), seed);
        self.state = State::Looking {
            call: Box::new(call.observed(self.observer.clone())),
            page,
        };
    }

    fn after_page(
        &mut self,
        page: u32,
        result: Result<Page<AssetReference>, Error>,
    ) -> Option<Result<Option<IndexedAssetId>, Error>> {
        let answer = match result {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error)),
        };
        let is_meant = |reference: &&AssetReference| match (&self.index_id, &reference.index) {
            (None, _) => true,
            (Some(wanted), Some(index)) => *wanted == index.id,
            (Some(_), None) => false,
        };
        if let Some(found) = answer.data.iter().find(is_meant) {
            return Some(Ok(Some(found.id.clone())));
        }
        match next_page(page, &answer) {
            Some(next) if next <= MOST_PAGES => self.look(next),
            _ if self.looks > 0 => {
                self.looks -= 1;
                self.state = State::Resting { until: None };
            }
            _ => return Some(Ok(None)),
        }
        None
    }
}

impl Flow for FindIndexed {
    type Output = Result<Option<IndexedAssetId>, Error>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            match &mut self.state {
                State::Resting { until } => {
                    let until = *until.get_or_insert(now.mono.saturating_add(SETTLE));
                    if now.mono < until {
                        return Step::Wait { until: Some(until) };
                    }
                    self.look(1);
                }
                State::Looking { call, page } => {
                    let page = *page;
                    match call.step(now) {
                        Step::Done(result) => {
                            if let Some(end) = self.after_page(page, result) {
                                return Step::Done(end);
                            }
                        }
                        Step::Start(token, exchange) => return Step::Start(token, exchange),
                        Step::Wait { until } => return Step::Wait { until },
                    }
                }
            }
        }
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        if let State::Looking { call, .. } = &mut self.state {
            call.on_outcome(now, token, outcome);
        }
    }
}

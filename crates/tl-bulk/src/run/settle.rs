//! Looks up assets whose creation is in doubt: a response was lost, or a process died. One list call
//! answers for 50 assets, each of which is identified by its mark.
//!
//! Assets that are listed are adopted at once. The others are held, and looked up again until the
//! list would show them (see [`list_delay`](super::list_delay)); meanwhile, other items go on.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use tl_ledger::{AttemptId, Outcome, State, Update};
use tl_model::{Asset, Page};
use tl_protocol::Error;
use tl_protocol::endpoint::ListAssets;
use tokio::time::Instant;

use super::Shared;
use super::lane::{Claimed, Details, Ended, Step, item_error, later};
use super::list_delay::{ListDelay, next_look};

/// Tolerance for the difference between the platform's clock and the local one.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// Pages of a list that is not sorted: 10,000 assets.
const MAX_PAGES: u32 = 200;

/// Holds end at multiples of this, so that one look answers for items of nearly the same age.
const HOLD_STEP_MS: i64 = 250;

/// An item with an open attempt to create its asset.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) claimed: Claimed,
    pub(super) attempts: Vec<AttemptId>,
    /// When the first of them was about to be sent.
    pub(super) since: Timestamp,
    /// When the last of them was about to be sent.
    pub(super) last: Timestamp,
}

/// How old a request is whose outcome is unknown.
#[derive(Debug)]
struct Age {
    age: Duration,
    /// Since when this process knows of it.
    known: Duration,
    /// The age at which its asset does not exist if no look has shown it.
    settled_after: Duration,
}

/// What a look at the list found.
#[derive(Debug)]
struct Found {
    /// The assets, by mark.
    assets: HashMap<String, Asset>,
    delay: ListDelay,
    /// The time of the ledger before the look.
    started: Timestamp,
    /// The time of the ledger after it.
    ended: Timestamp,
}

impl Shared {
    /// Adopts the assets that exist. Those that were certainly not created are ready again; the
    /// others are held until the next look.
    pub(super) async fn settle(&self, doubts: Vec<Doubt>) -> tl_ledger::Result<Vec<Ended>> {
        let mut ended = Vec::new();
        let found = match self.find_assets(&doubts).await? {
            Ok(found) => found,
            Err(error) => {
                // The attempts stay open.
                for doubt in doubts {
                    let step = self
                        .hold_or_fail(&doubt.claimed, item_error(&error))
                        .await?;
                    ended.push(end(doubt, step, false));
                }
                return Ok(ended);
            }
        };
        let (mut adopted, mut gone, mut held) = (Vec::new(), Vec::new(), Vec::new());
        for doubt in doubts {
            let nonce = doubt.claimed.item.nonce.as_deref().unwrap_or_default();
            if let Some(asset) = found.assets.get(nonce) {
                adopted.push((doubt, asset.clone()));
                continue;
            }
            let Age {
                age,
                known,
                settled_after,
            } = self.age(&doubt, &found);
            if age >= settled_after {
                gone.push(doubt);
            } else {
                let wait = next_look(known, settled_after.saturating_sub(age));
                held.push((doubt, round_up(later(found.ended, wait))));
            }
        }
        ended.extend(self.adopt_assets(adopted).await?);
        ended.extend(self.hold_unlisted(held).await?);
        ended.extend(self.send_again(gone).await?);
        Ok(ended)
    }

    /// How old the last request of an item in doubt is. Wall clocks are set back: it is at least as
    /// old as what is known of it.
    fn age(&self, doubt: &Doubt, found: &Found) -> Age {
        let longest = self.settings.listed_after;
        let bytes = doubt.claimed.item.bytes;
        let settled_after = found.delay.settled_after(bytes, longest);
        let wall = found.started.duration_since(doubt.last);
        let wall = Duration::try_from(wall).unwrap_or_default();
        let Some(attempt) = doubt.attempts.last() else {
            return Age {
                age: wall,
                known: Duration::ZERO,
                settled_after,
            };
        };
        let mut doubted = self
            .doubted
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (since, shortest) = doubted
            .entry(*attempt)
            .or_insert_with(|| (Instant::now(), settled_after));
        // What the list has shown once, it showed that soon.
        *shortest = settled_after.min(*shortest);
        let known = since.elapsed();
        Age {
            age: wall.max(known),
            known,
            settled_after: *shortest,
        }
    }

    /// The outcomes of these requests are known now.
    fn forget_doubts(&self, doubts: &[Doubt]) {
        let mut doubted = self
            .doubted
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for attempt in doubts.iter().filter_map(|doubt| doubt.attempts.last()) {
            doubted.remove(attempt);
        }
    }

    /// The assets were not created: the items are ready again.
    async fn send_again(&self, doubts: Vec<Doubt>) -> tl_ledger::Result<Vec<Ended>> {
        // An item with an idempotency key was not checked before it was looked up.
        let back = match &self.settings {
            settings if settings.idempotency_key.is_some() && settings.check.is_some() => {
                State::Found
            }
            _ => State::Ready,
        };
        let leases: Vec<_> = doubts
            .iter()
            .map(|doubt| (doubt.claimed.lease, doubt.attempts.clone()))
            .collect();
        self.store
            .call(move |ledger, now| {
                let outcome = Outcome::not_created("not_found");
                for (lease, attempts) in &leases {
                    for attempt in attempts {
                        ledger.outcome(now, *lease, *attempt, &outcome, &Update::new())?;
                    }
                    ledger.update(now, *lease, &Update::to(back).and_release())?;
                }
                Ok(())
            })
            .await?;
        self.forget_doubts(&doubts);
        let ended = doubts.into_iter();
        Ok(ended
            .map(|doubt| end(doubt, Step::Released(back), true))
            .collect())
    }

    /// Holds items whose asset may exist although it is not listed.
    async fn hold_unlisted(&self, held: Vec<(Doubt, Timestamp)>) -> tl_ledger::Result<Vec<Ended>> {
        let leases: Vec<_> = held
            .iter()
            .map(|(doubt, until)| (doubt.claimed.lease, *until))
            .collect();
        self.store
            .call(move |ledger, _| {
                for (lease, until) in &leases {
                    ledger.hold(*lease, *until, "in_doubt")?;
                }
                Ok(())
            })
            .await?;
        let ended = held.into_iter();
        Ok(ended
            .map(|(doubt, until)| end(doubt, Step::Held(until, "in_doubt"), false))
            .collect())
    }

    async fn adopt_assets(&self, adopted: Vec<(Doubt, Asset)>) -> tl_ledger::Result<Vec<Ended>> {
        let mut writes = Vec::new();
        let mut ended = Vec::new();
        for (doubt, asset) in adopted {
            let (update, step) = self.after_upload(&doubt.claimed, &asset);
            let outcome = Outcome::created(asset.id.as_str());
            writes.push((doubt.claimed.lease, doubt.attempts.clone(), outcome, update));
            let mut end = end(doubt, step, true);
            end.details.is_uploaded = true;
            end.details.ingested.reconciled = true;
            end.details.ingested.asset_id = Some(asset.id.clone());
            end.details.ingested.asset = Some(asset);
            ended.push(end);
        }
        self.store
            .call(move |ledger, now| {
                for (lease, attempts, outcome, update) in &writes {
                    for (at, attempt) in attempts.iter().enumerate() {
                        // An update that ends the lease is the last.
                        match at + 1 == attempts.len() {
                            true => ledger.outcome(now, *lease, *attempt, outcome, update)?,
                            false => {
                                ledger.outcome(now, *lease, *attempt, outcome, &Update::new())?;
                            }
                        }
                    }
                }
                Ok(())
            })
            .await?;
        Ok(ended)
    }

    /// The assets with the marks of `doubts`, by mark, and what the list says of its lag. The list is
    /// newest first.
    async fn find_assets(&self, doubts: &[Doubt]) -> tl_ledger::Result<Result<Found, Error>> {
        let wanted: HashMap<&str, &Doubt> = doubts
            .iter()
            .filter_map(|doubt| Some((doubt.claimed.item.nonce.as_deref()?, doubt)))
            .collect();
        let since = doubts.iter().map(|doubt| doubt.since).min();
        let started = self.store.call(|ledger, now| ledger.time(now)).await?;
        let mut found = Found {
            assets: HashMap::new(),
            delay: ListDelay::default(),
            started,
            ended: started,
        };
        for number in 1..=MAX_PAGES {
            let mut list = ListAssets::default();
            list.page.page = Some(number);
            list.page.page_limit = Some(50);
            let page = match self.reads.call(list).await {
                Ok(page) => page,
                Err(error) => return Ok(Err(error)),
            };
            let older = self.take_page(&page, &wanted, since, &mut found).await?;
            let is_last = page.data.len() < 50;
            // Every asset of the page is older than the first request in doubt.
            let is_old = page
                .data
                .iter()
                .all(|asset| older.contains(asset.id.as_str()));
            for asset in page.data {
                if let Some(mark) = self.mark_of(&asset)
                    && wanted.contains_key(mark)
                {
                    found.assets.insert(mark.to_owned(), asset);
                }
            }
            if is_last || is_old || found.assets.len() == wanted.len() {
                break;
            }
        }
        Ok(Ok(found))
    }

    /// Compares the assets of a page with the requests that created them. Returns the ids of those
    /// that are older than `since`.
    async fn take_page(
        &self,
        page: &Page<Asset>,
        wanted: &HashMap<&str, &Doubt>,
        since: Option<Timestamp>,
        found: &mut Found,
    ) -> tl_ledger::Result<HashSet<String>> {
        let account = self.account;
        let ids: Vec<String> = page.data.iter().map(|asset| asset.id.to_string()).collect();
        let (ended, creations) = self
            .store
            .call(move |ledger, now| Ok((ledger.time(now)?, ledger.creations(account, &ids)?)))
            .await?;
        found.ended = ended;
        let mut older = HashSet::new();
        let mut show = |intent_at: Timestamp, bytes: u64| {
            // A clock that was set back says nothing.
            if let Ok(after) = Duration::try_from(ended.duration_since(intent_at)) {
                found.delay.shows(after, bytes);
            }
        };
        for creation in creations {
            show(creation.intent_at, creation.bytes);
            if since.is_some_and(|since| creation.outcome_at < since) {
                older.insert(creation.asset_id);
            }
        }
        let since = since.and_then(|since| since.checked_sub(CLOCK_SKEW).ok());
        for asset in &page.data {
            if let Some(doubt) = self.mark_of(asset).and_then(|mark| wanted.get(mark)) {
                show(doubt.since, doubt.claimed.item.bytes);
            }
            let created = asset.created_at.as_ref().and_then(|at| at.instant());
            if created
                .zip(since)
                .is_some_and(|(created, since)| created < since)
            {
                older.insert(asset.id.to_string());
            }
        }
        Ok(older)
    }

    fn mark_of<'a>(&self, asset: &'a Asset) -> Option<&'a str> {
        let metadata = asset.user_metadata.as_ref()?;
        metadata.get(&self.settings.mark)?.as_str()
    }
}

/// The next end of holds after this time.
fn round_up(at: Timestamp) -> Timestamp {
    let steps = at.as_millisecond().div_euclid(HOLD_STEP_MS) + 1;
    Timestamp::from_millisecond(steps.saturating_mul(HOLD_STEP_MS)).unwrap_or(at)
}

fn end(doubt: Doubt, step: Step, is_settled: bool) -> Ended {
    Ended {
        claimed: doubt.claimed,
        step,
        details: Details {
            is_settled,
            ..Details::default()
        },
    }
}

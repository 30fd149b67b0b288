//! Looks up assets whose creation is in doubt: a response was lost, or a process died. One list call
//! answers for 50 assets, each of which is identified by its mark.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use tl_ledger::{AttemptId, Outcome, State, Update};
use tl_model::Asset;
use tl_protocol::Error;
use tl_protocol::endpoint::ListAssets;

use super::Shared;
use super::index::{SECOND_LOOK, SETTLED_AFTER};
use super::lane::{Claimed, Details, Ended, Step, item_error, later};

/// Tolerance for the difference between the platform's clock and the local one.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// Pages of a list that is not sorted: 10,000 assets.
const MAX_PAGES: u32 = 200;

/// An item with an open attempt to create its asset.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) claimed: Claimed,
    pub(super) attempts: Vec<AttemptId>,
    /// When the first of them was about to be sent.
    pub(super) since: Timestamp,
}

impl Shared {
    /// Adopts the assets that exist. The others were not created: their items are ready again.
    pub(super) async fn settle(&self, doubts: Vec<Doubt>) -> tl_ledger::Result<Vec<Ended>> {
        let now = self.store.now();
        let is_young =
            |doubt: &Doubt| now.duration_since(doubt.since).unsigned_abs() < SETTLED_AFTER;
        let mut ended = Vec::new();
        let mut open = doubts;
        for look in 0..2 {
            if open.is_empty() {
                break;
            }
            if look > 0 {
                if !open.iter().any(is_young) {
                    break;
                }
                // A request in flight may still arrive.
                tokio::time::sleep(SECOND_LOOK).await;
            }
            let found = match self.find_assets(&open).await {
                Ok(found) => found,
                Err(error) => {
                    // The attempts stay open.
                    for doubt in open {
                        let step = self
                            .hold_or_fail(&doubt.claimed, item_error(&error))
                            .await?;
                        ended.push(end(doubt, step, false));
                    }
                    return Ok(ended);
                }
            };
            let mut left = Vec::new();
            let mut adopted = Vec::new();
            for doubt in open {
                let nonce = doubt.claimed.item.nonce.as_deref().unwrap_or_default();
                match found.get(nonce) {
                    Some(asset) => adopted.push((doubt, asset.clone())),
                    None => left.push(doubt),
                }
            }
            ended.extend(self.adopt_assets(adopted).await?);
            open = match look == 0 && left.iter().any(is_young) {
                true => left,
                false => self.hold_unlisted(now, left, &mut ended).await?,
            };
        }
        // An item with an idempotency key was not checked before it was looked up.
        let back = match &self.settings {
            settings if settings.idempotency_key.is_some() && settings.check.is_some() => {
                State::Found
            }
            _ => State::Ready,
        };
        let leases: Vec<_> = open
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
        ended.extend(
            open.into_iter()
                .map(|doubt| end(doubt, Step::Released(back), true)),
        );
        Ok(ended)
    }

    /// Holds items whose asset may exist although it is not listed: a list may lag behind, and an
    /// asset that is created twice is paid for twice. Returns the others.
    async fn hold_unlisted(
        &self,
        now: Timestamp,
        doubts: Vec<Doubt>,
        ended: &mut Vec<Ended>,
    ) -> tl_ledger::Result<Vec<Doubt>> {
        let listed_after = self.settings.listed_after;
        let (mut settled, mut holds) = (Vec::new(), Vec::new());
        for doubt in doubts {
            let age = now.duration_since(doubt.since).unsigned_abs();
            match listed_after.checked_sub(age) {
                Some(left) if !left.is_zero() => holds.push((doubt, later(now, left))),
                _ => settled.push(doubt),
            }
        }
        let leases: Vec<_> = holds
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
        ended.extend(
            holds
                .into_iter()
                .map(|(doubt, until)| end(doubt, Step::Held(until, "in_doubt"), false)),
        );
        Ok(settled)
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

    /// The assets with the marks of `doubts`, by mark. The list is newest first.
    async fn find_assets(&self, doubts: &[Doubt]) -> Result<HashMap<String, Asset>, Error> {
        let wanted: std::collections::HashSet<&str> = doubts
            .iter()
            .filter_map(|doubt| doubt.claimed.item.nonce.as_deref())
            .collect();
        let since = doubts.iter().map(|doubt| doubt.since).min();
        let since = since.and_then(|since| since.checked_sub(CLOCK_SKEW).ok());
        let mut found = HashMap::new();
        for number in 1..=MAX_PAGES {
            let mut list = ListAssets::default();
            list.page.page = Some(number);
            list.page.page_limit = Some(50);
            let page = self.reads.call(list).await?;
            let is_last = page.data.len() < 50;
            // Every asset of the page is older than the first request in doubt.
            let is_old = page.data.iter().all(|asset| {
                let created = asset.created_at.as_ref().and_then(|at| at.instant());
                created
                    .zip(since)
                    .is_some_and(|(created, since)| created < since)
            });
            for asset in page.data {
                let mark = asset
                    .user_metadata
                    .as_ref()
                    .and_then(|metadata| metadata.get(&self.settings.mark))
                    .and_then(|mark| mark.as_str())
                    .map(str::to_owned);
                if let Some(mark) = mark.filter(|mark| wanted.contains(mark.as_str())) {
                    found.insert(mark, asset);
                }
            }
            if is_last || is_old || found.len() == wanted.len() {
                break;
            }
        }
        Ok(found)
    }
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

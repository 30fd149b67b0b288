//! A ledger with an account, a run and a manual clock.

use std::time::Duration;

use jiff::Timestamp;
use tl_ledger::{
    AccountId, Added, Claim, ClaimOptions, FileStat, Fingerprint, Item, ItemId, KeyTag, Lease,
    Ledger, NewAccount, NewContent, NewItem, NewRun, RunId, Selection,
};
use tl_protocol::limiter::{Cost, Limits};

use crate::place::Place;

pub(crate) struct World<'a> {
    pub(crate) place: &'a Place,
    pub(crate) ledger: Ledger,
    pub(crate) account: AccountId,
    pub(crate) run: RunId,
    pub(crate) now: Timestamp,
}

pub(crate) fn start() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().expect("a time")
}

pub(crate) fn new_account(limits: Limits) -> NewAccount {
    let key = KeyTag::of("tlk_EXAMPLE");
    NewAccount::new("https://api.twelvelabs.io/v1.3", key, "test", limits)
}

/// The file number `n`, of `n + 1` bytes and 60 seconds.
pub(crate) fn file(n: u64) -> NewItem {
    let stat = FileStat::of_size(n + 1).with_times(7, 7).with_inode(1, 1);
    let mut sampled = [0; 32];
    sampled[..8].copy_from_slice(&n.to_le_bytes());
    let content = NewContent::Read(Fingerprint::new(n + 1, sampled));
    NewItem::new(format!("file:///videos/{n}.mp4"), stat, content, "index-1")
        .with_name(format!("{n}.mp4"))
        .with_video(Duration::from_secs(60))
}

pub(crate) fn cost(item: &Item) -> Cost {
    let index = Cost::index(item.video.unwrap_or_default());
    if item.asset_id.is_some() {
        index
    } else {
        Cost::upload().and(index)
    }
}

impl<'a> World<'a> {
    pub(crate) fn new(place: &'a Place) -> Self {
        Self::with(place, Limits::UNLIMITED)
    }

    pub(crate) fn with(place: &'a Place, limits: Limits) -> Self {
        let now = start();
        let mut ledger = place.open();
        let account = ledger.account(now, &new_account(limits)).expect("added");
        let run = NewRun::new("host", 1).with_version("0.1.0");
        let run = ledger.begin_run(now, &run).expect("recorded");
        Self {
            place,
            ledger,
            account,
            run,
            now,
        }
    }

    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now += jiff::SignedDuration::from_secs(seconds);
    }

    pub(crate) fn add(&mut self, items: &[NewItem]) -> Vec<Added> {
        self.ledger
            .add(self.now, self.run, self.account, items)
            .expect("added")
    }

    pub(crate) fn add_files(&mut self, count: u64) -> Vec<ItemId> {
        let files: Vec<NewItem> = (0..count).map(file).collect();
        self.add(&files).iter().map(|added| added.item).collect()
    }

    pub(crate) fn options(&self) -> ClaimOptions {
        ClaimOptions::new(self.account, "worker")
    }

    pub(crate) fn claim(&mut self, limit: u32) -> Claim {
        let options = self.options().limit(limit);
        self.ledger
            .claim(self.now, &options, cost)
            .expect("claimed")
    }

    /// Claims one item.
    pub(crate) fn lease(&mut self) -> Lease {
        let claim = self.claim(1);
        claim.items.first().expect("an item is due").lease
    }

    pub(crate) fn items(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        self.ledger
            .for_each(&Selection::of(self.account), |item| {
                items.push(item);
                std::ops::ControlFlow::Continue(())
            })
            .expect("read");
        items
    }

    pub(crate) fn verify(&mut self) {
        assert_eq!(self.ledger.verify().expect("read"), []);
    }
}

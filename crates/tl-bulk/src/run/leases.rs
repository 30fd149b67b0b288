//! The leases of the items of this process: kept while it works on them or waits for them, and given
//! back at its end.

use tl_ledger::{ErrorKind, Item, ItemId, Lease};

use super::lane::Claimed;
use super::main_loop::{MainLoop, Owned};
use crate::error::Result;
use crate::event::Event;

impl MainLoop {
    pub(super) fn own(&mut self, claimed: &Claimed) {
        let id = claimed.item.id;
        if let Some(owned) = self.owned.get(&id)
            && owned.waits_since.is_some()
        {
            // Its lease had expired, and this process was the first to claim it again.
            self.shared.emit(Event::ItemLost((&owned.item).into()));
            self.forget(id);
        }
        let owned = Owned {
            item: claimed.item.clone(),
            lease: claimed.lease,
            waits_since: None,
            is_adopted: false,
        };
        self.owned.insert(claimed.item.id, owned);
    }

    /// Ends the ownership of a claim. A later claim of the same item stays.
    pub(super) fn disown(&mut self, lease: Lease) {
        if self
            .owned
            .get(&lease.item)
            .is_some_and(|owned| owned.lease == lease)
        {
            self.owned.remove(&lease.item);
        }
    }

    /// Extends the leases of all items of this process.
    pub(super) async fn renew(&mut self) -> Result<()> {
        if self.owned.is_empty() {
            return Ok(());
        }
        let leases: Vec<Lease> = self.owned.values().map(|owned| owned.lease).collect();
        let duration = self.shared.settings.lease;
        let lost = self
            .shared
            .store
            .call(move |ledger, now| {
                let mut lost = Vec::new();
                for lease in &leases {
                    match ledger.renew(now, *lease, duration) {
                        Ok(()) => {}
                        Err(error)
                            if matches!(error.kind(), ErrorKind::Stale | ErrorKind::NotFound) =>
                        {
                            lost.push(*lease);
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok(lost)
            })
            .await?;
        for lease in lost {
            // An item whose work ended meanwhile, and was claimed again, has another epoch.
            let owned = self.owned.get(&lease.item);
            if let Some(owned) = owned
                && owned.lease == lease
                && owned.waits_since.is_some()
            {
                self.shared.emit(Event::ItemLost((&owned.item).into()));
                self.forget(lease.item);
            }
        }
        Ok(())
    }

    /// Stops waiting for an item, which another process has claimed, or which takes too long.
    fn forget(&mut self, id: ItemId) {
        let Some(owned) = self.owned.remove(&id) else {
            return;
        };
        self.kept.remove(&id);
        self.deadlines.end(id);
        self.unwatch(&owned.item);
        let now = self.mono();
        self.scheduler.on_waited(now);
    }

    pub(super) fn unwatch(&mut self, item: &Item) {
        if let Some(indexed) = &item.indexed_id {
            self.targets.remove(indexed);
            self.watch
                .remove_indexed(&item.index_id.as_str().into(), &indexed.as_str().into());
        }
        if let Some(asset) = &item.asset_id {
            self.targets.remove(asset);
            self.watch.remove_asset(&asset.as_str().into());
        }
    }

    /// Gives back the items that the platform still works on, so that another run continues at once.
    pub(super) async fn give_leases_back(&mut self) -> Result<()> {
        let leases: Vec<Lease> = self.owned.values().map(|owned| owned.lease).collect();
        self.shared
            .store
            .call(move |ledger, _| {
                for lease in &leases {
                    match ledger.release(*lease) {
                        Err(error)
                            if !matches!(error.kind(), ErrorKind::Stale | ErrorKind::NotFound) =>
                        {
                            return Err(error);
                        }
                        _ => {}
                    }
                }
                Ok(())
            })
            .await?;
        Ok(())
    }
}

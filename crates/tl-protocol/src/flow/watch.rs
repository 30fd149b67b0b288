//! Waits for many assets and indexed assets at once: one list call answers for up to 50 of them.

use std::collections::BTreeMap;
use std::time::Duration;

use tl_model::{
    Asset, AssetId, IndexId, IndexedAsset, IndexedAssetId, IndexedAssetStatus, Page, SortOption,
};

use crate::{
    endpoint::{GetAsset, GetIndexedAsset, ListAssets, ListIndexedAssets, PageRequest, Sort},
    flow::{Expected, Progress, Watched},
    with_fields::with_fields,
};

/// Items per list call: the largest page of the platform.
const PAGE: usize = 50;

/// A look waits until this many targets are expected, so that one call answers for several.
const BATCH: usize = 8;

/// The shortest time between two looks that webhooks bring forward: many arrive together.
const URGENT_INTERVAL: Duration = Duration::from_secs(1);

/// How often targets are queried one by one at most.
const SINGLE_INTERVAL: Duration = Duration::from_secs(15);

/// Settings of a [`Watch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatchSettings {
    /// The first look at a target of which nothing is known. Default 1 s.
    pub first: Duration,
    /// The shortest time between two looks at a group. Default 2 s.
    pub min: Duration,
    /// The longest time between two looks at a group. Default 15 s.
    pub max: Duration,
    /// After which time a target is stalled, while the 95th percentile is unknown. Default 10
    /// minutes.
    pub stalled: Duration,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            min: Duration::from_secs(2),
            max: Duration::from_secs(15),
            stalled: Duration::from_secs(600),
        }
    }
}

with_fields!(WatchSettings {
    with_first(first: Duration);
    with_min(min: Duration);
    with_max(max: Duration);
    with_stalled(stalled: Duration);
});

/// A request that answers for targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// List these assets: [`Look::assets_request`].
    Assets(Vec<AssetId>),
    /// List what changed in an index: [`Look::index_request`].
    Index {
        /// The index.
        index_id: IndexId,
        /// The page, from 1.
        page: u32,
    },
    /// Get an asset.
    Asset(AssetId),
    /// Get an indexed asset.
    IndexedAsset(IndexId, IndexedAssetId),
}

impl Look {
    /// The request for [`Look::Assets`].
    #[must_use]
    pub fn assets_request(ids: &[AssetId]) -> ListAssets {
        ListAssets {
            page: page(1),
            asset_ids: ids.to_vec(),
            ..ListAssets::default()
        }
    }

    /// The request for [`Look::Index`]: what is final, changed last first.
    #[must_use]
    pub fn index_request(index_id: &IndexId, number: u32) -> ListIndexedAssets {
        let mut list = ListIndexedAssets::new(index_id.clone());
        list.page = page(number);
        list.sort = Sort {
            by: Some(tl_model::SortBy::UpdatedAt),
            option: Some(SortOption::Desc),
        };
        list.status = vec![IndexedAssetStatus::Ready, IndexedAssetStatus::Failed];
        list
    }
}

fn page(number: u32) -> PageRequest {
    PageRequest {
        page: Some(number),
        page_limit: Some(50),
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextLook {
    /// Send this request now, and pass its result to the method of its kind.
    Now(Look),
    /// Nothing before this time.
    At(Duration),
    /// Nothing is waited for.
    Idle,
}

/// What became of a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// An asset is ready or has failed.
    Asset(Box<Asset>, Progress),
    /// An indexed asset is ready or has failed.
    IndexedAsset(Box<IndexedAsset>, Progress),
}

/// A target that takes much longer than others, or that the platform does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An asset.
    Asset(AssetId),
    /// An indexed asset.
    IndexedAsset(IndexedAssetId),
}

#[derive(Debug, Clone)]
struct State {
    since: Duration,
    /// When it is expected.
    due: Duration,
    /// When it is stalled, and is queried by itself.
    stalled: Duration,
    /// When it was queried by itself.
    single: Option<Duration>,
    is_stalled: bool,
}

#[derive(Debug, Clone)]
struct Group<Id> {
    targets: BTreeMap<Id, State>,
    last: Option<Duration>,
    /// The page to ask for, of a look that takes several.
    page: u32,
    /// Bring the next look forward.
    is_urgent: bool,
}

impl<Id> Default for Group<Id> {
    fn default() -> Self {
        Self {
            targets: BTreeMap::new(),
            last: None,
            page: 1,
            is_urgent: false,
        }
    }
}

impl<Id: Ord + Clone> Group<Id> {
    /// When to look at the group, or `None` if it is empty.
    fn next(&self, settings: &WatchSettings) -> Option<Duration> {
        let mut due: Vec<Duration> = self.targets.values().map(|state| state.due).collect();
        due.sort_unstable();
        let wanted = due.get(BATCH.min(due.len()).checked_sub(1)?).copied()?;
        let first = due.first().copied()?;
        if self.page > 1 {
            return Some(self.last.unwrap_or_default());
        }
        if self.is_urgent {
            let interval = URGENT_INTERVAL.min(settings.min);
            return Some(self.last.map_or(Duration::ZERO, |last| last + interval));
        }
        let earliest = self.last.map_or(first, |last| last + settings.min);
        let latest = first.max(earliest) + settings.max;
        Some(wanted.clamp(earliest, latest))
    }

    /// The target that has to be queried by itself now, or the next time of one.
    fn single(&self, now: Duration) -> Result<Id, Option<Duration>> {
        let at = |state: &State| {
            let again = |last| last + SINGLE_INTERVAL;
            state.single.map_or(state.stalled, again)
        };
        let next = self.targets.iter().min_by_key(|(_, state)| at(state));
        match next {
            Some((id, state)) if at(state) <= now => Ok(id.clone()),
            Some((_, state)) => Err(Some(at(state))),
            None => Err(None),
        }
    }

    /// Expects those that a look did not show as final again.
    fn postpone(&mut self, now: Duration, settings: &WatchSettings) {
        for state in self.targets.values_mut().filter(|state| state.due <= now) {
            let waited = now.saturating_sub(state.since);
            state.due = now + (waited / 4).clamp(settings.min, settings.max);
        }
    }

    fn ended_look(&mut self, now: Duration, settings: &WatchSettings) {
        self.last = Some(now);
        self.page = 1;
        self.is_urgent = false;
        self.postpone(now, settings);
    }
}

/// Waits for many assets and indexed assets: one list call answers for up to 50 of them.
///
/// [`Watch`] is pure. It decides when to look and at what; the caller sends the request and passes
/// the page back. With nothing to wait for, it asks for nothing.
///
/// ```
/// use std::time::Duration;
/// use tl_model::{Asset, AssetStatus, Page, PageInfo};
/// use tl_protocol::flow::{Expected, Look, NextLook, Watch, WatchSettings};
///
/// let mut watch = Watch::new(WatchSettings::default());
/// assert_eq!(watch.next(Duration::ZERO), NextLook::Idle);
///
/// watch.add_asset(Duration::ZERO, "a1".into(), Expected::default());
/// let NextLook::At(first) = watch.next(Duration::ZERO) else { panic!("it waits") };
/// let NextLook::Now(Look::Assets(ids)) = watch.next(first) else { panic!("it looks") };
/// let mut asset = Asset::new(ids[0].clone());
/// asset.status = Some(AssetStatus::Ready);
/// let changes = watch.on_assets(first, &Page::new(vec![asset], PageInfo::default()));
/// assert_eq!(changes.len(), 1);
/// assert_eq!(watch.next(first), NextLook::Idle);
/// ```
///
/// # Cadence
///
/// A target is expected after the median of its kind, which the caller measures
/// ([`History`](crate::flow::History)). The next look of a group (all assets, or the indexed assets
/// of one index) is at the time at which a few targets are expected, between [`WatchSettings::min`]
/// and [`WatchSettings::max`] after the last look. A target that is late is expected again after a
/// quarter of the time that it has taken so far.
/// [`Watch::look_now`], for webhooks, only brings the next look forward.
///
/// # Lists that lag, filters that are ignored
///
/// A page may contain anything: targets are found by their ids, and other items are skipped. A
/// target that no page shows as final for three times the 95th percentile is queried by itself from
/// then on, and reported once as stalled.
#[derive(Debug, Clone)]
pub struct Watch {
    settings: WatchSettings,
    assets: Group<AssetId>,
    indexes: BTreeMap<IndexId, Group<IndexedAssetId>>,
    stalled: Vec<Target>,
}

impl Watch {
    /// A watch with nothing to wait for.
    #[must_use]
    pub fn new(settings: WatchSettings) -> Self {
        Self {
            settings,
            assets: Group::default(),
            indexes: BTreeMap::new(),
            stalled: Vec::new(),
        }
    }

    /// Waits for an asset, of which it is expected how long it is processed.
    pub fn add_asset(&mut self, now: Duration, asset_id: AssetId, expected: Expected) {
        let state = self.state(now, expected);
        self.assets.targets.entry(asset_id).or_insert(state);
    }

    /// Waits for an indexed asset, of which it is expected how long it is indexed.
    pub fn add_indexed(
        &mut self,
        now: Duration,
        index_id: IndexId,
        id: IndexedAssetId,
        expected: Expected,
    ) {
        let state = self.state(now, expected);
        let group = self.indexes.entry(index_id).or_default();
        group.targets.entry(id).or_insert(state);
    }

    fn state(&self, now: Duration, expected: Expected) -> State {
        let stalled = match expected.p95 {
            Some(p95) => (p95 * 3).max(self.settings.max),
            None => self.settings.stalled,
        };
        State {
            since: now,
            due: now + expected.median.unwrap_or(self.settings.first),
            stalled: now + stalled.max(expected.at_least),
            single: None,
            is_stalled: false,
        }
    }

    /// Stops waiting for an asset.
    pub fn remove_asset(&mut self, asset_id: &AssetId) {
        self.assets.targets.remove(asset_id);
    }

    /// Stops waiting for an indexed asset.
    pub fn remove_indexed(&mut self, index_id: &IndexId, id: &IndexedAssetId) {
        if let Some(group) = self.indexes.get_mut(index_id) {
            group.targets.remove(id);
        }
    }

    /// Number of targets.
    #[must_use]
    pub fn len(&self) -> usize {
        let indexed: usize = self.indexes.values().map(|group| group.targets.len()).sum();
        self.assets.targets.len() + indexed
    }

    /// Whether nothing is waited for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Brings the next looks forward, because a webhook was received.
    pub fn look_now(&mut self) {
        self.assets.is_urgent = !self.assets.targets.is_empty();
        for group in self.indexes.values_mut() {
            group.is_urgent = !group.targets.is_empty();
        }
    }

    /// The targets that were found to be stalled since the last call.
    pub fn take_stalled(&mut self) -> Vec<Target> {
        std::mem::take(&mut self.stalled)
    }

    /// What to do at this time.
    pub fn next(&mut self, now: Duration) -> NextLook {
        self.indexes.retain(|_, group| !group.targets.is_empty());
        let mut next: Option<Duration> = None;
        let mut earlier = |at: Duration| next = Some(next.map_or(at, |next| next.min(at)));
        match self.assets.single(now) {
            Ok(id) => {
                if let Some(state) = self.assets.targets.get_mut(&id) {
                    state.single = Some(now);
                    if !std::mem::replace(&mut state.is_stalled, true) {
                        self.stalled.push(Target::Asset(id.clone()));
                    }
                }
                return NextLook::Now(Look::Asset(id));
            }
            Err(at) => at.into_iter().for_each(&mut earlier),
        }
        for (index_id, group) in &mut self.indexes {
            match group.single(now) {
                Ok(id) => {
                    if let Some(state) = group.targets.get_mut(&id) {
                        state.single = Some(now);
                        if !std::mem::replace(&mut state.is_stalled, true) {
                            self.stalled.push(Target::IndexedAsset(id.clone()));
                        }
                    }
                    return NextLook::Now(Look::IndexedAsset(index_id.clone(), id));
                }
                Err(at) => at.into_iter().for_each(&mut earlier),
            }
        }
        if let Some(at) = self.assets.next(&self.settings) {
            if at <= now {
                // Those that are expected first.
                let mut ids: Vec<(&AssetId, &State)> = self.assets.targets.iter().collect();
                ids.sort_by_key(|(_, state)| state.due);
                let ids = ids.into_iter().take(PAGE).map(|(id, _)| id.clone());
                return NextLook::Now(Look::Assets(ids.collect()));
            }
            earlier(at);
        }
        for (index_id, group) in &self.indexes {
            if let Some(at) = group.next(&self.settings) {
                if at <= now {
                    return NextLook::Now(Look::Index {
                        index_id: index_id.clone(),
                        page: group.page,
                    });
                }
                earlier(at);
            }
        }
        next.map_or(NextLook::Idle, NextLook::At)
    }

    /// Takes the page of [`Look::Assets`], and returns what is final.
    pub fn on_assets(&mut self, now: Duration, page: &Page<Asset>) -> Vec<Change> {
        let found = page.data.iter().filter_map(|asset| self.take_asset(asset));
        let changes = found.collect();
        self.assets.ended_look(now, &self.settings);
        changes
    }

    /// Takes the page of [`Look::Index`], and returns what is final. The next page is asked for if
    /// this one contained targets and others are left.
    pub fn on_index(
        &mut self,
        now: Duration,
        index_id: &IndexId,
        page: &Page<IndexedAsset>,
    ) -> Vec<Change> {
        let Some(group) = self.indexes.get_mut(index_id) else {
            return Vec::new();
        };
        let before = group.page;
        let mut has_targets = false;
        let mut changes = Vec::new();
        for indexed in &page.data {
            if !group.targets.contains_key(&indexed.id) {
                continue;
            }
            has_targets = true;
            let progress = GetIndexedAsset::progress(indexed);
            if progress != Progress::Working {
                group.targets.remove(&indexed.id);
                changes.push(Change::IndexedAsset(Box::new(indexed.clone()), progress));
            }
        }
        group.last = Some(now);
        if has_targets && page.data.len() >= PAGE && !group.targets.is_empty() {
            group.page = before + 1;
        } else {
            group.ended_look(now, &self.settings);
        }
        changes
    }

    /// Takes the answer to [`Look::Asset`].
    pub fn on_asset(&mut self, asset: &Asset) -> Option<Change> {
        self.take_asset(asset)
    }

    /// Takes the answer to [`Look::IndexedAsset`].
    pub fn on_indexed(&mut self, index_id: &IndexId, indexed: &IndexedAsset) -> Option<Change> {
        let group = self.indexes.get_mut(index_id)?;
        let progress = GetIndexedAsset::progress(indexed);
        if progress == Progress::Working || group.targets.remove(&indexed.id).is_none() {
            return None;
        }
        Some(Change::IndexedAsset(Box::new(indexed.clone()), progress))
    }

    /// A look failed, or its page cannot be read. The group is looked at again later; if the page
    /// cannot be read at all, the targets become stalled, and are queried one by one.
    pub fn on_failed(&mut self, now: Duration, look: &Look) {
        match look {
            Look::Assets(_) => self.assets.ended_look(now, &self.settings),
            Look::Index { index_id, .. } => {
                if let Some(group) = self.indexes.get_mut(index_id) {
                    group.ended_look(now, &self.settings);
                }
            }
            Look::Asset(_) | Look::IndexedAsset(..) => {}
        }
    }

    fn take_asset(&mut self, asset: &Asset) -> Option<Change> {
        let progress = GetAsset::progress(asset);
        if progress == Progress::Working || self.assets.targets.remove(&asset.id).is_none() {
            return None;
        }
        Some(Change::Asset(Box::new(asset.clone()), progress))
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;

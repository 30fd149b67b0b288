//! Simulations of a watch in virtual time, against a platform with lists that lag or ignore filters.

use tl_model::{AssetStatus, PageInfo};

use super::*;

/// A platform on which each target takes some time.
#[derive(Default)]
struct Platform {
    /// Id, the time at which it is final, and whether it fails.
    indexed: Vec<(String, Duration, bool)>,
    /// How long a list does not show a change.
    lag: Duration,
    ignores_filters: bool,
    requests: usize,
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

impl Platform {
    fn indexed(&self, now: Duration, id: &str) -> IndexedAsset {
        let (_, at, fails) = self.indexed.iter().find(|(known, ..)| known == id).unwrap();
        let mut indexed = IndexedAsset::new(IndexedAssetId::from(id));
        indexed.status = Some(match (now >= *at, fails) {
            (false, _) => IndexedAssetStatus::Indexing,
            (true, false) => IndexedAssetStatus::Ready,
            (true, true) => IndexedAssetStatus::Failed,
        });
        indexed
    }

    fn page(&self, now: Duration, number: u32) -> Page<IndexedAsset> {
        let seen = now.saturating_sub(self.lag);
        let mut all: Vec<_> = self.indexed.iter().collect();
        if !self.ignores_filters {
            all.retain(|(_, at, _)| seen >= *at);
            all.sort_by_key(|(_, at, _)| std::cmp::Reverse(*at));
        }
        let items = all
            .into_iter()
            .skip((number as usize - 1) * PAGE)
            .take(PAGE)
            .map(|(id, ..)| self.indexed(seen, id));
        Page::new(items.collect(), PageInfo::default())
    }

    /// Runs until nothing is waited for, and returns when each target was seen to be final.
    fn run(
        &mut self,
        watch: &mut Watch,
        expected: Expected,
        mut add: Vec<Duration>,
    ) -> Vec<Duration> {
        let index = IndexId::from("i");
        let mut now = Duration::ZERO;
        let mut seen = Vec::new();
        let ids: Vec<String> = self.indexed.iter().map(|(id, ..)| id.clone()).collect();
        let mut ids = ids.into_iter();
        for _ in 0..100_000 {
            while add.first().is_some_and(|at| *at <= now) {
                let at = add.remove(0);
                let id = ids.next().unwrap();
                watch.add_indexed(at, index.clone(), id.as_str().into(), expected);
            }
            let changes = match watch.next(now) {
                NextLook::Idle => match add.first() {
                    Some(at) => {
                        now = *at;
                        continue;
                    }
                    None => return seen,
                },
                NextLook::At(at) => {
                    assert!(at > now, "it asks to wait until a time that has passed");
                    now = add.first().map_or(at, |next| at.min(*next));
                    continue;
                }
                NextLook::Now(Look::Index { index_id, page }) => {
                    self.requests += 1;
                    watch.on_index(now, &index_id, &self.page(now, page))
                }
                NextLook::Now(Look::IndexedAsset(index_id, id)) => {
                    self.requests += 1;
                    let indexed = self.indexed(now, id.as_str());
                    watch.on_indexed(&index_id, &indexed).into_iter().collect()
                }
                NextLook::Now(other) => panic!("no asset is waited for: {other:?}"),
            };
            seen.extend(changes.iter().map(|_| now));
        }
        panic!("it never ends");
    }
}

/// `count` targets, one added per `interval`, each of which takes `takes`.
fn steady(count: usize, interval: f64, takes: f64) -> (Platform, Vec<Duration>) {
    let added: Vec<Duration> = (0..count).map(|n| seconds(n as f64 * interval)).collect();
    let indexed = added
        .iter()
        .enumerate()
        .map(|(n, at)| (format!("x{n:04}"), *at + seconds(takes), false))
        .collect();
    let platform = Platform {
        indexed,
        ..Platform::default()
    };
    (platform, added)
}

fn watch() -> Watch {
    Watch::new(WatchSettings::default())
}

fn expected(median: f64, p95: f64) -> Expected {
    let mut expected = Expected::default();
    (expected.median, expected.p95) = (Some(seconds(median)), Some(seconds(p95)));
    expected
}

#[test]
fn one_request_answers_for_several_targets() {
    // One item per second, each takes 20 s: the rate of the plan `developer-1`.
    let (mut platform, added) = steady(600, 1.0, 20.0);
    let seen = platform.run(&mut watch(), expected(20.0, 22.0), added.clone());
    assert_eq!(seen.len(), 600);
    assert!(platform.requests <= 300, "{} requests", platform.requests);
    let last = *seen.last().unwrap();
    assert!(last <= *added.last().unwrap() + seconds(20.0 + 15.0));
}

#[test]
fn nothing_is_asked_while_idle() {
    let mut watch = watch();
    assert_eq!(watch.next(seconds(0.0)), NextLook::Idle);
    watch.look_now();
    assert_eq!(watch.next(seconds(1000.0)), NextLook::Idle);
}

#[test]
fn no_look_before_the_first_is_expected() {
    let mut watch = watch();
    watch.add_asset(seconds(5.0), "a".into(), expected(20.0, 22.0));
    assert_eq!(watch.next(seconds(6.0)), NextLook::At(seconds(25.0)));
    // A webhook brings it forward, once.
    watch.look_now();
    let NextLook::Now(Look::Assets(ids)) = watch.next(seconds(7.0)) else {
        panic!("it looks");
    };
    assert_eq!(ids.len(), 1);
    watch.on_assets(seconds(7.0), &Page::new(Vec::new(), PageInfo::default()));
    assert_eq!(watch.next(seconds(7.0)), NextLook::At(seconds(25.0)));
}

#[test]
fn webhooks_that_arrive_together_bring_one_look_forward() {
    let mut watch = watch();
    watch.add_asset(Duration::ZERO, "a".into(), expected(20.0, 22.0));
    let mut looks = 0;
    for tenth in 0..30 {
        let now = seconds(5.0 + f64::from(tenth) / 10.0);
        watch.look_now();
        if let NextLook::Now(_) = watch.next(now) {
            looks += 1;
            watch.on_assets(now, &Page::new(Vec::new(), PageInfo::default()));
        }
    }
    assert_eq!(looks, 3, "one per second");
}

#[test]
fn failures_are_reported_with_their_status() {
    let mut watch = watch();
    watch.add_asset(Duration::ZERO, "a".into(), expected(1.0, 2.0));
    watch.add_asset(Duration::ZERO, "b".into(), expected(1.0, 2.0));
    let asset = |id: &str, status| {
        let mut asset = Asset::new(AssetId::from(id));
        asset.status = Some(status);
        asset
    };
    let page = vec![
        asset("b", AssetStatus::Failed),
        asset("foreign", AssetStatus::Ready),
        asset("a", AssetStatus::Processing),
    ];
    let changes = watch.on_assets(seconds(1.0), &Page::new(page, PageInfo::default()));
    let [Change::Asset(asset, Progress::Failed(_))] = &changes[..] else {
        panic!("{changes:?}");
    };
    assert_eq!(asset.id.as_str(), "b");
    assert_eq!(watch.len(), 1);
}

#[test]
fn lists_that_lag_delay_and_lose_nothing() {
    let (mut platform, added) = steady(200, 1.0, 20.0);
    platform.lag = seconds(30.0);
    let seen = platform.run(&mut watch(), expected(20.0, 30.0), added);
    assert_eq!(seen.len(), 200);
    assert!(platform.requests <= 400, "{} requests", platform.requests);
}

#[test]
fn ignored_filters_cost_requests_and_lose_nothing() {
    let (mut platform, added) = steady(300, 0.2, 20.0);
    platform.ignores_filters = true;
    let seen = platform.run(&mut watch(), expected(20.0, 22.0), added);
    assert_eq!(seen.len(), 300);
}

#[test]
fn what_no_list_shows_is_queried_by_itself() {
    let (mut platform, added) = steady(3, 0.0, 20.0);
    platform.lag = seconds(1e6);
    let mut watch = watch();
    let seen = platform.run(&mut watch, expected(20.0, 22.0), added);
    assert_eq!(seen.len(), 3);
    // Three times the 95th percentile.
    assert!(
        seen.iter()
            .all(|at| *at >= seconds(66.0) && *at < seconds(90.0)),
        "{seen:?}"
    );
    assert_eq!(watch.take_stalled().len(), 3);
    assert!(watch.take_stalled().is_empty(), "reported once");
}

#[test]
fn burst_takes_one_call_per_page() {
    let (mut platform, added) = steady(500, 0.0, 20.0);
    let seen = platform.run(&mut watch(), expected(20.0, 22.0), added);
    assert_eq!(seen.len(), 500);
    assert_eq!(platform.requests, 10);
}

#[test]
fn unknown_durations_start_with_short_intervals() {
    let (mut platform, added) = steady(1, 0.0, 3.0);
    let seen = platform.run(&mut watch(), Expected::default(), added);
    assert_eq!(seen, [seconds(3.0)]);
    let (mut platform, added) = steady(1, 0.0, 600.0);
    platform.run(&mut watch(), Expected::default(), added);
    assert!(platform.requests < 70, "{} requests", platform.requests);
}

#[test]
fn film_among_clips_is_not_stalled_before_its_own_time() {
    let mut watch = watch();
    let index = IndexId::from("i");
    let clip = expected(20.0, 22.0);
    let mut film = clip;
    film.at_least = seconds(7200.0);
    watch.add_indexed(Duration::ZERO, index.clone(), "clip".into(), clip);
    watch.add_indexed(Duration::ZERO, index.clone(), "film".into(), film);
    let next = watch.next(seconds(66.0));
    let alone = Look::IndexedAsset(index.clone(), "clip".into());
    assert_eq!(
        next,
        NextLook::Now(alone),
        "three times the 95th percentile"
    );
    watch.remove_indexed(&index, &"clip".into());
    for at in [66.0, 7199.0] {
        let next = watch.next(seconds(at));
        assert!(
            matches!(next, NextLook::Now(Look::Index { .. })),
            "{next:?}"
        );
    }
    let next = watch.next(seconds(7200.0));
    assert_eq!(
        next,
        NextLook::Now(Look::IndexedAsset(index, "film".into()))
    );
    assert_eq!(watch.take_stalled().len(), 2);
}

fn index() -> IndexId {
    "i".into()
}

fn asset(id: &str, status: AssetStatus) -> Asset {
    let mut asset = Asset::new(AssetId::from(id));
    asset.status = Some(status);
    asset
}

fn page<T>(items: impl IntoIterator<Item = T>) -> Page<T> {
    Page::new(items.into_iter().collect(), PageInfo::default())
}

/// A page of indexed assets that are ready.
fn ready(ids: impl IntoIterator<Item = String>) -> Page<IndexedAsset> {
    page(ids.into_iter().map(|id| {
        let mut indexed = IndexedAsset::new(id);
        indexed.status = Some(IndexedAssetStatus::Ready);
        indexed
    }))
}

#[test]
fn look_at_assets_lists_the_first_fifty_of_these_ids() {
    let list = Look::assets_request(&["a".into(), "b".into()]);
    let mut expected = ListAssets::default();
    expected.page.page = Some(1);
    expected.page.page_limit = Some(50);
    expected.asset_ids = vec!["a".into(), "b".into()];
    assert_eq!(list, expected);
}

#[test]
fn look_at_an_index_lists_what_is_final_last_change_first() {
    let list = Look::index_request(&index(), 3);
    let mut expected = ListIndexedAssets::new(index());
    expected.page.page = Some(3);
    expected.page.page_limit = Some(50);
    expected.sort.by = Some(tl_model::SortBy::UpdatedAt);
    expected.sort.option = Some(SortOption::Desc);
    expected.status = vec![IndexedAssetStatus::Ready, IndexedAssetStatus::Failed];
    assert_eq!(list, expected);
}

#[test]
fn next_page_of_a_look_is_asked_for_at_once() {
    let mut watch = watch();
    let id = |n: usize| format!("x{n:02}");
    for n in 0..=PAGE {
        watch.add_indexed(Duration::ZERO, index(), id(n).into(), expected(20.0, 22.0));
    }
    let look = |page| {
        let index_id = index();
        NextLook::Now(Look::Index { index_id, page })
    };
    let now = seconds(20.0);
    assert_eq!(watch.next(now), look(1));
    let changes = watch.on_index(now, &index(), &ready((0..PAGE).map(id)));
    assert_eq!((changes.len(), watch.len()), (PAGE, 1));
    assert_eq!(watch.next(now), look(2));
    // The last page, without the target: the look has ended.
    assert_eq!(watch.on_index(now, &index(), &ready([])), []);
    assert_eq!(watch.next(now), NextLook::At(seconds(25.0)));
    assert_eq!(watch.next(seconds(25.0)), look(1));
}

#[test]
fn webhooks_bring_looks_at_indexes_forward_too() {
    let mut watch = watch();
    watch.add_indexed(Duration::ZERO, index(), "x".into(), expected(20.0, 22.0));
    let now = seconds(5.0);
    assert_eq!(watch.next(now), NextLook::At(seconds(20.0)));
    watch.look_now();
    let index_id = index();
    let look = Look::Index { index_id, page: 1 };
    assert_eq!(watch.next(now), NextLook::Now(look));
    watch.on_index(now, &index(), &ready([]));
    assert_eq!(watch.next(now), NextLook::At(seconds(20.0)));
}

#[test]
fn webhook_without_targets_brings_no_later_look_forward() {
    let mut watch = watch();
    watch.add_indexed(Duration::ZERO, index(), "x".into(), expected(20.0, 22.0));
    watch.remove_indexed(&index(), &"x".into());
    watch.look_now();
    watch.add_asset(Duration::ZERO, "a".into(), expected(20.0, 22.0));
    watch.add_indexed(Duration::ZERO, index(), "y".into(), expected(30.0, 32.0));
    assert_eq!(watch.next(seconds(5.0)), NextLook::At(seconds(20.0)));
}

#[test]
fn stalled_target_is_queried_every_15_s_and_reported_once() {
    let mut watch = watch();
    watch.add_asset(Duration::ZERO, "a".into(), expected(20.0, 22.0));
    let alone = Look::Asset("a".into());
    let now = seconds(66.0);
    assert_eq!(watch.next(now), NextLook::Now(alone.clone()));
    assert_eq!(watch.take_stalled(), [Target::Asset("a".into())]);
    assert_eq!(watch.on_asset(&asset("a", AssetStatus::Processing)), None);
    // The list, whose page is without the asset: it is expected again after 15 s.
    let list = Look::Assets(vec!["a".into()]);
    assert_eq!(watch.next(now), NextLook::Now(list));
    assert_eq!(watch.on_assets(now, &page([])), []);
    assert_eq!(watch.next(now), NextLook::At(seconds(81.0)));
    assert_eq!(watch.next(seconds(80.9)), NextLook::At(seconds(81.0)));
    assert_eq!(watch.next(seconds(81.0)), NextLook::Now(alone));
    assert_eq!(watch.take_stalled(), []);
    let ready = asset("a", AssetStatus::Ready);
    let change = Change::Asset(Box::new(ready.clone()), Progress::Ready);
    assert_eq!(watch.on_asset(&ready), Some(change));
    assert_eq!(watch.on_asset(&ready), None, "it is no target any more");
    assert_eq!(watch.next(seconds(81.0)), NextLook::Idle);
}

#[test]
fn removed_targets_are_not_waited_for() {
    let mut watch = watch();
    assert_eq!((watch.len(), watch.is_empty()), (0, true));
    for id in ["a", "b", "c"] {
        watch.add_asset(Duration::ZERO, id.into(), Expected::default());
    }
    for id in ["x", "y"] {
        watch.add_indexed(Duration::ZERO, index(), id.into(), Expected::default());
    }
    // A target that is added again is the same.
    watch.add_asset(Duration::ZERO, "a".into(), Expected::default());
    assert_eq!((watch.len(), watch.is_empty()), (5, false));
    for id in ["a", "b", "c"] {
        watch.remove_asset(&id.into());
    }
    watch.remove_asset(&"unknown".into());
    assert_eq!((watch.len(), watch.is_empty()), (2, false));
    watch.remove_indexed(&index(), &"x".into());
    watch.remove_indexed(&index(), &"y".into());
    assert_eq!((watch.len(), watch.is_empty()), (0, true));
    assert_eq!(watch.next(seconds(1.0)), NextLook::Idle);
}

#[test]
fn failed_look_is_repeated_later() {
    let mut watch = watch();
    watch.add_asset(Duration::ZERO, "a".into(), expected(20.0, 22.0));
    watch.add_indexed(Duration::ZERO, index(), "x".into(), expected(20.0, 22.0));
    let now = seconds(20.0);
    let index_id = index();
    for look in [
        Look::Assets(vec!["a".into()]),
        Look::Index { index_id, page: 1 },
    ] {
        assert_eq!(watch.next(now), NextLook::Now(look.clone()));
        watch.on_failed(now, &look);
    }
    // After a quarter of the time that they have taken so far.
    assert_eq!(watch.next(now), NextLook::At(seconds(25.0)));
    assert_eq!(watch.len(), 2);
    // A failed query of one target moves no list.
    watch.on_failed(seconds(24.0), &Look::Asset("a".into()));
    assert_eq!(watch.next(seconds(24.0)), NextLook::At(seconds(25.0)));
}

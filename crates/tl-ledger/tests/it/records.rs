//! Everything else that the ledger stores, across a restart.

use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::json;
use tl_ledger::{
    Chunk, ErrorKind, Item, ItemError, KeyTag, NewAccount, ProbeEntry, Selection, State, Update,
};
use tl_protocol::flow::StageTime;
use tl_protocol::limiter::{Category, Dimension, Level, Limiter, Limits, ReportedLimit};

use crate::place::Place;
use crate::suite;
use crate::world::{World, file, new_account};

suite![
    item_survives_a_restart,
    chunks_and_checkpoint_are_stored,
    cursor_moves_forward_only,
    stage_times_are_replaced,
    names_of_indexes_are_remembered,
    learned_limits_are_kept,
    event_is_recorded_once,
    probe_is_cached_by_mark,
    runs_are_recorded,
    plan_can_change_and_usage_stays,
    stream_reads_all_pages,
];

fn reopened(mut world: World<'_>) -> World<'_> {
    world.ledger = world.place.open();
    world
}

fn item_survives_a_restart(place: &Place) {
    let mut world = World::new(place);
    let new = file(1)
        .with_metadata(json!({"title": "Größe\u{0} 🎬", "n": [1, 2.5, null]}))
        .with_facts(json!({"codec": "h264"}))
        .with_options("o1")
        .with_priority(-3);
    let added = world.add(&[new])[0];
    let lease = world.lease();
    let now = world.now;
    let update = Update::to(State::Processing)
        .nonce("n")
        .route("direct")
        .upload_id("u")
        .asset_id("a")
        .video(Duration::from_millis(60_500))
        .status("processing");
    world.ledger.update(now, lease, &update).unwrap();
    world.pass(5);
    // The same status again keeps its time.
    let ready = world.now;
    let update = Update::to(State::Indexing)
        .status("processing")
        .indexed_id("i");
    world.ledger.update(ready, lease, &update).unwrap();
    world.pass(5);
    let end = world.now;
    world
        .ledger
        .finish(end, lease, Update::new().video_id("v").status("ready"))
        .unwrap();
    let mut world = reopened(world);
    let item = world.ledger.item(added.item).unwrap();
    let text = serde_json::to_string(&item).unwrap();
    assert_eq!(serde_json::from_str::<Item>(&text).unwrap(), item);
    assert_eq!(item.metadata.unwrap()["title"], "Größe\u{0} 🎬");
    assert_eq!(
        (item.state, item.priority, item.bytes),
        (State::Done, -3, 2)
    );
    assert_eq!(item.video, Some(Duration::from_millis(60_500)));
    assert_eq!(
        (item.sent, item.done, item.status_since),
        (Some(now), Some(end), Some(end))
    );
    assert_eq!((item.owner, item.lease_until), (None, None));
    assert_eq!(item.video_id.as_deref(), Some("v"));
    assert_eq!(
        world.ledger.facts(added.content).unwrap(),
        Some(json!({"codec": "h264"}))
    );
    assert_eq!(
        world.ledger.sources(added.item).unwrap(),
        ["file:///videos/1.mp4"]
    );
    world.add_files(1);
    let lease = world.lease();
    let error = ItemError::new("too_small", "360 pixels are needed").with_code("size");
    world
        .ledger
        .refuse(world.now, lease, "twelvelabs 2026-07", error.clone())
        .unwrap();
    let item = world.ledger.item(lease.item).unwrap();
    assert_eq!((item.error, item.state), (Some(error), State::Refused));
    assert_eq!(item.rules_pack.as_deref(), Some("twelvelabs 2026-07"));
    world.verify();
}

fn chunks_and_checkpoint_are_stored(place: &Place) {
    let mut world = World::new(place);
    world.add_files(1);
    let lease = world.lease();
    let chunk = |n, etag: &str| Chunk::new(n, etag, 5_000_000_000);
    world
        .ledger
        .add_chunks(lease, &[chunk(2, "b"), chunk(1, "a")])
        .unwrap();
    world.ledger.add_chunks(lease, &[chunk(2, "c")]).unwrap();
    world.ledger.set_checkpoint(lease, Some("{}")).unwrap();
    world
        .ledger
        .set_checkpoint(lease, Some("{\"a\":1}"))
        .unwrap();
    let mut world = reopened(world);
    assert_eq!(
        world.ledger.chunks(lease.item).unwrap(),
        [chunk(1, "a"), chunk(2, "c")]
    );
    let checkpoint = world.ledger.checkpoint(lease.item).unwrap();
    assert_eq!(checkpoint.as_deref(), Some("{\"a\":1}"));
    world.ledger.set_checkpoint(lease, None).unwrap();
    assert_eq!(world.ledger.checkpoint(lease.item).unwrap(), None);
    assert_eq!(world.ledger.chunks(lease.item).unwrap(), []);
}

fn cursor_moves_forward_only(place: &Place) {
    let mut world = World::new(place);
    let account = world.account;
    assert_eq!(world.ledger.cursor(account, "i").unwrap(), None);
    let earlier = world.now - Duration::from_secs(1);
    world.ledger.set_cursor(account, "i", world.now).unwrap();
    world.ledger.set_cursor(account, "i", earlier).unwrap();
    assert_eq!(world.ledger.cursor(account, "i").unwrap(), Some(world.now));
    let missing = tl_ledger::AccountId::new(99);
    assert!(world.ledger.set_cursor(missing, "i", earlier).is_err());
}

fn stage_times_are_replaced(place: &Place) {
    let mut world = World::new(place);
    let account = world.account;
    let seconds = |all: &[u64]| {
        let time = |s: &u64| StageTime::new(Duration::from_secs(*s), Duration::from_millis(s * 7));
        all.iter().map(time).collect::<Vec<_>>()
    };
    let of = |world: &mut World, state| world.ledger.stage_times(account, state).unwrap();
    assert_eq!(of(&mut world, State::Indexing), seconds(&[]));
    let of_link = vec![StageTime::new(Duration::from_secs(9), None)];
    for times in [seconds(&[1, 2]), of_link, seconds(&[]), seconds(&[3])] {
        let stored = world
            .ledger
            .set_stage_times(account, State::Indexing, &times);
        stored.unwrap();
        assert_eq!(of(&mut world, State::Indexing), times);
    }
    assert_eq!(of(&mut world, State::Processing), seconds(&[]));
    let mut world = reopened(world);
    assert_eq!(of(&mut world, State::Indexing), seconds(&[3]));
    let missing = tl_ledger::AccountId::new(99);
    let stored = world.ledger.set_stage_times(missing, State::Indexing, &[]);
    assert!(stored.is_err());
}

fn names_of_indexes_are_remembered(place: &Place) {
    let mut world = World::new(place);
    let account = world.account;
    let names = [("films", "i1"), ("clips", "i2"), ("films", "i3")];
    world.ledger.set_index_names(account, names).unwrap();
    let mut world = reopened(world);
    let mut of = |name| world.ledger.index_id(account, name).unwrap();
    assert_eq!(of("films").as_deref(), Some("i3"), "the last one counts");
    assert_eq!(of("clips").as_deref(), Some("i2"));
    assert_eq!(of("Films"), None);
    let missing = tl_ledger::AccountId::new(99);
    assert!(world.ledger.set_index_names(missing, names).is_err());
    assert_eq!(world.ledger.index_id(missing, "films").unwrap(), None);
}

fn learned_limits_are_kept(place: &Place) {
    let mut world = World::new(place);
    let start = Limits::named("developer-1").unwrap();
    let learning = new_account(start).with_learned_limits();
    let account = world.ledger.account(world.now, &learning).unwrap();
    let mut reported = ReportedLimit::default();
    (reported.limit, reported.reset_in) = (Some(240), Some(Duration::from_secs(9)));
    let correct = |now, limiter: &mut Limiter| limiter.correct(now, Category::Index, &reported);
    world.ledger.limiter(world.now, account, correct).unwrap();
    let mut world = reopened(world);
    let limit = |world: &mut World| {
        let levels = world.ledger.levels(world.now, account).unwrap();
        let is_wanted = |level: &&Level| level.dimension == Dimension::IndexPerMinute;
        levels.iter().find(is_wanted).unwrap().limit
    };
    world.ledger.account(world.now, &learning).unwrap();
    assert_eq!(limit(&mut world), Some(240));
    // A plan that is given counts.
    world
        .ledger
        .account(world.now, &new_account(start))
        .unwrap();
    assert_eq!(limit(&mut world), Some(60));
}

fn event_is_recorded_once(place: &Place) {
    let mut world = World::new(place);
    let item = world.add_files(1)[0];
    assert!(
        world
            .ledger
            .record_event(world.now, "whe_1", Some(item))
            .unwrap()
    );
    let first = world.ledger.events().unwrap();
    assert_eq!(first, Some((1, world.now)));
    assert!(!world.ledger.record_event(world.now, "whe_1", None).unwrap());
    assert_eq!(world.ledger.events().unwrap(), first);
    assert!(world.ledger.record_event(world.now, "whe_2", None).unwrap());
    assert_ne!(world.ledger.events().unwrap(), first);
}

fn probe_is_cached_by_mark(place: &Place) {
    let mut world = World::new(place);
    let path = b"/videos/\xff.mp4";
    let entries = [
        ProbeEntry::new(path, "m1", "{}"),
        ProbeEntry::new(b"/b", "m1", "[]"),
    ];
    world.ledger.set_probes(world.now, &entries).unwrap();
    assert_eq!(
        world.ledger.probe(path, "m1").unwrap().as_deref(),
        Some("{}")
    );
    assert_eq!(world.ledger.probe(path, "m2").unwrap(), None);
    let entries = [ProbeEntry::new(path, "m2", "{2}")];
    world.ledger.set_probes(world.now, &entries).unwrap();
    assert_eq!(world.ledger.probe(path, "m1").unwrap(), None);
}

fn runs_are_recorded(place: &Place) {
    let mut world = World::new(place);
    let totals = json!({"done": 3});
    world.ledger.end_run(world.now, world.run, &totals).unwrap();
    let runs = world.ledger.runs(10).unwrap();
    assert_eq!((runs[0].id, &*runs[0].version), (world.run, "0.1.0"));
    assert_eq!(
        (runs[0].ended, &runs[0].totals),
        (Some(world.now), &Some(totals))
    );
    let missing = tl_ledger::RunId::new(99);
    let error = world
        .ledger
        .end_run(world.now, missing, &json!({}))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

fn plan_can_change_and_usage_stays(place: &Place) {
    let mut limits = Limits::UNLIMITED;
    limits.uploads_per_day = Some(1);
    let mut world = World::with(place, limits);
    world.add_files(3);
    assert_eq!(world.claim(3).items.len(), 1);
    limits.uploads_per_day = Some(2);
    let account = world
        .ledger
        .account(world.now, &new_account(limits))
        .unwrap();
    assert_eq!(account, world.account);
    assert_eq!(world.claim(3).items.len(), 1);
    // Another key is another account.
    let key = KeyTag::of("tlk_OTHER");
    let other = NewAccount::new("https://api.twelvelabs.io/v1.3", key, "free", limits);
    assert_ne!(world.ledger.account(world.now, &other).unwrap(), account);
    let accounts = world.ledger.accounts().unwrap();
    assert_eq!(accounts.len(), 2);
    assert_eq!(accounts[1].plan, "free");
}

fn stream_reads_all_pages(place: &Place) {
    let mut world = World::new(place);
    let ids = world.add_files(1201);
    let read: Vec<_> = world.items().iter().map(|item| item.id).collect();
    assert_eq!(read, ids);
    let mut first = Vec::new();
    let selection = Selection::of(world.account)
        .index("index-1")
        .states([State::Ready, State::Done])
        .items(&ids[600..]);
    world
        .ledger
        .for_each(&selection, |item| {
            first.push(item.id);
            if first.len() == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
    assert_eq!(first, ids[600..603]);
    let counts = world.ledger.counts(world.now, world.account).unwrap();
    assert_eq!((counts.of(State::Ready), counts.total()), (1201, 1201));
    assert_eq!(counts.states[&State::Ready].bytes, 1201 * 1202 / 2);
    assert_eq!(
        counts.states[&State::Ready].video,
        Duration::from_secs(1201 * 60)
    );
}

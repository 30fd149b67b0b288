//! Exporting and importing.

use std::ops::ControlFlow;

use tl_ledger::{
    Chunk, ErrorKind, Imported, ItemError, Operation, Outcome, Record, Selection, State, Update,
};

use crate::place::Place;
use crate::suite;
use crate::world::{World, file};

suite![
    exported_items_are_imported_completely,
    import_keeps_what_was_sent_and_replaces_what_was_not,
    wrong_records_import_nothing,
];

fn export(world: &mut World<'_>) -> Vec<Record> {
    let mut records = Vec::new();
    let all = Selection::all();
    world
        .ledger
        .export(&all, |record| {
            records.push(record);
            ControlFlow::Continue(())
        })
        .unwrap();
    records
}

fn import(world: &mut World<'_>, records: &[Record]) -> (u64, u64, u64) {
    let imported = world.ledger.import(world.now, world.run, records).unwrap();
    let Imported {
        added,
        replaced,
        kept,
        ..
    } = imported;
    world.verify();
    (added, replaced, kept)
}

/// Items in several states, with everything that an item can have.
fn fill(world: &mut World<'_>) {
    let metadata = serde_json::json!({ "title": "A \"clip\",\nwith lines", "n": 1 });
    let mut items: Vec<_> = (0..6).map(file).collect();
    items[0] = items[0]
        .clone()
        .with_metadata(metadata)
        .with_facts(serde_json::json!({ "x": 1 }));
    world.add(&items);
    let (now, run) = (world.now, world.run);
    let claim = world.claim(5);
    let lease = |n: usize| claim.items[n].lease;
    let ledger = &mut world.ledger;
    let update = Update::to(State::Sending)
        .nonce("n-1")
        .route("multipart")
        .upload_id("u-1");
    let done = ledger
        .intent(now, lease(0), run, Operation::CreateUpload, &update)
        .unwrap();
    let outcome = Outcome::created("u-1")
        .with_http(201)
        .with_request_id("r-1");
    ledger
        .outcome(
            now,
            lease(0),
            done,
            &outcome,
            &Update::new().asset_id("a-1"),
        )
        .unwrap();
    ledger
        .add_chunks(lease(0), &[Chunk::new(1, "etag", 7), Chunk::new(2, "e", 3)])
        .unwrap();
    ledger.set_checkpoint(lease(0), Some("{\"a\":1}")).unwrap();
    ledger.set_hash(lease(0), [9; 32]).unwrap();
    // In doubt.
    ledger
        .intent(
            now,
            lease(1),
            run,
            Operation::CreateAsset,
            &Update::to(State::Sending),
        )
        .unwrap();
    let error = || ItemError::new("kind", "text, \"quoted\"").with_code("code");
    ledger.fail(now, lease(2), error()).unwrap();
    ledger
        .hold(lease(3), now + std::time::Duration::from_secs(60), "quota")
        .unwrap();
    let update = Update::new()
        .asset_id("a")
        .indexed_id("i")
        .video_id("v")
        .status("ready");
    ledger.finish(now, lease(4), update).unwrap();
}

/// A record without what belongs to the ledger that it was exported from.
fn comparable(mut record: Record) -> serde_json::Value {
    record.item.owner = None;
    record.item.lease_until = None;
    let mut value = serde_json::to_value(record).unwrap();
    for name in ["id", "account", "content"] {
        value["item"][name].take();
    }
    for attempt in value["attempts"].as_array_mut().unwrap() {
        for name in ["id", "item", "run"] {
            attempt[name].take();
        }
    }
    value
}

fn exported_items_are_imported_completely(place: &Place) {
    let from = Place::file();
    let mut source = World::new(&from);
    fill(&mut source);
    let records = export(&mut source);
    assert_eq!(records.len(), 6);
    // Other numbers than in the exporting ledger.
    let mut target = World::new(place);
    target.add(&[file(90), file(91)]);
    let others: Vec<_> = target.items().iter().map(|item| item.id).collect();
    assert_eq!(import(&mut target, &records), (6, 0, 0));
    let mut again = export(&mut target);
    again.retain(|record| !others.contains(&record.item.id));
    let all = |records: Vec<Record>| records.into_iter().map(comparable).collect::<Vec<_>>();
    assert_eq!(all(again.clone()), all(records.clone()));
    // The same file is the same item there, and an attempt in doubt is in doubt there.
    assert!(!target.add(&[file(0)])[0].is_new);
    assert_eq!(
        target
            .ledger
            .in_doubt(target.now, target.account)
            .unwrap()
            .len(),
        1
    );
    assert_eq!(import(&mut target, &records), (0, 0, 6));
}

fn import_keeps_what_was_sent_and_replaces_what_was_not(place: &Place) {
    let from = Place::file();
    let mut source = World::new(&from);
    fill(&mut source);
    let records = export(&mut source);
    let mut target = World::new(place);
    // File 4 is done in the export. File 0 was sent here as well.
    target.add(&[file(4), file(0)]);
    let lease = target.claim(2).items[1].lease;
    let (now, run) = (target.now, target.run);
    let update = Update::to(State::Sending).nonce("other");
    target
        .ledger
        .intent(now, lease, run, Operation::CreateAsset, &update)
        .unwrap();
    let claimed = import(&mut target, &records);
    assert_eq!(claimed, (4, 0, 2), "an item that is claimed is kept");
    target.pass(60);
    for item in target.items() {
        if item.owner.is_some() {
            target.ledger.release(item.lease()).unwrap();
        }
    }
    assert_eq!(import(&mut target, &records), (0, 1, 5));
    let items = target.items();
    let of = |name: &str| items.iter().find(|item| item.name == name).unwrap();
    assert_eq!(of("4.mp4").video_id.as_deref(), Some("v"));
    assert_eq!(of("0.mp4").nonce.as_deref(), Some("other"));
}

fn wrong_records_import_nothing(place: &Place) {
    let from = Place::file();
    let mut source = World::new(&from);
    source.add_files(2);
    let records = export(&mut source);
    let mut world = World::new(place);
    let check = |world: &mut World<'_>, change: &dyn Fn(&mut Record)| {
        let mut wrong = records.clone();
        change(&mut wrong[1]);
        let error = world
            .ledger
            .import(world.now, world.run, &wrong)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("1.mp4"), "{error}");
        assert_eq!(world.items(), []);
    };
    check(&mut world, &|record| record.v = 2);
    check(&mut world, &|record| record.sources.clear());
    check(&mut world, &|record| record.content.sampled = "00".into());
    check(&mut world, &|record| {
        record.content.full = Some("+f".repeat(32));
    });
    // What `verify` would find.
    for state in [State::Done, State::Refused, State::Failed] {
        check(&mut world, &|record| record.item.state = state);
    }
    for state in [State::Processing, State::Indexable] {
        check(&mut world, &|record| record.item.state = state);
    }
    assert_eq!(import(&mut world, &records), (2, 0, 0));
}

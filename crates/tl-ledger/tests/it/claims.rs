//! Claims, leases, limits, intents and outcomes.

use std::time::Duration;

use tl_ledger::{
    ClaimOptions, Error, ErrorKind, ItemError, Operation, Outcome, Result, State, Update,
};
use tl_protocol::limiter::{Category, Dimension, Limits, ReportedLimit};

use crate::place::Place;
use crate::suite;
use crate::world::{World, cost, file};

suite![
    started_items_come_first,
    expired_lease_is_claimed_again,
    every_write_of_a_stale_owner_is_refused,
    upload_and_index_are_reserved_together,
    concurrent_tasks_are_counted_from_rows,
    too_large_item_is_reported,
    a_429_stops_every_process,
    lost_response_is_in_doubt,
    held_item_is_due_later,
    failed_operation_in_a_batch_is_undone_alone,
];

const LEASE: Duration = Duration::from_secs(30);

fn names(claim: &tl_ledger::Claim) -> Vec<String> {
    claim
        .items
        .iter()
        .map(|claimed| claimed.item.name.clone())
        .collect()
}

fn started_items_come_first(place: &Place) {
    let mut world = World::new(place);
    let unchecked = file(4).with_state(State::Found);
    world.add(&[file(1), file(2).with_priority(5), file(3), unchecked]);
    let lease = world.lease();
    let update = Update::to(State::Indexable).asset_id("a2").and_release();
    world.ledger.update(world.now, lease, &update).unwrap();
    let options = world.options().limit(9).index("index-2");
    assert_eq!(
        names(&world.ledger.claim(world.now, &options, cost).unwrap()),
        [""; 0]
    );
    let options = world
        .options()
        .limit(9)
        .except_indexes(["index-1".to_owned()]);
    let claim = world.ledger.claim(world.now, &options, cost).unwrap();
    assert_eq!(names(&claim), [""; 0]);
    let claim = world.claim(3);
    assert_eq!(names(&claim), ["2.mp4", "1.mp4", "3.mp4"]);
    let options = world.options().states([State::Found]);
    assert_eq!(
        names(&world.ledger.claim(world.now, &options, cost).unwrap()),
        ["4.mp4"]
    );
    let claim = world.claim(9);
    assert_eq!(names(&claim), [""; 0]);
    assert_eq!(claim.next_due, None, "a process knows its own leases");
    let another = ClaimOptions::new(world.account, "another").limit(9);
    let claim = world.ledger.claim(world.now, &another, cost).unwrap();
    assert_eq!(names(&claim), [""; 0]);
    assert_eq!(claim.next_due, Some(world.now + LEASE));
    world.verify();
}

fn expired_lease_is_claimed_again(place: &Place) {
    let mut world = World::new(place);
    world.add_files(1);
    let first = world.lease();
    world.pass(29);
    assert_eq!(names(&world.claim(1)), [""; 0]);
    world.ledger.renew(world.now, first, LEASE).unwrap();
    world.pass(29);
    assert_eq!(names(&world.claim(1)), [""; 0]);
    world.pass(1);
    let second = world.lease();
    assert_eq!((second.item, second.epoch), (first.item, first.epoch + 1));
    assert_eq!(world.items()[0].claims, 2);
    world.ledger.release(second).unwrap();
    assert_eq!(world.lease().epoch, 3);
}

fn stale(result: Result<impl std::fmt::Debug>) {
    let error: Error = result.expect_err("the lease is stale");
    assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
}

fn every_write_of_a_stale_owner_is_refused(place: &Place) {
    let mut world = World::new(place);
    world.add_files(1);
    let old = world.lease();
    let (now, run) = (world.now, world.run);
    let ledger = &mut world.ledger;
    let attempt = ledger
        .intent(now, old, run, Operation::CreateAsset, &Update::new())
        .unwrap();
    world.pass(31);
    let new = world.lease();
    let before = world.items();
    let now = world.now;
    let ledger = &mut world.ledger;
    stale(ledger.renew(now, old, LEASE));
    stale(ledger.release(old));
    stale(ledger.update(now, old, &Update::to(State::Failed)));
    stale(ledger.hold(old, now, "quota"));
    stale(ledger.finish(now, old, Update::new()));
    stale(ledger.refuse(now, old, "pack", ItemError::new("rule", "text")));
    stale(ledger.fail(now, old, ItemError::new("kind", "text")));
    stale(ledger.restart(old));
    stale(ledger.intent(now, old, run, Operation::CreateTask, &Update::new()));
    stale(ledger.outcome(now, old, attempt, &Outcome::created("a"), &Update::new()));
    stale(ledger.set_hash(old, [1; 32]));
    stale(ledger.add_chunks(old, &[tl_ledger::Chunk::new(1, "e", 5)]));
    stale(ledger.set_checkpoint(old, Some("{}")));
    assert_eq!(ledger.attempts(old.item).unwrap().len(), 1);
    assert_eq!(ledger.open_attempts(old.item).unwrap().len(), 1);
    assert_eq!(world.items(), before);
    world.ledger.finish(now, new, Update::new()).unwrap();
    let gone = tl_ledger::Selection::all();
    world.ledger.forget(now, &gone).unwrap();
    let error = world.ledger.release(new).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

fn upload_and_index_are_reserved_together(place: &Place) {
    let mut limits = Limits::named("developer-1").unwrap();
    limits.minutes_per_hour = Some(2);
    let mut world = World::with(place, limits);
    world.add_files(5);
    let claim = world.claim(5);
    assert_eq!(names(&claim), ["0.mp4", "1.mp4"]);
    let wait = claim.wait.unwrap();
    assert_eq!(wait.dimension, Dimension::VideoPerHour);
    // Nothing is left reserved for the third: as many uploads as index requests were counted.
    let levels = world
        .ledger
        .limiter(world.now, world.account, |now, limiter| {
            limiter
                .levels(now)
                .iter()
                .map(|level| level.used)
                .collect::<Vec<_>>()
        });
    assert_eq!(levels.unwrap()[..4], [2, 2, 2, 2]);
    // The state is in the ledger, and another process waits for the same limit.
    let mut other = World {
        ledger: world.place.open(),
        ..world
    };
    assert_eq!(other.claim(1).wait, Some(wait));
    other.now = wait.until.unwrap();
    assert_eq!(names(&other.claim(1)), ["0.mp4"]);
}

fn concurrent_tasks_are_counted_from_rows(place: &Place) {
    let mut limits = Limits::UNLIMITED;
    limits.concurrent_tasks = Some(2);
    let mut world = World::with(place, limits);
    world.add_files(4);
    let claim = world.claim(4);
    assert_eq!(claim.items.len(), 2);
    let wait = claim.wait.unwrap();
    assert_eq!(
        (wait.until, wait.dimension),
        (None, Dimension::ConcurrentTasks)
    );
    let update = Update::to(State::Processing).asset_id("a").and_release();
    world
        .ledger
        .update(world.now, claim.items[0].lease, &update)
        .unwrap();
    // One is on the platform, the lease of the other has expired: no task has leaked.
    world.pass(60);
    assert_eq!(names(&world.claim(4)), ["1.mp4"]);
    // An item that is on the platform already needs no second task.
    let lease = world.items()[0].lease();
    world
        .ledger
        .update(world.now, lease, &Update::to(State::Indexable))
        .unwrap();
    assert_eq!(names(&world.claim(4)), ["0.mp4"]);
    let lease = world.items()[0].lease();
    world
        .ledger
        .finish(world.now, lease, Update::new())
        .unwrap();
    assert_eq!(names(&world.claim(4)), ["2.mp4"]);
}

fn too_large_item_is_reported(place: &Place) {
    let mut limits = Limits::UNLIMITED;
    limits.minutes_per_day = Some(1);
    let mut world = World::with(place, limits);
    world.add(&[file(1).with_video(Duration::from_secs(61)), file(2)]);
    let claim = world.claim(2);
    let exceeds: Vec<_> = claim.items.iter().map(|claimed| claimed.exceeds).collect();
    assert_eq!(exceeds, [Some(Dimension::VideoPerDay), None]);
}

fn a_429_stops_every_process(place: &Place) {
    let mut world = World::new(place);
    world.add_files(1);
    let mut other = place.open();
    let until = other.limiter(world.now, world.account, |now, limiter| {
        let wait = Some(Duration::from_secs(40));
        limiter.block(now, Category::Upload, wait, &ReportedLimit::default())
    });
    let claim = world.claim(1);
    assert_eq!(claim.wait.unwrap().until, Some(until.unwrap()));
    world.pass(40);
    assert_eq!(world.claim(1).items.len(), 1);
}

fn lost_response_is_in_doubt(place: &Place) {
    let mut world = World::new(place);
    world.add_files(2);
    let lease = world.lease();
    let (now, run) = (world.now, world.run);
    let update = Update::to(State::Sending).nonce("n1").route("direct");
    let attempt = world
        .ledger
        .intent(now, lease, run, Operation::CreateAsset, &update)
        .unwrap();
    assert_eq!(
        world.ledger.in_doubt(now, world.account).unwrap(),
        [],
        "it is being sent"
    );
    // The process is killed.
    let mut world = World {
        ledger: place.open(),
        ..world
    };
    world.pass(31);
    let doubts = world.ledger.in_doubt(world.now, world.account).unwrap();
    assert_eq!(doubts.len(), 1);
    let doubt = &doubts[0];
    assert_eq!(
        (doubt.id, doubt.item, doubt.operation),
        (attempt, lease.item, Operation::CreateAsset)
    );
    assert_eq!((doubt.intent_at, doubt.outcome_at), (now, None));
    assert_eq!(
        world
            .ledger
            .counts(world.now, world.account)
            .unwrap()
            .in_doubt,
        1
    );
    let claim = world.claim(1);
    let claimed = &claim.items[0];
    assert_eq!(claimed.item.nonce.as_deref(), Some("n1"));
    assert_eq!(world.ledger.open_attempts(lease.item).unwrap(), doubts);
    let outcome = Outcome::created("a1").with_http(201).with_request_id("r1");
    let update = Update::to(State::Processing)
        .asset_id("a1")
        .status("processing");
    let now = world.now;
    world
        .ledger
        .outcome(now, claimed.lease, attempt, &outcome, &update)
        .unwrap();
    let again = world
        .ledger
        .outcome(now, claimed.lease, attempt, &outcome, &update);
    assert_eq!(again.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(
        world.ledger.attempts(lease.item).unwrap()[0].outcome,
        outcome
    );
    let item = world
        .ledger
        .by_remote_id(world.account, "a1")
        .unwrap()
        .remove(0);
    assert_eq!(
        (item.state, item.sent, item.status_since),
        (State::Processing, Some(now), Some(now))
    );
    world.verify();
}

fn held_item_is_due_later(place: &Place) {
    let mut world = World::new(place);
    world.add_files(1);
    let lease = world.lease();
    let until = world.now + Duration::from_secs(100);
    world.ledger.hold(lease, until, "quota").unwrap();
    let claim = world.claim(1);
    assert_eq!((claim.items.len(), claim.next_due), (0, Some(until)));
    let counts = world.ledger.counts(world.now, world.account).unwrap();
    assert_eq!(
        (counts.held, counts.hold_reasons["quota"], counts.claimed),
        (1, 1, 0)
    );
    assert!(world.items()[0].is_held(world.now));
    world.pass(100);
    let claim = world.claim(1);
    assert_eq!(claim.items[0].item.hold_reason, None);
    assert_eq!(
        world
            .ledger
            .counts(world.now, world.account)
            .unwrap()
            .claimed,
        1
    );
}

fn failed_operation_in_a_batch_is_undone_alone(place: &Place) {
    let mut world = World::new(place);
    world.add_files(2);
    let options = ClaimOptions::new(world.account, "w").limit(2);
    let claim = world.ledger.claim(world.now, &options, cost).unwrap();
    let (a, b) = (claim.items[0].lease, claim.items[1].lease);
    let (now, run) = (world.now, world.run);
    world
        .ledger
        .batch(|ledger| {
            let attempt = ledger.intent(
                now,
                a,
                run,
                Operation::CreateTask,
                &Update::to(State::Sending),
            )?;
            let twice = |ledger: &mut tl_ledger::Ledger| {
                ledger.outcome(now, a, attempt, &Outcome::created("t"), &Update::new())
            };
            twice(ledger)?;
            // Its update is undone with it.
            let update = Update::to(State::Failed);
            let failed = ledger.outcome(now, a, attempt, &Outcome::created("t"), &update);
            assert_eq!(failed.unwrap_err().kind(), ErrorKind::NotFound);
            ledger.update(now, b, &Update::to(State::Sending))
        })
        .unwrap();
    let states = |world: &mut World<'_>| -> Vec<State> {
        world.items().iter().map(|item| item.state).collect()
    };
    assert_eq!(states(&mut world), [State::Sending, State::Sending]);
    let failed: Result<()> = world.ledger.batch(|ledger| {
        ledger.update(now, b, &Update::to(State::Indexable).asset_id("x"))?;
        ledger.item(tl_ledger::ItemId::new(999)).map(drop)
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::NotFound);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = world.ledger.batch(|ledger| -> Result<()> {
            ledger.update(now, b, &Update::to(State::Indexable).asset_id("x"))?;
            panic!("in the middle");
        });
    }));
    assert!(panic.is_err());
    assert_eq!(states(&mut world), [State::Sending, State::Sending]);
    world.verify();
}

//! Retrying, forgetting and pruning.

use std::time::Duration;

use tl_ledger::{
    ErrorKind, ItemError, Operation, Outcome, ProbeEntry, Retry, Selection, State, Update,
};

use crate::place::Place;
use crate::suite;
use crate::world::{World, file};

suite![
    failed_item_is_retried_from_what_exists,
    restart_forgets_what_exists,
    claimed_item_is_left_alone,
    forgotten_item_is_new_again,
    prune_keeps_what_is_needed,
];

fn states(world: &mut World<'_>) -> Vec<State> {
    world.items().iter().map(|item| item.state).collect()
}

fn failed_item_is_retried_from_what_exists(place: &Place) {
    let mut world = World::new(place);
    world.add_files(4);
    let claim = world.claim(4);
    let lease = |n: usize| claim.items[n].lease;
    let now = world.now;
    let error = || ItemError::new("kind", "text");
    world
        .ledger
        .update(now, lease(0), &Update::to(State::Indexing).asset_id("a"))
        .unwrap();
    world.ledger.fail(now, lease(0), error()).unwrap();
    world.ledger.fail(now, lease(1), error()).unwrap();
    world.ledger.refuse(now, lease(2), "pack", error()).unwrap();
    world.ledger.finish(now, lease(3), Update::new()).unwrap();
    let failed = Selection::of(world.account).states([State::Failed]);
    assert_eq!(world.ledger.retry(now, &failed, Retry::Resume).unwrap(), 2);
    let expected = [State::Indexable, State::Ready, State::Refused, State::Done];
    assert_eq!(states(&mut world), expected);
    let item = world.ledger.item(lease(0).item).unwrap();
    assert_eq!((item.error, item.done, item.claims), (None, None, 0));
    let all = Selection::of(world.account);
    assert_eq!(world.ledger.retry(now, &all, Retry::Resume).unwrap(), 3);
    // What was refused is checked again.
    assert_eq!(states(&mut world)[2..], [State::Found, State::Done]);
    let error = world
        .ledger
        .update(now, lease(2), &Update::new())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
    world.verify();
}

fn restart_forgets_what_exists(place: &Place) {
    let mut world = World::new(place);
    world.add_files(1);
    let lease = world.lease();
    let update = Update::to(State::Indexing)
        .asset_id("a")
        .indexed_id("i")
        .nonce("n");
    world.ledger.update(world.now, lease, &update).unwrap();
    world.ledger.set_checkpoint(lease, Some("{}")).unwrap();
    world
        .ledger
        .finish(world.now, lease, Update::new())
        .unwrap();
    let all = Selection::of(world.account);
    assert_eq!(
        world.ledger.retry(world.now, &all, Retry::Restart).unwrap(),
        1
    );
    let item = world.items().remove(0);
    assert_eq!(
        (item.state, item.asset_id, item.indexed_id),
        (State::Ready, None, None)
    );
    assert_eq!((item.nonce, item.done, item.sent), (None, None, None));
    assert_eq!(world.ledger.checkpoint(lease.item).unwrap(), None);
    // The owner of the lease can restart it as well.
    let lease = world.lease();
    let update = Update::to(State::Indexing).asset_id("b");
    world.ledger.update(world.now, lease, &update).unwrap();
    world.ledger.restart(lease).unwrap();
    let item = world.items().remove(0);
    assert_eq!((item.state, item.asset_id), (State::Ready, None));
    assert!(item.owner.is_some());
    world.verify();
}

fn claimed_item_is_left_alone(place: &Place) {
    let mut world = World::new(place);
    world.add_files(2);
    let lease = world.lease();
    let all = Selection::all();
    assert_eq!(
        world.ledger.retry(world.now, &all, Retry::Restart).unwrap(),
        1
    );
    assert_eq!(world.ledger.forget(world.now, &all).unwrap(), 1);
    world
        .ledger
        .renew(world.now, lease, Duration::from_secs(5))
        .unwrap();
    world.pass(5);
    assert_eq!(world.ledger.forget(world.now, &all).unwrap(), 1);
    assert_eq!(states(&mut world), []);
}

fn forgotten_item_is_new_again(place: &Place) {
    let mut world = World::new(place);
    let first = world.add_files(1)[0];
    let lease = world.lease();
    let update = Update::new();
    let (now, run) = (world.now, world.run);
    world
        .ledger
        .intent(now, lease, run, Operation::CreateAsset, &update)
        .unwrap();
    world.ledger.release(lease).unwrap();
    world
        .ledger
        .forget(world.now, &Selection::all().items([first]))
        .unwrap();
    assert_eq!(world.ledger.in_doubt(world.now, world.account).unwrap(), []);
    let added = world.add(&[file(0)])[0];
    assert!(added.is_new);
    assert_ne!(added.item, first, "an old lease never fits a new item");
    world.verify();
}

fn prune_keeps_what_is_needed(place: &Place) {
    let mut world = World::new(place);
    world.add_files(2);
    let (now, run) = (world.now, world.run);
    let (done, doubt) = (world.lease(), world.lease());
    for lease in [done, doubt] {
        let attempt = world
            .ledger
            .intent(now, lease, run, Operation::CreateTask, &Update::new())
            .unwrap();
        if lease == done {
            let outcome = Outcome::created("t");
            world
                .ledger
                .outcome(now, lease, attempt, &outcome, &Update::new())
                .unwrap();
            world.ledger.finish(now, lease, Update::new()).unwrap();
        }
    }
    world.ledger.record_event(now, "e", None).unwrap();
    world
        .ledger
        .set_probes(now, &[ProbeEntry::new(b"p", "m", "a")])
        .unwrap();
    let idle = world
        .ledger
        .begin_run(now, &tl_ledger::NewRun::new("h", 2))
        .unwrap();
    world
        .ledger
        .end_run(now, idle, &serde_json::json!({}))
        .unwrap();
    let nothing = world.ledger.prune(now).unwrap();
    assert_eq!(nothing, tl_ledger::Pruned::default());
    let pruned = world.ledger.prune(now + Duration::from_secs(1)).unwrap();
    assert_eq!(
        (pruned.attempts, pruned.events, pruned.probes, pruned.runs),
        (1, 1, 1, 1)
    );
    assert_eq!(world.ledger.open_attempts(doubt.item).unwrap().len(), 1);
    assert!(
        !world.add(&[file(0)])[0].is_new,
        "a pruned item is still known"
    );
    world.verify();
}

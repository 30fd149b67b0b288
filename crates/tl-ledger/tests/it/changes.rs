//! Waiting for changes of other processes.

use std::time::{Duration, Instant};

use tl_ledger::Ledger;

use crate::place::Place;
use crate::suite;
use crate::world::{World, file};

suite![change_of_another_process_ends_a_wait];

fn change_of_another_process_ends_a_wait(place: &Place) {
    let mut world = World::new(place);
    world.add_files(1);
    let mut waiting = place.open();
    // The first call only starts listening.
    assert!(waiting.wait_for_change(Duration::ZERO).unwrap());
    assert!(!waiting.wait_for_change(Duration::from_millis(60)).unwrap());
    let woken = |waiting: &mut Ledger, what: &str| {
        let started = Instant::now();
        let is_woken = waiting.wait_for_change(Duration::from_secs(20)).unwrap();
        assert!(
            is_woken && started.elapsed() < Duration::from_secs(10),
            "{what}"
        );
    };
    world.add(&[file(7)]);
    woken(&mut waiting, "an item was added");
    let lease = world.lease();
    world.ledger.release(lease).unwrap();
    woken(&mut waiting, "an item was released");
    // Its own changes are none of another process.
    while waiting.wait_for_change(Duration::from_millis(60)).unwrap() {}
    let (now, run) = (world.now, world.run);
    waiting.add(now, run, world.account, &[file(8)]).unwrap();
    assert!(!waiting.wait_for_change(Duration::from_millis(60)).unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            world.ledger.record_event(now, "event", None).unwrap();
        });
        woken(&mut waiting, "a webhook was received during the wait");
    });
}

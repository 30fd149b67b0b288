//! A hundred thousand items: rates, and memory that does not grow with them.

use std::ops::ControlFlow;
use std::time::Instant;

use tl_ledger::{NewItem, Operation, Outcome, Selection, State, Update};

use crate::place::Place;
use crate::world::{World, file};

const ITEMS: u64 = 100_000;

/// The resident memory of this process in MiB, where the system tells it.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024)
}

fn rate(what: &str, count: u64, started: Instant) -> f64 {
    let rate = count as f64 / started.elapsed().as_secs_f64();
    println!("{what}: {rate:.0} per second");
    rate
}

pub(crate) fn measure(place: &Place, items: u64) {
    let mut world = World::new(place);
    let started = Instant::now();
    for start in (0..items).step_by(1000) {
        let files: Vec<NewItem> = (start..start + 1000).map(file).collect();
        world.add(&files);
    }
    let inserted = rate("items added", items, started);
    let before = memory();

    let started = Instant::now();
    let mut claimed = 0;
    while claimed < 2000 {
        let claim = world.claim(8);
        claimed += claim.items.len() as u64;
        let release = |ledger: &mut tl_ledger::Ledger| {
            claim
                .items
                .iter()
                .try_for_each(|claimed| ledger.release(claimed.lease))
        };
        world.ledger.batch(release).unwrap();
    }
    let claims = rate("items claimed and released, 8 per claim", claimed, started);

    let one = send(&mut world, 300, 1);
    let eight = send(&mut world, 2000, 8);

    let started = Instant::now();
    let mut read = 0;
    let all = Selection::of(world.account);
    world
        .ledger
        .for_each(&all, |_| {
            read += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(read, items);
    rate("items exported", items, started);

    let files: Vec<NewItem> = (0..10_000.min(items)).map(file).collect();
    let stats: Vec<_> = files.iter().map(|file| (&*file.uri, file.stat)).collect();
    let started = Instant::now();
    let known = world.ledger.known(&stats).unwrap();
    assert!(known.iter().all(Option::is_some));
    rate("unchanged files recognized", known.len() as u64, started);

    let started = Instant::now();
    let counts = world.ledger.counts(world.now, world.account).unwrap();
    assert_eq!(counts.total(), items);
    println!("counts: {:?}", started.elapsed());
    drop(files);
    if let (Some(before), Some(after)) = (before, memory()) {
        println!("memory: {before} MiB after the insertion, {after} MiB at the end");
        assert!(after <= 64, "{after} MiB");
        assert!(after <= before + 16, "{before} MiB, then {after} MiB");
    }
    // Above the 4 items per second of the largest plan, however busy the machine is.
    let slowest = inserted.min(claims).min(one).min(eight);
    assert!(slowest > 8.0, "{slowest} per second");
}

/// Claims, sends and finishes items, `lanes` at once: with one commit of each step for all of them.
fn send(world: &mut World<'_>, count: u64, lanes: u32) -> f64 {
    let (now, run) = (world.now, world.run);
    let started = Instant::now();
    for _ in 0..count / u64::from(lanes) {
        let claim = world.claim(lanes);
        let leases: Vec<_> = claim.items.iter().map(|claimed| claimed.lease).collect();
        assert_eq!(leases.len(), lanes as usize);
        let ledger = &mut world.ledger;
        let intents = |ledger: &mut tl_ledger::Ledger| {
            let intent = |lease: &tl_ledger::Lease| {
                let update = Update::to(State::Sending).nonce("n");
                ledger.intent(now, *lease, run, Operation::CreateAsset, &update)
            };
            leases.iter().map(intent).collect::<Result<Vec<_>, _>>()
        };
        let attempts = ledger.batch(intents).unwrap();
        for (lease, attempt) in leases.iter().zip(attempts) {
            let update = Update::to(State::Processing).asset_id("a");
            let outcome = Outcome::created("a");
            ledger
                .outcome(now, *lease, attempt, &outcome, &update)
                .unwrap();
            ledger.finish(now, *lease, Update::new()).unwrap();
        }
    }
    let what = format!("items claimed, sent and finished, {lanes} at once");
    rate(&what, count, started)
}

#[test]
fn a_hundred_thousand_items() {
    measure(&Place::file(), ITEMS);
}

//! Several real processes on one ledger, and processes that are killed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tl_ledger::{ClaimOptions, Operation, Outcome, State, Update};
use tl_protocol::limiter::{Limiter, Limits};

use crate::place::Place;
use crate::suite;
use crate::world::{World, cost, file};

suite![
    processes_share_the_work,
    killed_process_loses_nothing,
    processes_create_a_ledger_at_the_same_time,
];

/// The variable that makes [`child`] work: the address of the ledger.
const LEDGER: &str = "TL_LEDGER_TEST_CHILD";

/// The variable with the task of the child.
const TASK: &str = "TL_LEDGER_TEST_TASK";

fn spawn(place: &Place, task: &str) -> Child {
    let program = std::env::current_exe().expect("this program");
    Command::new(program)
        .args([
            "processes::child",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(LEDGER, place.address())
        .env(TASK, task)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started")
}

/// The program of the child processes: started by the tests above. By itself it does nothing.
#[test]
fn child() {
    let Ok(address) = std::env::var(LEDGER) else {
        return;
    };
    let place = Place::at(&address);
    let mut world = World::new(&place);
    let mut out = std::io::stdout();
    // A line is written after the ledger has confirmed: it is the truth.
    let mut say = |line: String| {
        writeln!(out, "\n{line}").expect("written");
        out.flush().expect("flushed");
    };
    let task = std::env::var(TASK).expect("a task");
    // Unique: the leases of a process that was killed are those of another.
    let owner = format!("{task}-{}", std::process::id());
    let options = ClaimOptions::new(world.account, owner).limit(3);
    loop {
        let now = Timestamp::now();
        world.now = now;
        if task == "add" {
            let n = u64::try_from(now.as_microsecond()).expect("after 1970");
            let added = world.add(&[file(n), file(n + 1)]);
            say(format!("added {} {}", added[0].item, added[1].item));
        }
        let claim = world.ledger.claim(now, &options, cost).expect("claimed");
        if claim.items.is_empty() && claim.next_due.is_none() {
            return;
        }
        for claimed in claim.items {
            let lease = claimed.lease;
            let mut work = || -> tl_ledger::Result<()> {
                let ledger = &mut world.ledger;
                // What an earlier process left in doubt was sent: adopt it.
                for attempt in ledger.open_attempts(lease.item)? {
                    let outcome = Outcome::created(format!("x{}", lease.item));
                    ledger.outcome(now, lease, attempt.id, &outcome, &Update::new())?;
                    say(format!("adopted {}", attempt.id));
                }
                let update = Update::to(State::Sending).nonce("n");
                let operation = Operation::CreateAsset;
                let attempt = ledger.intent(now, lease, world.run, operation, &update)?;
                say(format!("intent {attempt}"));
                let asset = format!("a{}", lease.item);
                let outcome = Outcome::created(&asset);
                ledger.outcome(
                    now,
                    lease,
                    attempt,
                    &outcome,
                    &Update::new().asset_id(&asset),
                )?;
                say(format!("outcome {attempt}"));
                ledger.finish(now, lease, Update::new())?;
                say(format!("done {}", lease.item));
                Ok(())
            };
            work().expect("a lease of 30 seconds");
        }
    }
}

fn lines(child: &mut Child) -> Vec<String> {
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let lines = out.lines().map_while(Result::ok);
    lines.filter(|line| !line.is_empty()).collect()
}

fn processes_share_the_work(place: &Place) {
    let mut world = World::new(place);
    world.add_files(300);
    let mut children: Vec<Child> = ["a", "b", "c"].map(|task| spawn(place, task)).into();
    let outputs: Vec<Vec<String>> = std::thread::scope(|scope| {
        let readers: Vec<_> = children
            .iter_mut()
            .map(|child| {
                scope.spawn(move || {
                    let lines = lines(child);
                    assert!(child.wait().expect("ended").success());
                    lines
                })
            })
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().expect("read"))
            .collect()
    });
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    for line in outputs
        .iter()
        .flatten()
        .filter(|line| line.starts_with("done "))
    {
        *done.entry(line.clone()).or_default() += 1;
    }
    assert_eq!(done.len(), 300);
    assert!(done.values().all(|times| *times == 1), "{done:?}");
    let shares: Vec<usize> = outputs.iter().map(Vec::len).collect();
    println!("lines per process: {shares:?}");
    assert!(
        world
            .items()
            .iter()
            .all(|item| item.state == State::Done && item.claims == 1)
    );
    // Every claim was counted in the one limiter.
    let used = world.ledger.limiter(
        Timestamp::now(),
        world.account,
        |now, limiter: &mut Limiter| {
            limiter.set_limits(Limits::named("developer-1").expect("known"));
            limiter.levels(now).iter().map(|level| level.used).max()
        },
    );
    assert!(used.expect("read") >= Some(300 * 60_000));
    world.verify();
}

fn killed_process_loses_nothing(place: &Place) {
    let mut world = World::new(place);
    let mut confirmed = Vec::new();
    for round in 0..15_u64 {
        let mut child = spawn(place, "add");
        // From before the first transaction to many of them.
        std::thread::sleep(Duration::from_millis(30 + round * 23));
        child.kill().expect("killed");
        let mut written = lines(&mut child);
        child.wait().expect("ended");
        // The last line may be cut.
        written.pop();
        confirmed.extend(written);
        world.verify();
    }
    let items: BTreeMap<String, tl_ledger::Item> = world
        .items()
        .into_iter()
        .map(|item| (item.id.to_string(), item))
        .collect();
    let mut intents = BTreeMap::new();
    for item in items.values() {
        for attempt in world.ledger.attempts(item.id).expect("read") {
            intents.insert(attempt.id.to_string(), attempt);
        }
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &confirmed {
        let mut words = line.split(' ');
        let what = words.next().unwrap_or_default();
        let ids: Vec<&str> = words.collect();
        match what {
            "added" => assert!(ids.iter().all(|id| items.contains_key(*id)), "{line}"),
            "intent" => assert!(intents.contains_key(ids[0]), "{line}"),
            "outcome" | "adopted" => {
                assert!(intents[ids[0]].outcome_at.is_some(), "{line}");
            }
            "done" => assert_eq!(items[ids[0]].state, State::Done, "{line}"),
            // Lines of the test harness.
            _ => continue,
        }
        *counts.entry(what).or_default() += 1;
    }
    println!("confirmed before the kills: {counts:?}");
    assert!(counts.get("intent").is_some_and(|n| *n > 10), "{counts:?}");
    // At most the one item that each process worked on is in doubt.
    let later = Timestamp::now() + Duration::from_secs(60);
    let doubts = world.ledger.in_doubt(later, world.account).expect("read");
    assert!(doubts.len() <= 15, "{doubts:?}");
}

fn processes_create_a_ledger_at_the_same_time(place: &Place) {
    let started = Instant::now();
    let mut children: Vec<Child> = (0..4).map(|_| spawn(place, "none")).collect();
    for child in &mut children {
        let out = lines(child);
        assert!(child.wait().expect("ended").success(), "{out:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(60));
    let mut world = World::new(place);
    assert_eq!(world.ledger.accounts().expect("read").len(), 1);
    assert_eq!(world.ledger.runs(10).expect("read").len(), 5);
    world.verify();
}

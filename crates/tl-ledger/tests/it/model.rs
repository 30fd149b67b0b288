//! Random operations on the ledger and on a model in memory, with restarts.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tl_ledger::{
    AttemptId, ErrorKind, ItemError, ItemId, Lease, Operation, Outcome, Result, Retry, Selection,
    State, Update,
};

use crate::place::Place;
use crate::suite;
use crate::world::{World, file};

suite![behaves_like_the_model];

const LEASE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
enum Action {
    Add(u64),
    Claim(u32),
    Pass(i64),
    Reopen,
    Renew(usize),
    Release(usize),
    Hold(usize, u64),
    Intent(usize),
    /// Records the outcome of an attempt of the item; whether it created something.
    Outcome(usize, bool),
    Move(usize, State),
    Finish(usize),
    Fail(usize),
    Restart(usize),
    Retry(bool),
    Forget(usize),
    Batch(usize, usize),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let lease = 0_usize..12;
    let state = prop::sample::select(vec![
        State::Sending,
        State::Processing,
        State::Indexable,
        State::Indexing,
    ]);
    let action = prop_oneof![
        4 => (0_u64..6).prop_map(Action::Add),
        5 => (1_u32..4).prop_map(Action::Claim),
        3 => (0_i64..40).prop_map(Action::Pass),
        1 => Just(Action::Reopen),
        2 => lease.clone().prop_map(Action::Renew),
        2 => lease.clone().prop_map(Action::Release),
        2 => (lease.clone(), 0_u64..60).prop_map(|(lease, wait)| Action::Hold(lease, wait)),
        4 => lease.clone().prop_map(Action::Intent),
        4 => (lease.clone(), any::<bool>()).prop_map(|(lease, made)| Action::Outcome(lease, made)),
        4 => (lease.clone(), state).prop_map(|(lease, state)| Action::Move(lease, state)),
        2 => lease.clone().prop_map(Action::Finish),
        1 => lease.clone().prop_map(Action::Fail),
        1 => lease.clone().prop_map(Action::Restart),
        1 => any::<bool>().prop_map(Action::Retry),
        1 => lease.clone().prop_map(Action::Forget),
        2 => (lease.clone(), lease).prop_map(|(a, b)| Action::Batch(a, b)),
    ];
    prop::collection::vec(action, 1..60)
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Model {
    file: u64,
    state: State,
    epoch: i64,
    lease_until: Option<Timestamp>,
    held_until: Option<Timestamp>,
    asset: Option<String>,
    has_error: bool,
    open: Vec<AttemptId>,
}

impl Model {
    fn is_idle(&self, now: Timestamp) -> bool {
        self.lease_until.is_none_or(|until| until <= now)
    }
}

struct Run<'a> {
    world: World<'a>,
    items: BTreeMap<ItemId, Model>,
    leases: Vec<Lease>,
    forgotten: Vec<ItemId>,
}

impl Run<'_> {
    fn lease(&self, n: usize) -> Option<Lease> {
        // The newest leases are the likely ones.
        let position = self.leases.len().checked_sub(1 + n)?;
        self.leases.get(position).copied()
    }

    /// Checks a result against the model, and returns the item if the write was accepted.
    fn written(&mut self, lease: Lease, result: &Result<()>) -> Option<&mut Model> {
        let Some(item) = self.items.get_mut(&lease.item) else {
            assert_eq!(result.as_ref().unwrap_err().kind(), ErrorKind::NotFound);
            return None;
        };
        if item.epoch == lease.epoch {
            assert!(result.is_ok(), "{result:?}");
            Some(item)
        } else {
            assert_eq!(result.as_ref().unwrap_err().kind(), ErrorKind::Stale);
            None
        }
    }

    fn due(&self, state: State) -> Vec<ItemId> {
        let now = self.world.now;
        let due = self.items.iter().filter(|(_, item)| {
            item.state == state
                && item.is_idle(now)
                && item.held_until.is_none_or(|until| until <= now)
        });
        let mut due: Vec<(i64, ItemId)> =
            due.map(|(id, item)| (-priority(item.file), *id)).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }

    fn act(&mut self, action: &Action) {
        let now = self.world.now;
        match *action {
            Action::Add(n) => {
                let added = self.world.add(&[file(n).with_priority(priority(n))])[0];
                let known = self.items.values().any(|item| item.file == n);
                assert_eq!(added.is_new, !known);
                if added.is_new {
                    assert!(!self.forgotten.contains(&added.item));
                    let model = Model {
                        file: n,
                        state: State::Ready,
                        epoch: 0,
                        lease_until: None,
                        held_until: None,
                        asset: None,
                        has_error: false,
                        open: Vec::new(),
                    };
                    self.items.insert(added.item, model);
                }
            }
            Action::Claim(limit) => {
                let order = [State::Indexable, State::Sending, State::Ready, State::Found];
                let due = order.iter().flat_map(|state| self.due(*state));
                let expected: Vec<ItemId> = due.take(limit as usize).collect();
                let claim = self.world.claim(limit);
                let claimed: Vec<ItemId> = claim.items.iter().map(|item| item.item.id).collect();
                assert_eq!(claimed, expected);
                for claimed in claim.items {
                    let item = self.items.get_mut(&claimed.item.id).expect("known");
                    item.epoch += 1;
                    item.lease_until = Some(now + LEASE);
                    item.held_until = None;
                    assert_eq!(claimed.lease.epoch, item.epoch);
                    self.leases.push(claimed.lease);
                }
            }
            Action::Pass(seconds) => self.world.pass(seconds),
            Action::Reopen => self.world.ledger = self.world.place.open(),
            Action::Retry(restart) => {
                let retry = if restart {
                    Retry::Restart
                } else {
                    Retry::Resume
                };
                let failed = Selection::of(self.world.account).states([State::Failed]);
                let count = self
                    .world
                    .ledger
                    .retry(now, &failed, retry)
                    .expect("retried");
                let mut expected = 0;
                for item in self.items.values_mut() {
                    if item.state == State::Failed && item.is_idle(now) {
                        expected += 1;
                        item.epoch += 1;
                        item.held_until = None;
                        item.has_error = false;
                        if restart {
                            item.asset = None;
                        }
                        item.state = match item.asset {
                            Some(_) => State::Indexable,
                            None => State::Ready,
                        };
                    }
                }
                assert_eq!(count, expected);
            }
            Action::Forget(n) => {
                let Some(lease) = self.lease(n) else { return };
                let selection = Selection::of(self.world.account).items([lease.item]);
                let count = self
                    .world
                    .ledger
                    .forget(now, &selection)
                    .expect("forgotten");
                let is_idle = self
                    .items
                    .get(&lease.item)
                    .is_some_and(|item| item.is_idle(now));
                assert_eq!(count, u64::from(is_idle));
                if is_idle {
                    self.items.remove(&lease.item);
                    self.forgotten.push(lease.item);
                }
            }
            Action::Batch(a, b) => {
                let (Some(a), Some(b)) = (self.lease(a), self.lease(b)) else {
                    return;
                };
                let update = Update::to(State::Sending);
                let results = self.world.ledger.batch(|ledger| {
                    Ok([
                        ledger.update(now, a, &update),
                        ledger.update(now, b, &update),
                    ])
                });
                for (lease, result) in [a, b].into_iter().zip(results.expect("committed")) {
                    if let Some(item) = self.written(lease, &result) {
                        item.state = State::Sending;
                    }
                }
            }
            Action::Renew(n)
            | Action::Release(n)
            | Action::Hold(n, _)
            | Action::Intent(n)
            | Action::Outcome(n, _)
            | Action::Move(n, _)
            | Action::Finish(n)
            | Action::Fail(n)
            | Action::Restart(n) => {
                if let Some(lease) = self.lease(n) {
                    self.write(action, lease);
                }
            }
        }
    }

    fn write(&mut self, action: &Action, lease: Lease) {
        let (now, run) = (self.world.now, self.world.run);
        let ledger = &mut self.world.ledger;
        match *action {
            Action::Renew(_) => {
                let result = ledger.renew(now, lease, LEASE);
                let item = self.items.get_mut(&lease.item);
                let is_leased = item.as_ref().is_some_and(|item| item.lease_until.is_some());
                if let (false, Some(item)) = (is_leased, item) {
                    // Given back: also an equal epoch is refused.
                    assert_eq!(result.unwrap_err().kind(), ErrorKind::Stale);
                    assert!(item.epoch >= lease.epoch);
                } else if let Some(item) = self.written(lease, &result) {
                    item.lease_until = Some(now + LEASE);
                }
            }
            Action::Release(_) => {
                let result = ledger.release(lease);
                if let Some(item) = self.written(lease, &result) {
                    item.lease_until = None;
                }
            }
            Action::Hold(_, seconds) => {
                let until = now + Duration::from_secs(seconds);
                let result = ledger.hold(lease, until, "quota");
                if let Some(item) = self.written(lease, &result) {
                    item.lease_until = None;
                    item.held_until = Some(until);
                }
            }
            Action::Intent(_) => {
                let update = Update::to(State::Sending);
                let attempt = ledger.intent(now, lease, run, Operation::CreateAsset, &update);
                let (attempt, result) = match attempt {
                    Ok(attempt) => (Some(attempt), Ok(())),
                    Err(error) => (None, Err(error)),
                };
                if let Some(item) = self.written(lease, &result) {
                    item.state = State::Sending;
                    item.open.extend(attempt);
                }
            }
            Action::Outcome(_, is_created) => {
                let open = self
                    .items
                    .get(&lease.item)
                    .and_then(|item| item.open.first());
                let Some(attempt) = open.copied() else { return };
                let asset = format!("a{attempt}");
                let (outcome, update) = if is_created {
                    let update = Update::to(State::Processing).asset_id(&asset);
                    (Outcome::created(&asset), update)
                } else {
                    (Outcome::not_created("lost"), Update::to(State::Ready))
                };
                let result = ledger.outcome(now, lease, attempt, &outcome, &update);
                if let Some(item) = self.written(lease, &result) {
                    item.open.remove(0);
                    item.state = State::Ready;
                    if is_created {
                        item.state = State::Processing;
                        item.asset = Some(asset);
                    }
                }
            }
            Action::Move(_, state) => {
                let result = ledger.update(now, lease, &Update::to(state).asset_id("x"));
                if let Some(item) = self.written(lease, &result) {
                    item.state = state;
                    item.asset = Some("x".into());
                }
            }
            Action::Finish(_) => {
                let result = ledger.finish(now, lease, Update::new());
                if let Some(item) = self.written(lease, &result) {
                    item.state = State::Done;
                    item.lease_until = None;
                }
            }
            Action::Fail(_) => {
                let result = ledger.fail(now, lease, ItemError::new("kind", "text"));
                if let Some(item) = self.written(lease, &result) {
                    item.state = State::Failed;
                    item.lease_until = None;
                    item.has_error = true;
                }
            }
            Action::Restart(_) => {
                let result = ledger.restart(lease);
                if let Some(item) = self.written(lease, &result) {
                    item.state = State::Ready;
                    item.asset = None;
                }
            }
            _ => unreachable!("not a write of one item"),
        }
    }

    /// Compares every item.
    fn check(&mut self) {
        let now = self.world.now;
        let items = self.world.items();
        let ids: Vec<ItemId> = items.iter().map(|item| item.id).collect();
        assert_eq!(ids, self.items.keys().copied().collect::<Vec<_>>());
        for item in &items {
            let model = &self.items[&item.id];
            assert_eq!(
                (item.state, item.epoch),
                (model.state, model.epoch),
                "{model:?}"
            );
            assert_eq!(item.lease_until, model.lease_until, "{model:?}");
            assert_eq!(item.owner.is_some(), model.lease_until.is_some());
            assert_eq!(item.asset_id, model.asset);
            assert_eq!(item.error.is_some(), model.has_error, "{model:?}");
            let open = self.world.ledger.open_attempts(item.id).expect("read");
            let open: Vec<AttemptId> = open.iter().map(|attempt| attempt.id).collect();
            assert_eq!(open, model.open);
        }
        let account = self.world.account;
        let counts = self.world.ledger.counts(now, account).expect("read");
        for state in State::ALL {
            let count = items.iter().filter(|item| item.state == state).count();
            assert_eq!(counts.of(state), count as u64);
        }
        let idle = self.items.values().filter(|item| item.is_idle(now));
        let in_doubt: usize = idle.map(|item| item.open.len()).sum();
        let doubts = self.world.ledger.in_doubt(now, account).expect("read");
        assert_eq!(doubts.len(), in_doubt);
    }
}

fn priority(n: u64) -> i64 {
    i64::try_from(n % 3).expect("small")
}

fn behaves_like_the_model(place: &Place) {
    let is_file = matches!(place, Place::File { .. });
    let mut runner = TestRunner::new(Config {
        cases: if is_file { 150 } else { 30 },
        failure_persistence: None,
        ..Config::default()
    });
    let run = |actions: Vec<Action>| {
        let fresh;
        let place = if is_file {
            fresh = Place::file();
            &fresh
        } else {
            place
        };
        let mut world = World::new(place);
        let all = Selection::all();
        // On a server, the cases share a database.
        world
            .ledger
            .retry(far(&world), &all, Retry::Restart)
            .expect("retried");
        world.ledger.forget(far(&world), &all).expect("forgotten");
        let mut run = Run {
            world,
            items: BTreeMap::new(),
            leases: Vec::new(),
            forgotten: Vec::new(),
        };
        for action in &actions {
            run.act(action);
        }
        run.check();
        // Whatever happened, the ledger is consistent, and another process reads the same.
        run.world.ledger = run.world.place.open();
        run.check();
        let wrong = run.world.ledger.verify().expect("read");
        let expected = |text: &str| {
            ["refused or failed", "done without"]
                .iter()
                .any(|p| text.contains(p))
        };
        assert!(
            wrong.iter().all(|problem| !expected(&problem.text)),
            "{wrong:?}"
        );
        Ok(())
    };
    runner
        .run(&actions(), run)
        .unwrap_or_else(|error| panic!("{error}"));
}

/// When every lease has expired.
fn far(world: &World<'_>) -> Timestamp {
    world.now + Duration::from_secs(1_000_000)
}

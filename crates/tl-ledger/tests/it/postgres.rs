//! PostgreSQL: the suites on a real server that the tests start, and what is special about it.
//!

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tl_ledger::{ErrorKind, Ledger, OpenOptions, State, Update};

use crate::place::Place;
use crate::server::Server;
use crate::world::{World, file};
use crate::{
    Suite, changes, claims, contents, maintenance, model, processes, records, scale, transfer,
};

/// Runs suites, each test in its own database of one server.
fn run(suites: &[Suite], least: usize) {
    let server = Server::start("trust");
    let mut failed = Vec::new();
    let mut passed = 0;
    for (name, test) in suites.iter().copied().flatten() {
        let place = server.place(name);
        match catch_unwind(AssertUnwindSafe(|| test(&place))) {
            Ok(()) => passed += 1,
            Err(_) => failed.push(*name),
        }
    }
    assert_eq!(failed, [""; 0], "{passed} passed");
    assert!(passed >= least, "{passed}");
}

#[test]
fn suites_pass_on_postgresql() {
    let suites = [
        contents::SUITE,
        claims::SUITE,
        records::SUITE,
        maintenance::SUITE,
        changes::SUITE,
        transfer::SUITE,
    ];
    run(&suites, 33);
}

#[test]
fn processes_and_model_pass_on_postgresql() {
    run(&[processes::SUITE, model::SUITE], 4);
}

#[test]
fn ten_thousand_items_on_postgresql() {
    let server = Server::start("trust");
    scale::measure(&server.place("scale"), 10_000);
}

#[test]
fn refused_connections_have_a_kind_and_show_no_password() {
    let server = Server::start("scram-sha-256");
    let check = |url: &str, kind: ErrorKind| {
        let error = Ledger::connect(url).unwrap_err();
        let text = format!("{error} {error:?} {:?}", error.hint());
        assert_eq!(error.kind(), kind, "{text}");
        assert!(!text.contains("secret"), "{text}");
    };
    check(&server.url("postgres", "secret-8"), ErrorKind::Denied);
    check(&server.url("missing", "secret-7"), ErrorKind::Denied);
    check(
        "postgres://tl:secret-7@127.0.0.1:1/db",
        ErrorKind::Unavailable,
    );
    check("postgres://tl:secret-7@[/db", ErrorKind::Invalid);
    let socket = server.socket().display();
    check(
        &format!("host={socket}/none user=tl password=secret-7"),
        ErrorKind::Unavailable,
    );
    // A user without rights.
    server.sql("postgres", "CREATE USER guest PASSWORD 'secret-9'");
    let guest = format!("host={socket} user=guest dbname=postgres password=secret-9");
    let place = Place::at(&guest);
    let mut ledger = Ledger::connect(&place.address());
    assert_eq!(ledger.as_mut().unwrap_err().kind(), ErrorKind::Denied);
}

#[test]
fn layout_and_access_are_checked() {
    let server = Server::start("trust");
    let place = server.place("layout");
    let options = OpenOptions::new().read_only();
    let empty = options.connect(&place.address()).unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::NotALedger);
    World::new(&place).add(&[file(1)]);
    let mut reader = options.connect(&place.address()).unwrap();
    let account = reader.accounts().unwrap()[0].id;
    let now = crate::world::start();
    assert_eq!(reader.counts(now, account).unwrap().of(State::Ready), 1);
    let error = reader.set_cursor(account, "i", now).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    let newer = tl_ledger::LAYOUT + 1;
    server.sql(
        "layout",
        &format!("UPDATE tl_ledger.meta SET value = {newer}"),
    );
    let error = Ledger::connect(&place.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Newer, "{error}");
}

#[test]
fn leases_follow_the_clock_of_the_server() {
    let server = Server::start("trust");
    let place = server.place("clock");
    World::new(&place).add(&[file(1)]);
    let mut ledger = Ledger::connect(&place.address()).unwrap();
    let account = ledger.accounts().unwrap()[0].id;
    let options = tl_ledger::ClaimOptions::new(account, "w");
    // This worker's clock is an hour late, the other's is an hour early.
    let late = jiff::Timestamp::now() - Duration::from_secs(3600);
    let claim = ledger.claim(late, &options, crate::world::cost).unwrap();
    let lease = claim.items[0].lease;
    assert!((jiff::Timestamp::now().as_second() - claim.now.as_second()).abs() < 60);
    let early = jiff::Timestamp::now() + Duration::from_secs(3600);
    assert_eq!(
        ledger
            .claim(early, &options, crate::world::cost)
            .unwrap()
            .items,
        []
    );
    ledger
        .update(early, lease, &Update::to(State::Sending))
        .unwrap();
    assert!((ledger.time(early).unwrap().as_second() - claim.now.as_second()).abs() < 60);
}

#[test]
fn ledger_works_inside_an_async_runtime() {
    let server = Server::start("trust");
    let place = server.place("runtime");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(&place);
        world.add_files(2);
        assert_eq!(world.claim(2).items.len(), 2);
    });
}

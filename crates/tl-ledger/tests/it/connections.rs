//! Connections to PostgreSQL: TLS by the rules of `sslmode`, and servers that restart.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Duration;

use tl_ledger::{
    ErrorKind, KeyTag, Ledger, NewAccount, OpenOptions, Operation, Outcome, State, Update,
};
use tl_protocol::limiter::Limits;

use crate::server::Server;
use crate::world::{World, file, start};

/// Whether the connection of this ledger is encrypted is what the server says.
fn is_encrypted(server: &Server, url: &str) -> Result<bool, tl_ledger::Error> {
    let mut ledger = Ledger::connect(url)?;
    ledger.accounts()?;
    server.sql(
        "postgres",
        "CREATE TABLE IF NOT EXISTS public.seen (tls BOOLEAN)",
    );
    server.sql(
        "postgres",
        "INSERT INTO public.seen SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE application_name = 'tl' AND client_addr IS NOT NULL",
    );
    let seen = server.one(
        "postgres",
        "SELECT string_agg(tls::text, ',') FROM public.seen",
    );
    server.sql("postgres", "DROP TABLE public.seen");
    match seen.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => panic!("{other}"),
    }
}

#[test]
fn sslmode_has_the_meaning_of_libpq() {
    let mut server = Server::start("trust");
    let (root, port) = server.enable_tls();
    let root = root.display();
    let check = |server: &Server, host: &str, options: &str, expected: Option<bool>| {
        let url = format!("postgres://tl:secret-7@{host}:{port}/postgres?{options}");
        match (is_encrypted(server, &url), expected) {
            (Ok(encrypted), Some(expected)) => assert_eq!(encrypted, expected, "{options}"),
            (Err(error), None) => {
                let text = format!("{error} {error:?}");
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{options}: {text}");
                assert!(text.contains(&format!("{host}:{port}")), "{text}");
                assert!(!text.contains("secret"), "{text}");
            }
            (result, _) => panic!("{host} {options}: {result:?}"),
        }
    };
    for (host, options, expected) in [
        ("127.0.0.1", "", Some(true)),
        ("127.0.0.1", "sslmode=disable", Some(false)),
        ("127.0.0.1", "sslmode=allow", Some(false)),
        ("127.0.0.1", "sslmode=prefer", Some(true)),
        ("127.0.0.1", "sslmode=require", Some(true)),
        // No issuer that this program trusts has signed the certificate.
        ("localhost", "sslmode=verify-ca", None),
        ("localhost", "sslmode=verify-full", None),
        (
            "127.0.0.1",
            &format!("sslmode=verify-ca&sslrootcert={root}"),
            Some(true),
        ),
        (
            "127.0.0.1",
            &format!("sslmode=require&sslrootcert={root}"),
            Some(true),
        ),
        (
            "localhost",
            &format!("sslmode=verify-full&sslrootcert={root}"),
            Some(true),
        ),
        // The certificate is not for the address.
        (
            "127.0.0.1",
            &format!("sslmode=verify-full&sslrootcert={root}"),
            None,
        ),
    ] {
        check(&server, host, options, expected);
    }
    let missing =
        format!("postgres://tl@localhost:{port}/postgres?sslmode=verify-ca&sslrootcert=/x");
    assert_eq!(
        Ledger::connect(&missing).unwrap_err().kind(),
        ErrorKind::Invalid
    );
    // The server insists on TLS, or refuses it.
    server.set_access("local all all trust\nhostssl all all all trust\n");
    check(&server, "127.0.0.1", "sslmode=allow", Some(true));
    let refused = format!("postgres://tl@127.0.0.1:{port}/postgres?sslmode=disable");
    assert_eq!(
        Ledger::connect(&refused).unwrap_err().kind(),
        ErrorKind::Denied
    );
    server.set_access("local all all trust\nhostnossl all all all trust\n");
    check(&server, "127.0.0.1", "sslmode=prefer", Some(false));
    server.disable_tls();
    check(&server, "127.0.0.1", "sslmode=prefer", Some(false));
    check(&server, "127.0.0.1", "sslmode=require", None);
}

#[test]
fn restarted_server_delays_and_loses_nothing() {
    let mut server = Server::start("trust");
    let place = server.place("restart");
    let mut world = World::new(&place);
    world.add_files(3);
    let lease = world.lease();
    server.stop();
    let impatient = OpenOptions::new().reconnect_timeout(Duration::from_millis(100));
    let error = impatient.connect(&place.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    // It comes back while operations wait for it.
    std::thread::scope(|scope| {
        let ledger = &mut world.ledger;
        scope.spawn(move || ledger.release(lease).unwrap());
        std::thread::sleep(Duration::from_millis(200));
        server.launch();
    });
    assert_eq!(world.claim(5).items.len(), 3);
    world.verify();
    // It does not come back.
    let mut ledger = impatient.connect(&place.address()).unwrap();
    let account = world.account;
    server.stop();
    let error = ledger.counts(start(), account).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.hint().is_some());
    server.launch();
    assert_eq!(ledger.counts(start(), account).unwrap().total(), 3);
}

#[test]
fn server_that_restarts_during_transactions_loses_nothing() {
    let mut server = Server::start("trust");
    let place = server.place("busy");
    let mut world = World::new(&place);
    let (now, run, account) = (world.now, world.run, world.account);
    let done = AtomicBool::new(false);
    let confirmed = std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut confirmed = Vec::new();
            let mut undone = 0;
            for n in 0.. {
                // A busy machine needs longer for enough items.
                if done.load(SeqCst) && confirmed.len() > 20 {
                    break;
                }
                world.add(&[file(n)]);
                let lease = world.lease();
                let ledger = &mut world.ledger;
                let update = Update::to(State::Sending).nonce("n");
                let attempt = ledger.intent(now, lease, run, Operation::CreateAsset, &update);
                let attempt = attempt.unwrap();
                // A batch is not repeated by the ledger, unless it may be.
                let outcome = Outcome::created(format!("asset-{n}"));
                let update = Update::new().asset_id(format!("asset-{n}"));
                loop {
                    let work = |ledger: &mut Ledger| {
                        ledger.outcome(now, lease, attempt, &outcome, &update)?;
                        // As calls of several tasks in one batch: each is a savepoint.
                        let finish =
                            ledger.batch(|ledger| ledger.finish(now, lease, Update::new()));
                        match n % 3 {
                            // The caller of a savepoint gets its error after the commit.
                            0 => Ok(()),
                            _ => finish,
                        }
                    };
                    let batch = match n % 3 {
                        1 => ledger.batch(work),
                        _ => {
                            ledger.repeatable_batch(work).unwrap();
                            Ok(())
                        }
                    };
                    match batch {
                        Ok(()) => break,
                        Err(error) if error.kind() == ErrorKind::Undone => undone += 1,
                        Err(error) => panic!("{error:?}"),
                    }
                }
                confirmed.push(lease.item);
            }
            println!("{} items, {undone} batches undone", confirmed.len());
            confirmed
        });
        for pause in [150, 310, 70] {
            std::thread::sleep(Duration::from_millis(pause));
            server.stop();
            std::thread::sleep(Duration::from_millis(50));
            server.launch();
        }
        std::thread::sleep(Duration::from_millis(200));
        done.store(true, SeqCst);
        worker.join().unwrap()
    });
    let mut ledger = place.open();
    for item in &confirmed {
        assert_eq!(ledger.item(*item).unwrap().state, State::Done);
        assert_eq!(
            ledger.attempts(*item).unwrap().len(),
            1,
            "an intent was stored twice"
        );
    }
    assert_eq!(
        ledger.counts(now, account).unwrap().total(),
        confirmed.len() as u64
    );
    assert_eq!(ledger.verify().unwrap(), []);
}

/// Relays connections to the server. It cuts each connection that commits, after the server has
/// committed and before the client learns of it, as often as `cuts` says.
fn cutting_relay(port: u16, cuts: &'static AtomicU32) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let copy =
        |mut from: TcpStream, mut to: TcpStream, is_cut: Arc<AtomicBool>, is_client: bool| {
            let mut buffer = vec![0; 65_536];
            while let Ok(size @ 1..) = from.read(&mut buffer) {
                let commits =
                    is_client && buffer[..size].windows(7).any(|part| part == b"COMMIT\0");
                if commits
                    && cuts
                        .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
                        .is_ok()
                {
                    is_cut.store(true, SeqCst);
                }
                // What the server says after the commit does not arrive.
                if !is_client && is_cut.load(SeqCst) {
                    break;
                }
                if to.write_all(&buffer[..size]).is_err() {
                    break;
                }
            }
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        };
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                continue;
            };
            let is_cut = Arc::new(AtomicBool::new(false));
            let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let flag = Arc::clone(&is_cut);
            std::thread::spawn(move || copy(client, server, flag, true));
            std::thread::spawn(move || copy(back.0, back.1, is_cut, false));
        }
    });
    own
}

#[test]
fn commit_whose_answer_is_lost_is_not_repeated() {
    static CUTS: AtomicU32 = AtomicU32::new(0);
    let mut server = Server::start("trust");
    let (_, port) = server.enable_tls();
    let place = server.place("cut");
    let mut world = World::new(&place);
    let relay = cutting_relay(port, &CUTS);
    let url = format!("postgres://tl@127.0.0.1:{relay}/cut?sslmode=disable");
    let mut ledger = OpenOptions::new().caller_clock().connect(&url).unwrap();
    let (now, run) = (world.now, world.run);
    for n in 0..5 {
        world.add(&[file(n)]);
        let lease = world.lease();
        CUTS.store(1, SeqCst);
        let update = Update::to(State::Sending).nonce("n");
        let attempt = ledger.intent(now, lease, run, Operation::CreateAsset, &update);
        assert_eq!(CUTS.load(SeqCst), 0, "the commit was cut");
        let attempt = attempt.unwrap();
        let stored = ledger.attempts(lease.item).unwrap();
        assert_eq!(stored.iter().map(|a| a.id).collect::<Vec<_>>(), [attempt]);
    }
    world.verify();
}

#[test]
fn transaction_that_never_succeeds_is_reported() {
    let server = Server::start("trust");
    let place = server.place("commit");
    let mut world = World::new(&place);
    // The server ends the connection at the commit, each time.
    server.sql(
        "commit",
        "CREATE FUNCTION tl_ledger.cut() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON tl_ledger.account
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tl_ledger.cut()",
    );
    // It is aborted each time: the repetitions end, and nothing was written.
    let limits = Limits::UNLIMITED;
    let new = NewAccount::new("https://other", KeyTag::of("tlk_OTHER"), "test", limits);
    let error = world.ledger.account(world.now, &new).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(world.ledger.accounts().unwrap().len(), 1);
    // Once it is not, the same call succeeds on the same ledger.
    server.sql("commit", "DROP TRIGGER cut ON tl_ledger.account");
    world.ledger.account(world.now, &new).unwrap();
    assert_eq!(world.ledger.accounts().unwrap().len(), 2);
    world.verify();
}

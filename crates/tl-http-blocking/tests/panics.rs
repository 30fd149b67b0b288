//! A panic in a caller's source propagates to the caller from any thread, without a hang.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tl_http::{Body, HttpSettings, Proxy, Source, Transport};
use tl_http_blocking::BlockingHttp;
use tl_testkit::{
    exchanges::{Many, exchange, get},
    server::{Reaction, Reply, Server},
};

#[derive(Debug)]
struct Panicking;

impl Source for Panicking {
    fn name(&self) -> &str {
        "clip.mp4"
    }

    fn len(&self) -> u64 {
        1 << 20
    }

    fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
        panic!("the source is faulty")
    }
}

#[test]
fn source_panic_reaches_the_caller() {
    for concurrency in [1, 3] {
        let server = Server::reacting(|seen| match seen.method.as_str() {
            "GET" => Reaction::never(),
            _ => Reply::ok("").into(),
        });
        let settings = HttpSettings::default().with_proxy(Proxy::Direct);
        let transport = BlockingHttp::new(settings).expect("the settings are valid");
        let post = exchange(
            "POST",
            &server.url("/"),
            Body::from_source(Arc::new(Panicking)),
        );
        let run = || {
            transport.run(Many::new(
                [post.clone(), get(&server.url("/"))],
                concurrency,
            ))
        };
        let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("the source panics");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"the source is faulty"));
        // The other exchanges are canceled, and the transport stays usable.
        for seen in server.seen() {
            server.wait_for_close(seen.connection);
        }
        let answers = transport.run(Many::new(
            [exchange("PUT", &server.url("/"), "part")],
            concurrency,
        ));
        assert!(
            answers[0].as_ref().is_some_and(Result::is_ok),
            "{answers:?}"
        );
    }
}

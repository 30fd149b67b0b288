//! A source may send requests through the same transport while it is read.

use std::{io, sync::Arc};

use tl_http::{Body, HttpSettings, Proxy, Source, Transport};
use tl_http_blocking::BlockingHttp;
use tl_testkit::{
    exchanges::{One, exchange, get},
    server::{Reply, Server},
    source::Fingerprint,
};

#[derive(Debug)]
struct Remote {
    transport: BlockingHttp,
    url: String,
}

impl Source for Remote {
    fn name(&self) -> &str {
        "clip.mp4"
    }

    fn len(&self) -> u64 {
        300 << 10
    }

    fn read_at(&self, _: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let answer = self
            .transport
            .run(One::new(get(&self.url)))
            .map_err(io::Error::other)?;
        let count = answer.body().len().min(buffer.len());
        buffer[..count].copy_from_slice(&answer.body()[..count]);
        Ok(count)
    }
}

#[test]
fn source_may_use_the_same_transport() {
    let from = Server::reacting(|_| Reply::ok(vec![7; 50 << 10]).into());
    let to = Server::reacting(|_| Reply::ok("done").into());
    let settings = HttpSettings::default().with_proxy(Proxy::Direct);
    let transport = BlockingHttp::new(settings).expect("the settings are valid");
    let source = Remote {
        transport: transport.clone(),
        url: from.url("/clip"),
    };
    let body = Body::concat([Body::from_source(Arc::new(source)), Body::from("tail")]);
    let answer = transport
        .run(One::new(exchange("POST", &to.url("/"), body)))
        .expect("an answer");
    assert_eq!(&answer.body()[..], b"done");
    let expected = [&vec![7; 300 << 10][..], b"tail"].concat();
    assert_eq!(to.seen()[0].body, Fingerprint::of(&expected).text());
}

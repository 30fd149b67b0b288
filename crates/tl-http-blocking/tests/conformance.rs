//! The conformance suite.

use tl_http::{Feed, Flow, HttpSettings, SetupError, Transport};
use tl_http_blocking::BlockingHttp;
use tl_testkit::conformance::Harness;

struct Threads;

impl Harness for Threads {
    type Transport = BlockingHttp;

    fn build(&self, settings: HttpSettings) -> Result<BlockingHttp, SetupError> {
        BlockingHttp::new(settings)
    }

    fn drive<'a, F: Flow + 'a>(&'a self, transport: &'a BlockingHttp, flow: F) -> F::Output {
        transport.run(flow)
    }

    fn take_each<'a, F: Feed + 'a>(
        &'a self,
        transport: &'a BlockingHttp,
        feed: F,
        most: usize,
        each: impl FnMut(&F::Item),
    ) -> Vec<F::Item> {
        transport.stream(feed).take(most).inspect(each).collect()
    }
}

tl_testkit::conformance_tests!(Threads);

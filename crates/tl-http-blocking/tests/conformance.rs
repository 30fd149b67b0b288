//! The suite for any transport.

use tl_http_blocking::BlockingHttp;
use tl_protocol::{Flow, HttpSettings, SetupError, Transport};
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
}

tl_testkit::conformance_tests!(Threads);

//! The suite for any transport, on a runtime of one thread.

use tl_http_async::AsyncHttp;
use tl_protocol::{Flow, HttpSettings, SetupError, Transport};
use tl_testkit::conformance::Harness;
use tokio::runtime::{Builder, Runtime};

struct OneThread(Runtime);

impl OneThread {
    fn new() -> Self {
        Self(
            Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be made"),
        )
    }
}

impl Harness for OneThread {
    type Transport = AsyncHttp;

    fn build(&self, settings: HttpSettings) -> Result<AsyncHttp, SetupError> {
        AsyncHttp::new(settings)
    }

    fn drive<'a, F: Flow + 'a>(&'a self, transport: &'a AsyncHttp, flow: F) -> F::Output {
        self.0.block_on(transport.run(flow))
    }
}

tl_testkit::conformance_tests!(OneThread::new());

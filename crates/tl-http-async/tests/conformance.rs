//! The suite for any transport, on a runtime with several threads.

use tl_http_async::AsyncHttp;
use tl_protocol::{Flow, HttpSettings, SetupError, Transport};
use tl_testkit::conformance::Harness;
use tokio::runtime::{Builder, Runtime};

struct ManyThreads(Runtime);

impl ManyThreads {
    fn new() -> Self {
        Self(
            Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime can be made"),
        )
    }
}

impl Harness for ManyThreads {
    type Transport = AsyncHttp;

    // reqwest has them.
    const OWNS_ITS_CONNECTIONS: bool = false;

    fn build(&self, settings: HttpSettings) -> Result<AsyncHttp, SetupError> {
        AsyncHttp::new(settings)
    }

    fn drive<'a, F: Flow + 'a>(&'a self, transport: &'a AsyncHttp, flow: F) -> F::Output {
        self.0.block_on(transport.run(flow))
    }
}

tl_testkit::conformance_tests!(ManyThreads::new());

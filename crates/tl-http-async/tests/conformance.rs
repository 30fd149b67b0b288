//! The conformance suite on a multi-threaded runtime.

use tl_http::{Feed, Flow, HttpSettings, SetupError, Transport};
use tl_http_async::AsyncHttp;
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

    // reqwest owns them.
    const OWNS_ITS_CONNECTIONS: bool = false;

    fn build(&self, settings: HttpSettings) -> Result<AsyncHttp, SetupError> {
        AsyncHttp::new(settings)
    }

    fn drive<'a, F: Flow + 'a>(&'a self, transport: &'a AsyncHttp, flow: F) -> F::Output {
        self.0.block_on(transport.run(flow))
    }

    fn take_each<'a, F: Feed + 'a>(
        &'a self,
        transport: &'a AsyncHttp,
        feed: F,
        most: usize,
        mut each: impl FnMut(&F::Item),
    ) -> Vec<F::Item> {
        self.0.block_on(async {
            let mut stream = transport.stream(feed);
            let mut items = Vec::new();
            while items.len() < most
                && let Some(item) = stream.next().await
            {
                each(&item);
                items.push(item);
            }
            items
        })
    }
}

tl_testkit::conformance_tests!(ManyThreads::new());

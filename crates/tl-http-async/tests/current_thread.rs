//! The conformance suite on a current-thread runtime.

use std::thread;

use tl_http::{Feed, Flow, HttpSettings, SetupError, Transport};
use tl_http_async::AsyncHttp;
use tl_testkit::conformance::Harness;
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// A current-thread runtime that runs during the whole test, as in a program: connections are its
/// tasks.
struct OneThread {
    runtime: Handle,
    _end: oneshot::Sender<()>,
}

impl OneThread {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        thread::spawn(move || drop(runtime.block_on(ended)));
        Self {
            runtime: handle,
            _end: end,
        }
    }
}

impl Harness for OneThread {
    type Transport = AsyncHttp;

    // reqwest owns them.
    const OWNS_ITS_CONNECTIONS: bool = false;

    fn build(&self, settings: HttpSettings) -> Result<AsyncHttp, SetupError> {
        AsyncHttp::new(settings)
    }

    fn drive<'a, F: Flow + 'a>(&'a self, transport: &'a AsyncHttp, flow: F) -> F::Output {
        self.runtime.block_on(transport.run(flow))
    }

    fn take_each<'a, F: Feed + 'a>(
        &'a self,
        transport: &'a AsyncHttp,
        feed: F,
        most: usize,
        mut each: impl FnMut(&F::Item),
    ) -> Vec<F::Item> {
        self.runtime.block_on(async {
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

tl_testkit::conformance_tests!(OneThread::new());

//! Test platforms: the emulator with the real helper, or a scripted server.

use std::sync::Arc;
use std::time::Duration;

use tl_emulator::{Emulator, EmulatorBuilder, JournalEntry, Schedule};
use tl_testkit::server::{Reaction, Reply, Seen, Server};
use tl_validate::worker::{ProbePool, WorkerOptions};

use crate::tl::{EMULATOR_KEY, KEY, Tl};

/// An emulator with an index.
pub(crate) struct Platform {
    pub(crate) emulator: Emulator,
    pub(crate) base_url: String,
    pub(crate) index: String,
}

impl Platform {
    pub(crate) fn start() -> Self {
        Self::with(|builder| builder)
    }

    /// With other emulator settings.
    pub(crate) fn with(settings: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) -> Self {
        let options =
            WorkerOptions::default().with_program(Some(env!("CARGO_BIN_EXE_tl-probe").into()));
        let pool = ProbePool::new(options).expect("the helper is built");
        let builder = Emulator::builder()
            .prober(Arc::new(pool))
            .schedule(Schedule::FAST)
            // Streams take time that depends on the machine; tests of streams set the program.
            .ffmpeg("/nowhere/ffmpeg")
            .allow_private_urls(true);
        let emulator = settings(builder)
            .start_blocking()
            .expect("the emulator starts on a free port");
        let base_url = emulator.base_url().to_string();
        let mut platform = Self {
            emulator,
            base_url,
            index: String::new(),
        };
        let run = platform
            .tl(&["index", "create", "films", "--quiet"])
            .code(0);
        platform.index = run.first_line().to_owned();
        platform
    }

    /// A `tl` that uses the emulator.
    pub(crate) fn tl(&self, arguments: &[&str]) -> Tl {
        Tl::new(arguments).to(&self.base_url, EMULATOR_KEY)
    }

    /// Number of requests, after those that a stopped program left in flight were answered.
    pub(crate) fn requests_at_rest(&self) -> usize {
        let mut count = self.emulator.journal().len();
        loop {
            std::thread::sleep(Duration::from_millis(300));
            let now = self.emulator.journal().len();
            if now == count {
                return count;
            }
            count = now;
        }
    }

    /// The requests that upload a video.
    pub(crate) fn uploads(&self) -> Vec<JournalEntry> {
        let mut journal = self.emulator.journal();
        let creates = ["tasks.create", "assets.create", "multipart_upload.create"];
        journal.retain(|entry| creates.contains(&entry.operation.as_deref().unwrap_or_default()));
        journal
    }
}

/// The index of the scripted servers.
pub(crate) const INDEX: &str = "6298d673f1090f1100476d4c";

/// The task of the scripted servers.
pub(crate) const TASK: &str = "62a1ec6d9ea24f052b971a0f";

/// A server that answers each request with `react`.
pub(crate) fn scripted(react: impl Fn(&Seen) -> Reaction + Send + Sync + 'static) -> Server {
    Server::reacting(react)
}

/// A `tl` that uses a scripted server.
pub(crate) fn tl_to(server: &Server, arguments: &[&str]) -> Tl {
    Tl::new(arguments).to(&server.url("/v1.3"), KEY)
}

/// A JSON response.
pub(crate) fn json(status: u16, body: &str) -> Reply {
    Reply::status(status)
        .header("content-type", "application/json")
        .body(body.to_owned())
}

/// The response to a request for the index.
pub(crate) fn index() -> Reply {
    json(
        200,
        &format!(r#"{{"_id": "{INDEX}", "index_name": "films", "models": []}}"#),
    )
}

/// A task with a status.
pub(crate) fn task(status: &str) -> Reply {
    json(
        200,
        &format!(r#"{{"_id": "{TASK}", "index_id": "{INDEX}", "status": "{status}"}}"#),
    )
}

/// A page of a list with these items.
pub(crate) fn page(items: &str) -> Reply {
    json(
        200,
        &format!(
            r#"{{"data": [{items}], "page_info": {{"page": 1, "limit_per_page": 50, "total_page": 1, "total_results": 1}}}}"#
        ),
    )
}

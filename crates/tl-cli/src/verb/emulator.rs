//! `tl emulator`: the platform's API on this machine, until Ctrl-C.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tl_emulator::Emulator;

use crate::args::Context;
use crate::checking;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runtime;

/// Run the platform's API on this machine, for tests; Ctrl-C ends it.
#[derive(Debug, Args)]
#[command(
    after_help = "It prints the two lines that point a client at it. Its keys work nowhere else, and it forgets everything when it ends."
)]
pub(crate) struct EmulatorArgs {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// The folder for received files [default: a temporary one, which goes with the emulator]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Let `video_url` name loopback and private addresses, which the platform cannot reach
    #[arg(long)]
    allow_private: bool,
}

impl EmulatorArgs {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut builder = Emulator::builder()
            .prober(checking::helper()?)
            .port(self.port)
            .allow_private_urls(self.allow_private);
        if let Some(folder) = self.data_dir {
            builder = builder.data_dir(folder);
        }
        let work = async {
            let stop = Stop::listen()?;
            let emulator = builder.start().await.map_err(|error| {
                Failure::new(Exit::Usage, "emulator", error.to_string())
                    .next("choose another --port or --data-dir; --port 0 takes a free port")
            })?;
            let (base_url, api_key) = (emulator.base_url(), emulator.api_key());
            context.output.json(&json!({"base_url": base_url.as_str(), "api_key": api_key, "pages": emulator.control_url().as_str()}));
            context.output.line(&format!(
                "export TWELVELABS_BASE_URL={base_url}\nexport TWELVE_LABS_API_KEY={api_key}"
            ));
            context.output.note("the emulator runs until Ctrl-C");
            stop.asked().await;
            emulator.shutdown().await;
            Ok(Exit::Ok)
        };
        runtime::until_done(work)
    }
}

/// Ctrl-C, and the signal by which service managers and containers end a program.
#[cfg(unix)]
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stop {
    /// Listens from now on.
    fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(Exit::Temporary, "system", "no signal can be listened for")
                    .because(&error)
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn asked(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
struct Stop;

#[cfg(not(unix))]
impl Stop {
    fn listen() -> Result<Self, Failure> {
        Ok(Self)
    }

    async fn asked(self) {
        // Where no signal can be heard, the default of the system ends the program.
        let _ = tokio::signal::ctrl_c().await;
    }
}

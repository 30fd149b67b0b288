//! The TwelveLabs video platform API on loopback, for tests: strict, stateful, and with the same rules as the client.
//!
//! Two parts: [`platform`] is a pure handler, request and moment in, response and effects out; [`Emulator`] puts it behind
//! a real socket on 127.0.0.1, streams uploads to disk, looks at the received media and fetches URLs.
//!
//! What the platform's documents leave open is a switch each: see [`platform::quirks`].
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = tl_emulator::Emulator::start().await?;
//! let base_url = emulator.base_url(); // http://127.0.0.1:…/v1.3
//! let api_key = emulator.api_key(); // tlk_emulator…
//! // … point a client at it …
//! assert!(emulator.journal().is_empty());
//! emulator.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod emulator;
mod exec;
pub mod platform;
mod server;

pub use emulator::{Emulator, EmulatorBuilder, StartError};
pub use exec::{Summary, exit_code};
pub use platform::{Fault, FaultPlan, Operation, Plan, Schedule, Seed};
pub use server::{ClockMode, JournalChunk, JournalEntry, TimeLimits};

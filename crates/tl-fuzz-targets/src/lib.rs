//! Fuzz targets: one function for each parser of foreign bytes, which checks its result.
//!
//! The functions are here, and not in `fuzz`, so that the tests run them with the stable compiler:
//! each target with its seeds, and with a few thousand changes of them. `cargo xtask fuzz` runs the
//! same functions with coverage and the address sanitizer.
//!
//! A target panics if the parser breaks a promise: it hangs, panics, changes what it read, or
//! accepts what it must refuse.

mod emulator;
mod files;
mod input;
mod media;
mod mutate;
mod protocol;
mod streams;

use std::path::PathBuf;

pub use mutate::Mutator;

/// A fuzz target.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Target {
    /// Its name: of the binary in `fuzz`, and of the folder with its seeds.
    pub name: &'static str,
    /// The parser, and where its bytes come from.
    pub about: &'static str,
    /// How many times slower than the fastest it is, roughly.
    pub cost: u32,
    /// Runs it once.
    pub run: fn(&[u8]),
}

impl Target {
    const fn new(name: &'static str, cost: u32, about: &'static str, run: fn(&[u8])) -> Self {
        Self {
            name,
            about,
            cost,
            run,
        }
    }

    /// The target of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// The contents of its seed files, in the order of their names.
    ///
    /// # Errors
    /// A seed cannot be read.
    pub fn seeds(&self) -> std::io::Result<Vec<Vec<u8>>> {
        let folder = seed_folder().join(self.name);
        let entries = std::fs::read_dir(folder)?;
        let mut paths = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<PathBuf>, _>>()?;
        paths.sort();
        paths.into_iter().map(std::fs::read).collect()
    }
}

/// The folder with a folder of seeds for each target.
#[must_use]
pub fn seed_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("seeds")
}

/// All targets.
pub static TARGETS: &[Target] = &[
    Target::new(
        "header",
        4,
        "headers of mp4, mov, mkv and webm: files",
        media::header,
    ),
    Target::new(
        "media",
        2000,
        "any media, by FFmpeg: files",
        media::with_ffmpeg,
    ),
    Target::new(
        "rules",
        200,
        "rule packs, facts and targets: files of users",
        media::rules,
    ),
    Target::new(
        "remote",
        1,
        "responses to range requests, and URLs: servers",
        media::remote,
    ),
    Target::new(
        "protocol_answer",
        4,
        "any response to a call: servers",
        protocol::answer,
    ),
    Target::new(
        "protocol_proxy",
        20,
        "responses of proxies, and proxy variables",
        protocol::proxy,
    ),
    Target::new(
        "responses",
        4,
        "JSON responses of every operation: servers",
        protocol::responses,
    ),
    Target::new(
        "requests",
        4,
        "JSON requests of every operation: clients",
        protocol::requests,
    ),
    Target::new(
        "rate_limits",
        4,
        "rate limit headers, `Retry-After`: servers",
        protocol::rate_limits,
    ),
    Target::new(
        "webhook",
        8,
        "signatures and bodies of webhooks: anyone",
        protocol::webhook,
    ),
    Target::new(
        "schema",
        4,
        "JSON schemas, and answers to them: users, servers",
        protocol::schema,
    ),
    Target::new(
        "framing",
        4,
        "NDJSON and server-sent events: servers",
        streams::framing,
    ),
    Target::new(
        "events",
        4,
        "events of streamed responses: servers",
        streams::events,
    ),
    Target::new(
        "matrix",
        4,
        "matrices of embeddings in .npy and JSON Lines: files of users",
        files::matrix,
    ),
    Target::new(
        "manifest",
        40,
        "manifests in CSV and JSON Lines: files of users",
        files::manifest,
    ),
    Target::new(
        "list",
        40,
        "lists of paths and URLs: files of users",
        files::list,
    ),
    Target::new(
        "template",
        2,
        "templates of titles and metadata: users",
        files::template,
    ),
    Target::new(
        "checkpoint",
        100,
        "checkpoints of uploads: files in a state folder",
        files::checkpoint,
    ),
    Target::new(
        "ledger",
        400,
        "exported ledgers: files of users",
        files::ledger,
    ),
    Target::new(
        "sidecar",
        4,
        "SRT, WebVTT, sidecars, fixtures: files of users",
        emulator::sidecar,
    ),
    Target::new(
        "emulator",
        40,
        "requests to the emulator: clients",
        emulator::requests,
    ),
    Target::new(
        "emulator_state",
        20,
        "plans, seeds, exports: files of users",
        emulator::state,
    ),
];

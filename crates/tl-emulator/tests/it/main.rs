//! The emulator, tested as a pure handler with a time of its own, and over real sockets with real media.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests touch the machine, and stop at the first surprise"
)]

mod abuse;
mod assets;
mod browser;
mod clips;
mod conformance;
mod control;
mod errors;
mod families;
mod faults;
mod full_disk;
mod guarded;
mod hostile;
mod indexed_assets;
mod killed;
mod lifecycle;
mod limits;
mod lists;
mod memory;
mod page;
mod presigned;
mod process;
mod random;
mod raw;
mod renditions;
mod sessions;
mod sockets;
mod static_assets;
mod stories;
mod studio;
mod uploads;
mod urls;
mod watched;
mod world;

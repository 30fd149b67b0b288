//! The emulator, tested as a pure handler with a time of its own, and over real sockets with real media.

mod abuse;
mod clips;
mod control;
mod errors;
mod faults;
mod lifecycle;
mod limits;
mod lists;
mod memory;
mod page;
mod random;
mod raw;
mod sockets;
mod urls;
mod world;

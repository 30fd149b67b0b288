//! The emulator, tested as a pure handler with a time of its own, and over real sockets with real media.

mod abuse;
mod clips;
mod errors;
mod lifecycle;
mod lists;
mod random;
mod raw;
mod sockets;
mod urls;
mod world;

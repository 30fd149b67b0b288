//! Tests of the ledger. The suites run on SQLite, and with the feature `postgres` on a real server.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests print what they measured, and may panic on unexpected results"
)]

mod changes;
mod claims;
#[cfg(feature = "postgres")]
mod connections;
mod contents;
mod files;
mod maintenance;
mod model;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod processes;
mod records;
mod scale;
#[cfg(feature = "postgres")]
mod server;
mod transfer;
mod world;

use place::Place;

/// Tests that run on every database.
type Suite = &'static [(&'static str, fn(&Place))];

/// Declares a suite: each function is a test on SQLite, and all are in `SUITE` for PostgreSQL.
macro_rules! suite {
    ($($name:ident),* $(,)?) => {
        #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "run on PostgreSQL"))]
        pub(crate) const SUITE: crate::Suite = &[$((stringify!($name), $name)),*];

        mod sqlite {
            $(#[test]
            fn $name() {
                super::$name(&crate::place::Place::file());
            })*
        }
    };
}
pub(crate) use suite;

//! What every command receives.

pub(crate) mod connection;

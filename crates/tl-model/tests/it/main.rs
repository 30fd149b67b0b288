//! Tests of tl-model on samples and on generated values, in one test binary.
#![allow(clippy::unwrap_used)]

mod chat;
mod error_body;
mod fixtures;
mod ids_and_enums;
mod lenient;
mod mutations;
mod public_types;
mod round_trip;
mod timestamp;
mod uploads;
mod user_metadata;
mod wire;
mod wire_assets;
mod wire_entities;

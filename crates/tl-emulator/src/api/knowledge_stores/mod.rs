//! `/knowledge-stores`: stores, their items, and collections of items.

mod collections;
mod items;
mod matching;
mod search;
mod stores;
mod token;

pub(crate) use matching::{Candidate, candidates, media_of};

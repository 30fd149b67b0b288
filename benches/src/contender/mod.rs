//! The contenders by name. Each prints what its work took.

mod answers;
mod bare;
mod product;
mod program;
mod raw;

use serde_json::Value;

use crate::{Failure, arguments::Arguments};

type Contender = fn(&Arguments) -> Result<Value, Failure>;

/// Every contender.
const CONTENDERS: &[(&str, Contender)] = &[
    ("raw-form", raw::form),
    ("raw-chunks", raw::chunks),
    ("async-form", product::async_form),
    ("async-chunks", product::async_chunks),
    ("async-polls", product::async_polls),
    ("async-ready", product::async_ready),
    ("blocking-form", product::blocking_form),
    ("blocking-chunks", product::blocking_chunks),
    ("blocking-polls", product::blocking_polls),
    ("blocking-ready", product::blocking_ready),
    ("async-events", answers::async_events),
    ("async-first", answers::async_first),
    ("async-searches", answers::async_searches),
    ("async-embeddings", answers::async_embeddings),
    ("blocking-events", answers::blocking_events),
    ("blocking-first", answers::blocking_first),
    ("blocking-searches", answers::blocking_searches),
    ("blocking-embeddings", answers::blocking_embeddings),
    ("reqwest-polls", bare::reqwest_polls),
    ("ureq-polls", bare::ureq_polls),
    ("exec", program::exec),
];

pub(crate) fn run(name: &str, arguments: &Arguments) -> Result<Value, Failure> {
    let contender = CONTENDERS.iter().find(|(known, _)| *known == name);
    let Some((_, contender)) = contender else {
        let known: Vec<_> = CONTENDERS.iter().map(|(name, _)| *name).collect();
        return Err(format!("no contender `{name}`: choose from {}", known.join(", ")).into());
    };
    contender(arguments)
}

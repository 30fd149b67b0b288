//! The contenders, by name. Each prints what its work took; none knows of another.

mod bare;
mod outside;
mod product;
mod raw;

use serde_json::Value;

use crate::{Failure, arguments::Arguments};

type Program = fn(&Arguments) -> Result<Value, Failure>;

/// Every contender that is part of this program.
const PROGRAMS: &[(&str, Program)] = &[
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
    ("reqwest-polls", bare::reqwest_polls),
    ("ureq-polls", bare::ureq_polls),
    ("exec", outside::exec),
];

pub(crate) fn run(name: &str, arguments: &Arguments) -> Result<Value, Failure> {
    let program = PROGRAMS.iter().find(|(known, _)| *known == name);
    let Some((_, program)) = program else {
        let known: Vec<_> = PROGRAMS.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no program `{name}`, only {}", known.join(", ")).into());
    };
    program(arguments)
}

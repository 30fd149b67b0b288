//! `tl emulator quirks`.

use serde_json::{Value, json};
use tl_emulator::platform::quirks;

use crate::context::Context;
use crate::failure::exit::Exit;
use crate::ui::style::{BOLD, DIM};

pub(super) fn run(context: &Context) -> Exit {
    let rows: Vec<Value> = quirks::ALL
        .iter()
        .map(|quirk| {
            json!({
                "name": quirk.name,
                "default": quirk.values[0],
                "values": quirk.values,
                "question": quirk.question,
                "why": quirk.why,
            })
        })
        .collect();
    context.output.json(&rows);
    let texts: Vec<String> = quirks::ALL
        .iter()
        .map(|quirk| {
            let (default, others) = (quirk.values[0], quirk.values[1..].join(", "));
            format!(
                "{BOLD}{}={default}{BOLD:#}  {DIM}or {others}{DIM:#}\n  {}\n  {}",
                quirk.name, quirk.question, quirk.why
            )
        })
        .collect();
    context.output.line(&texts.join("\n"));
    Exit::Ok
}

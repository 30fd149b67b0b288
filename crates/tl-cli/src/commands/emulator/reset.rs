//! `tl emulator reset`.

use serde_json::json;

use super::control::request;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    request(context, "POST", "reset", None)?;
    context.output.json(&json!({"reset": true}));
    context.output.line("all data of the emulator deleted");
    Ok(Exit::Ok)
}

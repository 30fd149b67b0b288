//! `tl emulator export`.

use super::control::request;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    let text = request(context, "GET", "state", None)?;
    context.output.text(&text);
    Ok(Exit::Ok)
}

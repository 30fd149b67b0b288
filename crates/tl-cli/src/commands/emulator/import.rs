//! `tl emulator import`.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::control::request;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl emulator import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Output of `export`; `-` reads standard input
    file: PathBuf,
}

impl Import {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let file = self.file;
        let mut text = String::new();
        let read = if file.as_os_str() == "-" {
            std::io::stdin().read_to_string(&mut text).map(|_| ())
        } else {
            std::fs::read_to_string(&file).map(|read| text = read)
        };
        read.map_err(|error| {
            Failure::usage(format!("failed to read the state `{}`", file.display()))
                .with_source(&error)
        })?;
        request(context, "PUT", "state", Some(text))?;
        context.output.json(&json!({"imported": true}));
        context.output.line("state imported");
        Ok(Exit::Ok)
    }
}

//! `tl index rename`.

use clap::Args;
use serde_json::json;

use crate::args::index_ref::IndexRef;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::escape::plain_line;

/// `tl index rename`.
#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// Index id or name
    #[arg(value_name = "INDEX")]
    index: IndexRef,
    /// New name
    #[arg(value_name = "NAME")]
    name: String,
}

impl Rename {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let name = self.name.as_str();
        let id = &context.call(async |client| {
            let id = self.index.resolve(client).await?;
            client.indexes().rename(id.clone(), name).await?;
            Ok(id)
        })?;
        context
            .output
            .json(&json!({"renamed": id, "index_name": name}));
        context.output.line(&if context.output.is_quiet() {
            id.to_string()
        } else {
            format!("renamed index {id} to {}", plain_line(name))
        });
        Ok(Exit::Ok)
    }
}

//! `tl index create`.

use clap::Args;
use tl_model::{Addon, NewIndex};

use crate::args::index_ref::model;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::escape::plain_line;

/// `tl index create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name of the index, unique within the account
    #[arg(value_name = "NAME")]
    name: String,
    /// Add a model, e.g. marengo3.0:visual,audio. Repeatable
    #[arg(
        long = "model",
        value_name = "MODEL[:OPTIONS]",
        default_value = "marengo3.0"
    )]
    models: Vec<String>,
    /// Generate thumbnails of the videos (Marengo only)
    #[arg(long)]
    thumbnails: bool,
}

impl Create {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let models = self
            .models
            .iter()
            .map(|text| model(text))
            .collect::<Result<Vec<_>, _>>()?;
        if self.name.is_empty() {
            return Err(Failure::usage("the name of the index is empty").hint("pass a name"));
        }
        let mut index = NewIndex::new(self.name.clone(), models);
        index.addons = self.thumbnails.then(|| vec![Addon::Thumbnail]);
        let created = context.call(async |client| Ok(client.indexes().create(index).await?))?;
        context.output.json(&created);
        context.output.line(&if context.output.is_quiet() {
            created.id.to_string()
        } else {
            format!("created index {} ({})", created.id, plain_line(&self.name))
        });
        Ok(Exit::Ok)
    }
}

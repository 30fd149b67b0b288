//! `tl index create`.

use clap::Args;
use tl_model::{Addon, IndexModel, ModelOption, NewIndex};

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

/// Parses `marengo3.0:visual,audio`.
fn model(text: &str) -> Result<IndexModel, Failure> {
    let (name, options) = text.split_once(':').unwrap_or((text, "visual,audio"));
    let options: Vec<ModelOption> = options
        .split(',')
        .map(str::trim)
        .filter(|option| !option.is_empty())
        .map(ModelOption::from)
        .collect();
    if name.trim().is_empty() || options.is_empty() {
        return Err(
            Failure::usage(format!("`{text}` is not a model with options"))
                .hint("use for example marengo3.0 or marengo3.0:visual,audio"),
        );
    }
    Ok(IndexModel::new(name.trim(), options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_models_with_options() {
        let shown = |text: &str| {
            model(text)
                .map(|model| {
                    let options: Vec<String> =
                        model.options().iter().map(ToString::to_string).collect();
                    format!("{} {}", model.name().unwrap(), options.join("+"))
                })
                .map_err(|failure| failure.message().to_owned())
        };
        assert_eq!(shown("marengo3.0").unwrap(), "marengo3.0 visual+audio");
        assert_eq!(shown("marengo3.0:visual").unwrap(), "marengo3.0 visual");
        assert_eq!(
            shown("pegasus9: audio , visual").unwrap(),
            "pegasus9 audio+visual"
        );
        for text in ["", ":visual", "marengo3.0:", "marengo3.0: ,"] {
            assert!(
                shown(text).unwrap_err().contains("is not a model"),
                "{text}"
            );
        }
    }
}

//! `tl index`: the indexes that videos live in.

use clap::{Args, Subcommand};
use serde_json::json;
use tl_model::{Addon, Index, IndexId, IndexModel, ModelFamily, ModelOption, NewIndex, Timestamp};
use tl_protocol::endpoint::ListIndexes;

use crate::args::Context;
use crate::confirm::Confirm;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listing::{self, PageArgs, cell};
use crate::{span, table};

/// The indexes that videos live in.
#[derive(Debug, Subcommand)]
pub(crate) enum IndexVerb {
    /// Create an index; its models cannot be changed afterwards
    Create(Create),
    /// List indexes
    List(IndexList),
    /// Show one index
    Get {
        /// Its id
        #[arg(value_name = "INDEX")]
        id: IndexId,
    },
    /// Give an index another name
    Rename {
        /// Its id
        #[arg(value_name = "INDEX")]
        id: IndexId,
        /// The new name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Delete an index with all its videos
    Delete {
        /// Its id
        #[arg(value_name = "INDEX")]
        id: IndexId,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// The index to create.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, unique within the account
    #[arg(value_name = "NAME")]
    name: String,
    /// A model and what it reads, such as marengo3.0:visual,audio; without options it reads both. May be repeated
    #[arg(
        long = "model",
        value_name = "MODEL[:OPTIONS]",
        default_value = "marengo3.0"
    )]
    models: Vec<String>,
    /// Keep thumbnails of the videos (Marengo only)
    #[arg(long)]
    thumbnails: bool,
}

/// Which indexes.
#[derive(Debug, Args)]
pub(crate) struct IndexList {
    /// Only the index of this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only indexes with these model options, such as visual,audio
    #[arg(long, value_name = "OPTIONS")]
    model_options: Option<String>,
    /// Only indexes with a model of this family
    #[arg(long, value_name = "FAMILY", value_parser = ["marengo", "pegasus"])]
    model_family: Option<String>,
    /// Only indexes created then or later
    #[arg(long, value_name = "TIME", value_parser = listing::time)]
    created_after: Option<Timestamp>,
    /// Only indexes that changed then or later
    #[arg(long, value_name = "TIME", value_parser = listing::time)]
    updated_after: Option<Timestamp>,
    #[command(flatten)]
    page: PageArgs,
}

impl IndexVerb {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Create(create) => create.run(context),
            Self::List(list) => list.run(context),
            Self::Get { id } => get(context, id),
            Self::Rename { id, name } => rename(context, &id, &name),
            Self::Delete { id, confirm } => delete(context, &id, &confirm),
        }
    }
}

impl Create {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let models = self
            .models
            .iter()
            .map(|text| model(text))
            .collect::<Result<Vec<_>, _>>()?;
        let mut index = NewIndex::new(self.name.clone(), models);
        index.addons = self.thumbnails.then(|| vec![Addon::Thumbnail]);
        let created = context.call(async |client| Ok(client.create_index(index).await?))?;
        context.output.json(&created);
        context.output.line(&if context.output.is_quiet() {
            created.id.to_string()
        } else {
            format!(
                "created index {} ({})",
                created.id,
                crate::output::plain_line(&self.name)
            )
        });
        Ok(Exit::Ok)
    }
}

/// Reads `marengo3.0:visual,audio`.
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
            Failure::usage(format!("`{text}` names no model with something to read"))
                .next("write it as marengo3.0, or as marengo3.0:visual,audio"),
        );
    }
    Ok(IndexModel::new(name.trim(), options))
}

impl IndexList {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let list = ListIndexes {
            page: self.page.page(),
            sort: self.page.sort(),
            index_name: self.name,
            model_options: self.model_options,
            model_family: self.model_family.as_deref().map(ModelFamily::from),
            created_at: self.created_after,
            updated_at: self.updated_after,
        };
        let listed = context.call(async |client| self.page.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "indexes",
            ["INDEX", "VIDEOS", "LENGTH", "MODELS", "CREATED", "NAME"],
            |index: &Index| {
                [
                    index.id.to_string(),
                    cell(index.video_count.as_ref()),
                    length(index).unwrap_or_default(),
                    models(index),
                    cell(index.created_at.as_ref()),
                    cell(index.index_name.as_ref()),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}

fn length(index: &Index) -> Option<String> {
    let seconds = index.total_duration?;
    std::time::Duration::try_from_secs_f64(seconds)
        .ok()
        .map(span::show)
}

fn models(index: &Index) -> String {
    let names: Vec<String> = index
        .models
        .iter()
        .filter_map(|model| {
            let options: Vec<String> = model.options().iter().map(ToString::to_string).collect();
            Some(format!("{}:{}", model.name()?, options.join(",")))
        })
        .collect();
    names.join(" ")
}

fn get(context: &Context, id: IndexId) -> Result<Exit, Failure> {
    let index = context.call(async |client| Ok(client.get_index(id).await?))?;
    context.output.json(&index);
    context.output.line(&table::pairs(&[
        ("index", Some(index.id.to_string())),
        ("name", index.index_name.clone()),
        ("models", Some(models(&index))),
        ("videos", index.video_count.map(|count| count.to_string())),
        ("length", length(&index)),
        (
            "created",
            index.created_at.as_ref().map(ToString::to_string),
        ),
        (
            "updated",
            index.updated_at.as_ref().map(ToString::to_string),
        ),
        (
            "expires",
            index.expires_at.as_ref().map(ToString::to_string),
        ),
    ]));
    Ok(Exit::Ok)
}

fn rename(context: &Context, id: &IndexId, name: &str) -> Result<Exit, Failure> {
    context.call(async |client| Ok(client.rename_index(id.clone(), name).await?))?;
    context
        .output
        .json(&json!({"renamed": id, "index_name": name}));
    context.output.line(&if context.output.is_quiet() {
        id.to_string()
    } else {
        format!(
            "index {id} is now named {}",
            crate::output::plain_line(name)
        )
    });
    Ok(Exit::Ok)
}

fn delete(context: &Context, id: &IndexId, confirm: &Confirm) -> Result<Exit, Failure> {
    let what = format!("index {id} with all its videos");
    let ask = confirm.must_ask(&what)?;
    if ask {
        // Whoever is asked should see what goes.
        let index = context.call(async |client| Ok(client.get_index(id.clone()).await?))?;
        Confirm::ask(&format!(
            "index {id} ({}) with its {} videos",
            crate::output::plain_line(index.index_name.as_deref().unwrap_or("without a name")),
            index.video_count.unwrap_or_default()
        ))?;
    }
    context.call(async |client| Ok(client.delete_index(id.clone()).await?))?;
    context.output.json(&json!({"deleted": id}));
    context.output.line(&if context.output.is_quiet() {
        id.to_string()
    } else {
        format!("deleted {what}")
    });
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_read_with_its_options() {
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
                shown(text).unwrap_err().contains("names no model"),
                "{text}"
            );
        }
    }
}

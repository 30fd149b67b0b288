//! `tl index`: indexes.

use clap::{Args, Subcommand};
use serde_json::json;
use tl_client::Client;
use tl_model::{Addon, Index, IndexModel, ModelFamily, ModelOption, NewIndex, Timestamp};
use tl_protocol::endpoint::ListIndexes;

use crate::args::ids;
use crate::args::index_ref::IndexRef;
use crate::args::pages::PageArgs;
use crate::args::time;
use crate::batch::deletion::{Deletion, not_deleted};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units;
use crate::ui::confirm::Confirm;
use crate::ui::table;
use crate::ui::table::cell;

/// `tl index` and its subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Create an index; its models cannot be changed later
    Create(Create),
    /// List indexes
    List(IndexList),
    /// Show one index
    Get {
        /// Index id or name
        #[arg(value_name = "INDEX")]
        index: IndexRef,
    },
    /// Rename an index
    Rename {
        /// Index id or name
        #[arg(value_name = "INDEX")]
        index: IndexRef,
        /// New name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Delete indexes and all their videos
    Delete {
        /// Index ids or names; `-` reads them from standard input, one per line
        #[arg(value_name = "INDEX", required = true)]
        indexes: Vec<String>,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// `tl index create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name of the index, unique within the account
    #[arg(value_name = "NAME")]
    name: String,
    /// Add a model, e.g. marengo3.0:visual,audio; without options it uses both. Repeatable
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

/// `tl index list`.
#[derive(Debug, Args)]
pub(crate) struct IndexList {
    /// Filter by name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Filter by model options, e.g. visual,audio
    #[arg(long, value_name = "OPTIONS")]
    model_options: Option<String>,
    /// Filter by model family
    #[arg(long, value_name = "FAMILY", value_parser = ["marengo", "pegasus"])]
    model_family: Option<String>,
    /// Filter by creation time: this time or later
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    created_after: Option<Timestamp>,
    /// Filter by update time: this time or later
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    updated_after: Option<Timestamp>,
    #[command(flatten)]
    page: PageArgs,
}

impl IndexCommand {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Create(create) => create.run(context),
            Self::List(list) => list.run(context),
            Self::Get { index } => get(context, &index),
            Self::Rename { index, name } => rename(context, &index, &name),
            Self::Delete { indexes, confirm } => delete(context, ids::read(&indexes)?, &confirm),
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
        let created = context.call(async |client| Ok(client.indexes().create(index).await?))?;
        context.output.json(&created);
        context.output.line(&if context.output.is_quiet() {
            created.id.to_string()
        } else {
            format!(
                "created index {} ({})",
                created.id,
                crate::ui::escape::plain_line(&self.name)
            )
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
            ["INDEX", "VIDEOS", "DURATION", "MODELS", "CREATED", "NAME"],
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
        .map(units::format_duration)
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

fn get(context: &Context, index: &IndexRef) -> Result<Exit, Failure> {
    let index = context.call(async |client| index.get(client).await)?;
    context.output.json(&index);
    context.output.line(&table::pairs(&[
        ("index", Some(index.id.to_string())),
        ("name", index.index_name.clone()),
        ("models", Some(models(&index))),
        ("videos", index.video_count.map(|count| count.to_string())),
        ("duration", length(&index)),
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

fn rename(context: &Context, index: &IndexRef, name: &str) -> Result<Exit, Failure> {
    let id = &context.call(async |client| {
        let id = index.resolve(client).await?;
        client.indexes().rename(id.clone(), name).await?;
        Ok(id)
    })?;
    context
        .output
        .json(&json!({"renamed": id, "index_name": name}));
    context.output.line(&if context.output.is_quiet() {
        id.to_string()
    } else {
        format!(
            "renamed index {id} to {}",
            crate::ui::escape::plain_line(name)
        )
    });
    Ok(Exit::Ok)
}

fn delete(context: &Context, words: Vec<String>, confirm: &Confirm) -> Result<Exit, Failure> {
    let resolve = |word: &str| IndexRef::from(word);
    let deletion = |ids: Vec<String>| Deletion {
        nouns: ("index", "indexes"),
        suffix: " with all videos".to_owned(),
        ids,
    };
    let delete = async |client: &Client, word: &str| {
        let id = resolve(word).resolve(client).await?;
        Ok(client.indexes().delete(id).await?)
    };
    let [only] = &words[..] else {
        return deletion(words).run(context, confirm, &delete);
    };
    let what = format!("index {only} with all its videos");
    if !confirm.needs_prompt(&what)? {
        return deletion(words).run(context, confirm, &delete);
    }
    // Show what would be deleted in the prompt.
    let index = context.call(async |client| resolve(only).get(client).await)?;
    let what = format!(
        "index {} ({}) with its {}",
        index.id,
        crate::ui::escape::plain_line(index.index_name.as_deref().unwrap_or("without a name")),
        videos(&index)
    );
    if !Confirm::ask(&what) {
        return Ok(not_deleted(context, &what));
    }
    deletion(vec![index.id.to_string()]).run(context, &Confirm { yes: true }, &delete)
}

/// Formats the number of videos in an index.
fn videos(index: &Index) -> String {
    let number = index.video_count.unwrap_or_default().to_string();
    let noun = if number == "1" { "video" } else { "videos" };
    format!("{number} {noun}")
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

//! `tl embed text`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tl_client::Client;
use tl_model::Embeddings;

use super::model::{ModelArgs, build};
use super::save::SaveArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::text::units::pluralize;
use crate::ui::output::Output;

/// `tl embed text`.
#[derive(Debug, Args)]
pub(crate) struct Text {
    /// Texts, each of which becomes a vector
    #[arg(value_name = "TEXT", required_unless_present = "from")]
    texts: Vec<String>,
    /// Read more texts from this file, one per line
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Show what would be embedded, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    save: SaveArgs,
}

impl Text {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut texts = self.texts;
        if let Some(path) = &self.from {
            let file = std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("failed to read `{}`", path_name(path))).with_source(&error)
            })?;
            let lines = file.lines().filter(|line| !line.trim().is_empty());
            texts.extend(lines.map(str::to_owned));
        }
        for text in &texts {
            build(&self.model.request().text(text), false)?;
        }
        self.save.check()?;
        if self.dry_run {
            return Ok(dry_run(&context.output, texts.len(), "text", "texts"));
        }
        let model = self.model;
        let embeddings = context.call(async |client| {
            let mut collected = Embeddings::new();
            for text in &texts {
                let request = model.request().text(text);
                let got = one(client, request).await;
                add(got, &mut collected, &self.save, &context.output)?;
            }
            Ok(collected)
        })?;
        self.save.write(&context.output, &embeddings)?;
        Ok(Exit::Ok)
    }
}

/// Reports requests that would be sent. A text or an image is charged per request.
pub(super) fn dry_run(output: &Output, count: usize, one: &str, many: &str) -> Exit {
    output.json(&json!({ "dry_run": true, "requests": count, "charged_requests": count }));
    output.line(&format!(
        "would embed {}, each of which is charged as one request",
        pluralize(count, one, many)
    ));
    output.line("nothing was sent");
    Exit::Ok
}

/// Sends one request.
pub(super) async fn one(
    client: &Client,
    request: tl_protocol::embed::EmbedRequest,
) -> Result<Embeddings, Failure> {
    let call = client.embed(request.model().clone()).with_request(request);
    Ok(call.run().await?.data)
}

/// Adds embeddings to those that were collected. After an error, what was collected is written,
/// because it was paid for.
pub(super) fn add(
    got: Result<Embeddings, Failure>,
    collected: &mut Embeddings,
    save: &SaveArgs,
    output: &Output,
) -> Result<(), Failure> {
    let added = got.and_then(|embeddings| {
        collected.append(embeddings).map_err(|mismatch| {
            Failure::new(
                Exit::Refused,
                "mixed_embeddings",
                format!("the embeddings do not belong into one matrix: {mismatch}"),
            )
        })
    });
    let Err(failure) = added else { return Ok(()) };
    if !collected.is_empty() {
        if save.is_file() {
            output.note("the embeddings before the error are saved");
        }
        save.write(output, collected)?;
    }
    Err(failure)
}

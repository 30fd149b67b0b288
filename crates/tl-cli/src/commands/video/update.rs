//! `tl video update`.

use clap::Args;
use serde_json::json;
use tl_model::VideoId;

use crate::args::index_ref::IndexRef;
use crate::args::metadata::MetadataArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl video update`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Video id
    #[arg(value_name = "VIDEO")]
    id: VideoId,
    /// Index that contains the video
    #[arg(long, value_name = "ID|NAME")]
    index: IndexRef,
    #[command(flatten)]
    metadata: MetadataArgs,
    /// Delete this key. Repeatable
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
}

impl Update {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let patch = self.metadata.patch(self.unset)?;
        if patch.is_empty() {
            return Err(Failure::usage("nothing to change")
                .hint("pass --metadata KEY=VALUE, --metadata-json OBJECT or --unset KEY"));
        }
        let Self { id, index, .. } = self;
        context.call(async |client| {
            let index = index.resolve(client).await?;
            Ok(client
                .videos()
                .update_metadata(index, id.clone(), patch)
                .await?)
        })?;
        done(context, "updated", &id);
        Ok(Exit::Ok)
    }
}

fn done(context: &Context, what: &str, id: &VideoId) {
    context.output.json(&json!({ what: id }));
    context.output.line(&if context.output.is_quiet() {
        id.to_string()
    } else {
        format!("{what} video {id}")
    });
}

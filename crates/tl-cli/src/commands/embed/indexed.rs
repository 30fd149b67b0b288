//! `tl embed indexed`.

use clap::Args;
use tl_model::{EmbeddingOrigin, Embeddings, VideoId};
use tl_protocol::endpoint::GetVideo;

use super::save::SaveArgs;
use crate::args::index_ref::IndexRef;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl embed indexed`.
#[derive(Debug, Args)]
pub(crate) struct Indexed {
    /// Video ids
    #[arg(value_name = "VIDEO", required = true)]
    videos: Vec<VideoId>,
    /// Index that contains the videos
    #[arg(long, value_name = "ID|NAME")]
    index: IndexRef,
    /// Save this: visual, audio, transcription. Repeatable
    #[arg(long, value_name = "OPTION", value_delimiter = ',', default_values = ["visual", "audio"])]
    on: Vec<String>,
    #[command(flatten)]
    save: SaveArgs,
}

impl Indexed {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let known = ["visual", "audio", "transcription"];
        if let Some(other) = self
            .on
            .iter()
            .find(|option| !known.contains(&option.as_str()))
        {
            return Err(Failure::usage(format!("`{other}` is not an embedding"))
                .hint("pass visual, audio or transcription to --on"));
        }
        self.save.check()?;
        let embeddings = context.call(async |client| {
            let index = self.index.resolve(client).await?;
            let mut collected = Embeddings::new();
            for id in &self.videos {
                let get =
                    GetVideo::new(index.clone(), id.clone()).embedding_option(self.on.clone());
                let video = client.videos().get(get).await?;
                let Some(embedding) = video.embedding else {
                    return Err(Failure::new(
                        Exit::Refused,
                        "no_embeddings",
                        format!("video {id} has no embeddings"),
                    )
                    .hint("only videos that a Marengo model has indexed have embeddings"));
                };
                let segments = embedding.video_embedding.and_then(|video| video.segments);
                let mut rows = segments.map(|segments| segments.0).unwrap_or_default();
                let mut origin = EmbeddingOrigin::default();
                origin.model = embedding.model_name;
                (origin.video, origin.asset) = (Some(video.id), video.asset_id);
                rows.set_origin(origin);
                collected.append(rows).map_err(|mismatch| {
                    Failure::new(
                        Exit::Refused,
                        "mixed_embeddings",
                        format!(
                            "the embeddings of video {id} do not belong into the matrix: {mismatch}"
                        ),
                    )
                    .hint("save each video to its own file")
                })?;
            }
            Ok(collected)
        })?;
        self.save.write(&context.output, &embeddings)?;
        Ok(Exit::Ok)
    }
}

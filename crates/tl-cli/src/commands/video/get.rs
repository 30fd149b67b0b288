//! `tl video get`.

use clap::Args;
use tl_model::{Video, VideoId};
use tl_protocol::endpoint::GetVideo;

use crate::args::index_ref::IndexRef;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::{format_bytes, format_seconds};
use crate::ui::table;

/// `tl video get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Video id
    #[arg(value_name = "VIDEO")]
    id: VideoId,
    /// Index that contains the video
    #[arg(long, value_name = "ID|NAME")]
    index: IndexRef,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let video = context.call(async |client| {
            let index = self.index.resolve(client).await?;
            Ok(client.videos().get(GetVideo::new(index, self.id)).await?)
        })?;
        context.output.json(&video);
        let system = video.system_metadata();
        context.output.line(&table::pairs(&[
            ("video", Some(video.id.to_string())),
            ("file", system.and_then(|system| system.filename.clone())),
            (
                "duration",
                system
                    .and_then(|system| system.duration)
                    .map(|value| format_seconds(Some(value))),
            ),
            ("resolution", frame(&video)),
            (
                "size",
                system
                    .and_then(|system| system.size)
                    .map(|bytes| format_bytes(bytes as u64)),
            ),
            (
                "metadata",
                video.user_metadata.as_ref().map(ToString::to_string),
            ),
            (
                "created",
                video.created_at.as_ref().map(ToString::to_string),
            ),
            (
                "indexed",
                video.indexed_at.as_ref().map(ToString::to_string),
            ),
            (
                "updated",
                video.updated_at.as_ref().map(ToString::to_string),
            ),
            (
                "stream",
                video.hls.as_ref().and_then(|hls| hls.video_url.clone()),
            ),
        ]));
        Ok(Exit::Ok)
    }
}

fn frame(video: &Video) -> Option<String> {
    let system = video.system_metadata()?;
    Some(format!("{}x{}", system.width?, system.height?))
}

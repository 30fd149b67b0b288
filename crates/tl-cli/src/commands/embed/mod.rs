//! `tl embed`: embeds texts, images, audio and video, saves the vectors, and searches saved ones.

mod cost;
mod image;
mod indexed;
mod list;
mod media;
mod model;
#[cfg(feature = "parquet")]
mod parquet_file;
mod query;
mod resume;
mod save;
mod text;

subcommands! {
    /// The commands of `tl embed`.
    pub(crate) enum EmbedCommand {
        /// Embed texts
        Text(text::Text),
        /// Embed images
        Image(image::Image),
        /// Embed audio
        Audio(Box<media::Audio>),
        /// Embed a video
        Video(Box<media::Video>),
        /// Save the embeddings of a video in an index
        Indexed(indexed::Indexed),
        /// Wait for a task of an earlier run and save its embeddings
        Resume(resume::Resume),
        /// List embedding tasks
        List(list::List),
        /// Find the nearest rows of saved embeddings
        Query(query::Query),
    }
}

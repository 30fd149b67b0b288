//! `tl video`: the videos in an index.

mod delete;
mod get;
mod list;
mod update;
mod wait;

subcommands! {
    /// `tl video` and its subcommands.
    pub(crate) enum VideoCommand {
        /// List the videos in an index, newest first
        List(Box<list::List>),
        /// Show one video
        Get(get::Get),
        /// Wait until videos are indexed
        Wait(wait::Wait),
        /// Update the user metadata of a video
        Update(update::Update),
        /// Delete videos from their index
        Delete(delete::Delete),
    }
}

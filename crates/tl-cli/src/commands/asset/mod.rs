//! `tl asset`: assets.

mod delete;
mod entities;
mod get;
mod list;
mod transcription;
mod update;
mod videos;
mod view;
mod wait;

subcommands! {
    /// `tl asset` and its subcommands.
    pub(crate) enum AssetCommand {
        /// List assets, newest first
        List(list::List),
        /// Show one asset
        Get(get::Get),
        /// Wait until assets are ready for indexing
        Wait(wait::Wait),
        /// Change the metadata of an asset
        Update(update::Update),
        /// Print what is spoken in an asset, as text or subtitles
        Transcription(transcription::Transcription),
        /// List the videos that were indexed from an asset
        Videos(videos::Videos),
        /// List the entities that use an asset
        Entities(entities::Entities),
        /// Delete assets
        Delete(delete::Delete),
    }
}

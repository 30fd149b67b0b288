//! Models, their options, and add-ons: open enumerations that several objects and queries share.

open_enum! {
    /// A video understanding model (called an engine in v1.2).
    ///
    /// The platform decides which models a new index may use: see the rule packs of `tl-validate`.
    pub enum ModelName {
        /// Of API v1.2.
        Marengo2_5 = "marengo2.5",
        /// Of API v1.2.
        Marengo2_6 = "marengo2.6",
        /// Retired on 2026-03-30.
        Marengo2_7 = "marengo2.7",
        /// The model for new indexes.
        Marengo3_0 = "marengo3.0",
        /// Embeddings only.
        Marengo3_5 = "marengo3.5",
        /// Of API v1.2.
        Pegasus1 = "pegasus1",
        /// Retired in February 2025.
        Pegasus1_1 = "pegasus1.1",
        /// Rejected for new indexes since 2026-08-18.
        Pegasus1_2 = "pegasus1.2",
        /// Analysis only.
        Pegasus1_5 = "pegasus1.5",
        /// Analysis only.
        Pegasus1_6 = "pegasus1.6",
    }
}

impl ModelName {
    /// The family, derived from the prefix of the name. Also works for versions that this crate
    /// does not know.
    pub fn family(&self) -> Option<ModelFamily> {
        ModelFamily::KNOWN
            .iter()
            .find(|family| self.as_str().starts_with(family.as_str()))
            .cloned()
    }
}

open_enum! {
    /// A modality that a model processes.
    pub enum ModelOption {
        /// Visual content.
        Visual = "visual",
        /// Audio content.
        Audio = "audio",
        /// Of API v1.2; replaced by `audio`. It required an audio track.
        Conversation = "conversation",
        /// Of API v1.2; now part of `visual`.
        TextInVideo = "text_in_video",
        /// Of API v1.2; now part of `visual`.
        Logo = "logo",
    }
}

open_enum! {
    /// An add-on of an index.
    pub enum Addon {
        /// Thumbnails of the videos; for Marengo only.
        Thumbnail = "thumbnail",
    }
}

open_enum! {
    /// A family of models, as used to filter the list of indexes.
    pub enum ModelFamily {
        /// Embedding models, for search.
        Marengo = "marengo",
        /// Generative models, for analysis.
        Pegasus = "pegasus",
    }
}

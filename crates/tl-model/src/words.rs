//! Open enumerations that several objects and queries share: models, options, add-ons, sorting.

open_enum! {
    /// A video understanding model (v1.2 called it an engine).
    ///
    /// Which of them an index may name today is the platform's decision: see the rule packs of `tl-validate`.
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
        /// Refused for new indexes since 2026-08-18.
        Pegasus1_2 = "pegasus1.2",
        /// Analysis only.
        Pegasus1_5 = "pegasus1.5",
        /// Analysis only.
        Pegasus1_6 = "pegasus1.6",
    }
}

impl ModelName {
    /// The family by the beginning of the name, also for a version that this crate does not know.
    pub fn family(&self) -> Option<ModelFamily> {
        ModelFamily::KNOWN
            .iter()
            .find(|family| self.as_str().starts_with(family.as_str()))
            .cloned()
    }
}

open_enum! {
    /// A modality that a model reads.
    pub enum ModelOption {
        /// What is seen.
        Visual = "visual",
        /// What is heard.
        Audio = "audio",
        /// Of API v1.2; `audio` today. It asked for an audio track.
        Conversation = "conversation",
        /// Of API v1.2; part of `visual` today.
        TextInVideo = "text_in_video",
        /// Of API v1.2; part of `visual` today.
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
    /// A family of models, as the index list filters by it.
    pub enum ModelFamily {
        /// Embedding models, for search.
        Marengo = "marengo",
        /// Generative models, for analysis.
        Pegasus = "pegasus",
    }
}

open_enum! {
    /// The direction of a sorted list.
    pub enum SortOption {
        /// Oldest first.
        Asc = "asc",
        /// Newest first: the platform's default.
        Desc = "desc",
    }
}

open_enum! {
    /// The member that a list is sorted by.
    pub enum SortBy {
        /// The platform's default.
        CreatedAt = "created_at",
        /// When it last changed.
        UpdatedAt = "updated_at",
    }
}

//! The order of a list: open enumerations that several queries share.

open_enum! {
    /// The direction of a sorted list.
    pub enum SortOption {
        /// Oldest first.
        Asc = "asc",
        /// Newest first. The platform's default.
        Desc = "desc",
    }
}

open_enum! {
    /// The member that a list is sorted by.
    pub enum SortBy {
        /// When the item was created. The platform's default.
        CreatedAt = "created_at",
        /// When the item last changed.
        UpdatedAt = "updated_at",
        /// The name. Only for entities and their collections.
        Name = "name",
    }
}

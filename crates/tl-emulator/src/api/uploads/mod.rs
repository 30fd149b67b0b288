//! `/assets/multipart-uploads`: uploads in chunks.

mod reports;
pub(crate) mod sessions;

//! Images and documents: assets that are neither video nor audio. The server detects what they are;
//! the size limits are checked here.

use http::StatusCode;
use tl_model::TechnicalMetadata;
use tl_validate::Route;

use super::refusal::Refusal;

/// The maximum size of an image in bytes (since 2026-07-07; the rule packs only cover video and
/// audio). The unit is binary, as in the only size that the documentation gives in bytes.
pub(crate) const MAX_IMAGE_BYTES: u64 = 32 << 20;
/// The maximum size in bytes of a document that is fetched from a URL (official Python client of
/// October 2026). A document sent as a file has the limit of its route, 200 MB.
const MAX_DOCUMENT_URL_BYTES: u64 = 512 << 20;

/// An image or a document.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StaticFile {
    /// The technical metadata, including size and media type.
    pub technical: TechnicalMetadata,
}

impl StaticFile {
    /// Creates a static file from its technical metadata.
    #[must_use]
    pub fn new(technical: TechnicalMetadata) -> Self {
        Self { technical }
    }

    /// The media type.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.technical.file_mime_type.as_deref().unwrap_or_default()
    }

    /// Checks the size limit of the route.
    pub(crate) fn check_size(&self, bytes: u64, route: Route) -> Result<(), Refusal> {
        let is_image = self.kind().starts_with("image/");
        let limit = match route {
            _ if is_image => MAX_IMAGE_BYTES,
            Route::AssetUrl => MAX_DOCUMENT_URL_BYTES,
            // The size limit of the route applies to all files.
            _ => return Ok(()),
        };
        if bytes <= limit {
            return Ok(());
        }
        let what = if is_image { "image" } else { "document" };
        Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "media_filesize_too_large",
            format!(
                "The {what} is too large. Allowed: at most {limit} bytes. Current file size is {bytes} bytes."
            ),
        ))
    }
}

//! Images and documents: assets that are no video and no sound. What they are was seen by the shell; how large they may be is
//! said here.

use http::StatusCode;
use tl_model::TechnicalMetadata;
use tl_validate::Route;

use super::Refusal;

/// The most bytes of an image (since 2026-07-07; the rule packs are about video and sound). Binary, as the only size of which
/// the documents give the bytes.
pub(super) const IMAGE_MAX: u64 = 32 << 20;
/// The most bytes of a document that is fetched from a URL (official Python client of October 2026). Sent as a file, it has the
/// bound of its route, 200 MB.
const DOCUMENT_URL_MAX: u64 = 512 << 20;

/// An image or a document.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StaticFile {
    /// What was measured, with its size and media type.
    pub technical: TechnicalMetadata,
}

impl StaticFile {
    /// A file of which that was measured.
    #[must_use]
    pub fn new(technical: TechnicalMetadata) -> Self {
        Self { technical }
    }

    /// Its media type.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.technical.file_mime_type.as_deref().unwrap_or_default()
    }

    /// Refuses what is too large for its route.
    pub(super) fn check_size(&self, bytes: u64, route: Route) -> Result<(), Refusal> {
        let is_image = self.kind().starts_with("image/");
        let limit = match route {
            _ if is_image => IMAGE_MAX,
            Route::AssetUrl => DOCUMENT_URL_MAX,
            // The rules of the route hold for every file.
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

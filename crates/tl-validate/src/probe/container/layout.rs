//! What the structure of a container shows.

use crate::facts::Truncation;

/// Structure of a container.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Layout {
    pub(crate) truncated: Option<Truncation>,
    /// Set together with `truncated`: only a size is wrong as far as the structure shows, and the
    /// content may be complete.
    pub(crate) holds_samples: bool,
    /// Encryption scheme of the content.
    pub(crate) encryption: Option<String>,
    pub(crate) fragmented: bool,
    pub(crate) edit_list: bool,
    /// The video or audio data is in another file.
    pub(crate) external_data: bool,
    /// Total duration of a segment index of the whole file, in seconds.
    pub(crate) indexed_seconds: Option<f64>,
}

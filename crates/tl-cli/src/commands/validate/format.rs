//! Output formats of `tl validate`.

use clap::ValueEnum;

/// Output formats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One line per file, followed by its findings
    #[default]
    Human,
    /// One JSON array
    Json,
    /// One JSON object per line and file
    Jsonl,
    /// JUnit XML with one test per file
    Junit,
    /// SARIF 2.1.0
    Sarif,
    /// One row per finding
    Csv,
    /// Self-contained page with a thumbnail of each video
    Html,
}

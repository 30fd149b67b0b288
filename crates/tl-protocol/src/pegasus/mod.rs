//! The bounds of the Pegasus models as dated data, and the check of a request against them before
//! it is sent.
//!
//! ```
//! use tl_model::{AnalyzeModel, AnalyzeRequest, AnalyzeVideo};
//! use tl_protocol::pegasus::{self, Usage};
//!
//! let mut request = AnalyzeRequest::default();
//! request.model_name = Some(AnalyzeModel::Pegasus1_5);
//! request.video = Some(AnalyzeVideo::Asset("6298d673f1090f1100476d4c".into()));
//! request.prompt = Some("Summarize the video.".to_owned());
//! request.max_tokens = Some(100_u64.into());
//! let fault = pegasus::check(&request, Usage::Response).unwrap_err();
//! assert_eq!(fault.to_string(), "max_tokens: 100 is not 512 to 98304 (pegasus1.5)");
//! ```

pub mod batch;
mod check;
mod segments;

pub use check::{Usage, check, check_batch, check_window, request_of_item};

use tl_model::AnalyzeModel;

use crate::schema::SchemaFault;

/// A violation: the member of the request, and what is allowed.
pub type RequestFault = SchemaFault;

/// The bounds of one model.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Bounds {
    /// The name of the model.
    pub model: &'static str,
    /// The date of the source.
    pub date: &'static str,
    /// Where the bounds are documented.
    pub source: &'static str,
    /// The maximum length of an answer in tokens: from, to, and the default.
    pub tokens: Tokens,
    /// The same for segmentation; `None` if the model does not segment.
    pub segment_tokens: Option<Tokens>,
    /// Whether `unlimited` is allowed for segmentation.
    pub unlimited: bool,
    /// Whether the model analyzes images instead of a video.
    pub images: bool,
    /// Whether `prompt_v2` is allowed.
    pub structured_prompt: bool,
    /// Whether a window of the video can be analyzed.
    pub window: bool,
    /// Whether schemas may have the type `timestamp`.
    pub timestamps: bool,
    /// Whether batches are allowed.
    pub batches: bool,
}

/// Bounds of a number of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tokens {
    /// The smallest value.
    pub min: u64,
    /// The largest value.
    pub max: u64,
    /// The value if none is given.
    pub default: u64,
}

/// The shortest window, in seconds (Python client 1.3.6; the description of July 2026 says 4).
pub const MIN_WINDOW: f64 = 1.0;
/// The longest window that is analyzed in a response, in seconds.
pub const MAX_WINDOW: f64 = 3600.0;
/// The longest window that is analyzed in a task, in seconds.
pub const MAX_TASK_WINDOW: f64 = 7200.0;
/// The shortest segment and range of a segment definition, in seconds.
pub const MIN_SEGMENT: f64 = 2.0;
/// Items of a batch.
pub const MAX_BATCH_ITEMS: usize = 1000;
/// Seconds of video of a batch.
pub const MAX_BATCH_SECONDS: f64 = 2000.0 * 3600.0;
/// Active batches of an account.
pub const MAX_ACTIVE_BATCHES: usize = 5;

const PEGASUS_1_2: Bounds = Bounds {
    model: "pegasus1.2",
    date: "2026-07-30",
    source: "API description; retired on 2026-08-18",
    tokens: Tokens {
        min: 2,
        max: 4096,
        default: 4096,
    },
    segment_tokens: None,
    unlimited: false,
    images: false,
    structured_prompt: false,
    window: false,
    timestamps: false,
    batches: false,
};

const PEGASUS_1_5: Bounds = Bounds {
    model: "pegasus1.5",
    date: "2026-10-06",
    source: "Python client 1.3.6; API description of 2026-07-30",
    tokens: Tokens {
        min: 512,
        max: 98_304,
        default: 4096,
    },
    segment_tokens: Some(Tokens {
        min: 2048,
        max: 98_304,
        default: 32_768,
    }),
    structured_prompt: true,
    window: true,
    timestamps: true,
    batches: true,
    ..PEGASUS_1_2
};

const PEGASUS_1_6: Bounds = Bounds {
    model: "pegasus1.6",
    source: "Python client 1.3.6",
    unlimited: true,
    images: true,
    batches: false,
    ..PEGASUS_1_5
};

/// The bounds of all models, oldest first.
pub const MODELS: [Bounds; 3] = [PEGASUS_1_2, PEGASUS_1_5, PEGASUS_1_6];

/// The model that is used if a request names none (Python client 1.3.6; the description of July
/// 2026 says `pegasus1.2`, which is retired).
pub const DEFAULT_MODEL: AnalyzeModel = AnalyzeModel::Pegasus1_5;

/// The bounds of a model; `None` for one that this version does not know.
#[must_use]
pub fn bounds(model: &AnalyzeModel) -> Option<&'static Bounds> {
    MODELS.iter().find(|bounds| bounds.model == model.as_str())
}

//! Analyses: requests, responses, streamed events, tasks and batches (`/analyze`).

mod batch;
mod json_schema;
mod request;
mod response;
mod task;
mod video;

pub use batch::*;
pub use json_schema::JsonSchema;
pub use request::*;
pub use response::*;
pub use task::*;
pub use video::AnalyzeVideo;

//! The model and the form of vectors.

use clap::Args;
use tl_model::{ModelName, NewEmbedding};
use tl_protocol::embed::EmbedRequest;
use tl_protocol::endpoint::Rejection;

use crate::failure::Failure;
use crate::failure::exit::Exit;

/// The model and the form of vectors.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub(super) struct ModelArgs {
    /// Use this model [default: marengo3.0]
    #[arg(long, value_name = "NAME")]
    model: Option<ModelName>,
    /// Request this many numbers per vector: 128, 256 or 512
    #[arg(long, value_name = "N")]
    dimension: Option<u32>,
}

impl ModelArgs {
    pub(super) fn model(&self) -> ModelName {
        self.model.clone().unwrap_or(ModelName::Marengo3_0)
    }

    /// A request without an input.
    pub(super) fn request(&self) -> EmbedRequest {
        EmbedRequest::new(self.model()).dimension(self.dimension)
    }
}

/// Checks a request before anything is sent.
pub(super) fn build(request: &EmbedRequest, is_task: bool) -> Result<NewEmbedding, Failure> {
    request
        .build(is_task)
        .map_err(|rejection| refused(&rejection))
}

pub(super) fn refused(rejection: &Rejection) -> Failure {
    Failure::new(
        Exit::RefusedLocally,
        "refused_locally",
        format!("the request is not allowed: {rejection}"),
    )
    .hint("correct the option; nothing was sent")
}

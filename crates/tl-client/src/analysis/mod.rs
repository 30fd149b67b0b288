//! Analyses: a builder with three ends (stream, text, value), and answers that are never taken for
//! complete when they are not.

mod answer;
pub mod batch;
mod image;
mod segments;
#[cfg(any(feature = "async", feature = "blocking"))]
mod settings;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tl_model::{AnalyzeRequest, JsonSchema};
use tl_protocol::{
    pegasus::{self, Usage},
    schema,
};

pub(crate) use answer::AnswerReader;
pub use answer::{Answer, PartialAnswer};
pub use image::image_file;
pub use segments::Segment;
#[cfg(any(feature = "async", feature = "blocking"))]
pub(crate) use settings::analysis_settings;

use crate::{Error, ErrorKind};

/// The settings of an analysis.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) request: AnalyzeRequest,
    /// The first invalid setting.
    pub(crate) fault: Option<String>,
    pub(crate) skip_check: bool,
    /// Seconds of video, if the caller knows them.
    pub(crate) duration: Option<f64>,
}

impl Settings {
    /// Checks the request and returns it. Nothing was sent if this fails.
    pub(crate) fn checked(self, usage: Usage) -> Result<AnalyzeRequest, Error> {
        if let Some(fault) = self.fault {
            return Err(Error::new(ErrorKind::InvalidRequest, fault));
        }
        if self.skip_check {
            return Ok(self.request);
        }
        let checked = pegasus::check(&self.request, usage).and_then(|()| match self.duration {
            Some(seconds) => pegasus::check_window(&self.request, seconds, usage),
            None => Ok(()),
        });
        match checked {
            Ok(()) => Ok(self.request),
            Err(fault) => Err(Error::new(
                ErrorKind::InvalidRequest,
                format!("the analysis is not allowed: {fault}"),
            )),
        }
    }
}

/// Reads the answer as a `T`, after a check against the schema.
pub(crate) fn value<T: DeserializeOwned>(
    answer: &Answer,
    schema: Option<&JsonSchema>,
) -> Result<T, Error> {
    let malformed =
        |reason: String| Error::new(ErrorKind::Malformed, reason).with_partial(answer.as_partial());
    let value: Value = serde_json::from_str(answer.text())
        .map_err(|error| malformed("the answer is not JSON".to_owned()).with_source(error))?;
    if let Some(schema) = schema {
        schema::conforms(&value, &schema.to_value()).map_err(|fault| {
            malformed(format!(
                "the answer does not conform to the schema: {fault}"
            ))
        })?;
    }
    T::deserialize(value)
        .map_err(|error| malformed("the answer has another type".to_owned()).with_source(error))
}

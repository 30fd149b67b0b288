//! The segments of an answer: the JSON of a segmentation as typed values.

use serde_json::{Map, Value};

use super::Answer;
use crate::{Error, ErrorKind};

/// A segment of a video that a segmentation found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Segment {
    /// The id of its definition.
    pub definition: String,
    /// Its start, in seconds.
    pub start: f64,
    /// Its end, in seconds.
    pub end: f64,
    /// The values of the fields of its definition.
    pub metadata: Map<String, Value>,
}

impl Answer {
    /// The answer of a segmentation as segments, in the order of the answer: by definition, then as
    /// the platform listed them. Times in any of the platform's formats become seconds.
    ///
    /// ```
    /// use tl_client::{analysis::Answer, model::AnalyzeResult};
    ///
    /// let mut result = AnalyzeResult::default();
    /// result.data = Some(r#"{"goal": [{"start_time": "00:01:02.5", "end_time": 70}]}"#.to_owned());
    /// let segments = Answer::of_result(result, None)?.segments()?;
    /// assert_eq!((segments[0].start, segments[0].end), (62.5, 70.0));
    /// # Ok::<(), tl_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] with the text, if the answer is no segmentation or a time is not
    /// valid. Nothing is left out in silence.
    pub fn segments(&self) -> Result<Vec<Segment>, Error> {
        let malformed = |reason: String| {
            Error::new(ErrorKind::Malformed, reason).with_partial(self.as_partial())
        };
        let answer: Map<String, Value> = serde_json::from_str(self.text()).map_err(|error| {
            malformed("the answer is not a segmentation".to_owned()).with_source(error)
        })?;
        let mut segments = Vec::new();
        for (definition, found) in answer {
            let Value::Array(found) = found else {
                return Err(malformed(format!(
                    "the answer is not a segmentation: `{definition}` is not a list"
                )));
            };
            for (at, value) in found.into_iter().enumerate() {
                let segment = read(&definition, value).map_err(|reason| {
                    malformed(format!("segment {at} of `{definition}`: {reason}"))
                })?;
                segments.push(segment);
            }
        }
        Ok(segments)
    }
}

fn read(definition: &str, value: Value) -> Result<Segment, String> {
    let Value::Object(mut object) = value else {
        return Err("it is not an object".to_owned());
    };
    let mut time = |name: &str| {
        let value = object.remove(name).unwrap_or_default();
        seconds(&value).ok_or_else(|| format!("`{name}` is not a time: {value}"))
    };
    let (start, end) = (time("start_time")?, time("end_time")?);
    if end < start {
        return Err(format!("it ends at {end} s, before its start at {start} s"));
    }
    let metadata = match object.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    Ok(Segment {
        definition: definition.to_owned(),
        start,
        end,
        metadata,
    })
}

/// Seconds as a number or as text, or `hh:mm:ss` with an optional fraction.
fn seconds(value: &Value) -> Option<f64> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => {
            let mut seconds = 0.0;
            let parts: Vec<&str> = text.trim().split(':').collect();
            if parts.len() > 3 {
                return None;
            }
            for part in parts {
                let is_number = part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                let part: f64 = part.parse().ok().filter(|_| is_number)?;
                seconds = seconds * 60.0 + part;
            }
            seconds
        }
        _ => return None,
    };
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use tl_model::AnalyzeResult;

    use super::*;

    fn segments(text: &str) -> Result<Vec<Segment>, Error> {
        let mut result = AnalyzeResult::default();
        result.data = Some(text.to_owned());
        Answer::of_result(result, None)?.segments()
    }

    #[test]
    fn times_of_every_format_are_seconds() {
        let found = segments(
            r#"{"goal": [{"start_time": 1.25, "end_time": "00:01:02", "metadata": {"by": "Ada"}},
                         {"start_time": "01:00:00.5", "end_time": "3601.5"}],
                "foul": []}"#,
        )
        .unwrap();
        let times: Vec<_> = found.iter().map(|found| (found.start, found.end)).collect();
        assert_eq!(times, [(1.25, 62.0), (3600.5, 3601.5)]);
        assert_eq!(found[0].definition, "goal");
        assert_eq!(found[0].metadata["by"], "Ada");
    }

    #[test]
    fn what_is_no_segmentation_is_an_error_with_the_text() {
        for (text, expected) in [
            ("A match.", "is not a segmentation"),
            ("[]", "is not a segmentation"),
            (r#"{"goal": 5}"#, "`goal` is not a list"),
            (
                r#"{"goal": [5]}"#,
                "segment 0 of `goal`: it is not an object",
            ),
            (
                r#"{"goal": [{"start_time": 1}]}"#,
                "`end_time` is not a time: null",
            ),
            (
                r#"{"goal": [{"start_time": -1, "end_time": 2}]}"#,
                "`start_time` is not a time: -1",
            ),
            (
                r#"{"goal": [{"start_time": "1:-2", "end_time": 2}]}"#,
                "`start_time` is not a time",
            ),
            (
                r#"{"goal": [{"start_time": 5, "end_time": 2}]}"#,
                "before its start",
            ),
        ] {
            let error = segments(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed);
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.partial().unwrap().text, text);
        }
    }
}

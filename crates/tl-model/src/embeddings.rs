//! Embeddings as one matrix: the numbers of all rows in one vector, and what each row is beside it.
//!
//! An answer can have tens of thousands of rows. Decoding one object per row would take several
//! times the memory of the numbers.

mod encode;

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::object::in_member;
use crate::{AssetId, EmbeddingTaskId, Extra, ModelName, VideoId};

/// Where embeddings come from. The rows of a response share one. It is not part of the JSON of the
/// API: whoever sent the request sets it with [`Embeddings::set_origin`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbeddingOrigin {
    /// The model. Embeddings of different models cannot be compared.
    pub model: Option<ModelName>,
    /// The asset.
    pub asset: Option<AssetId>,
    /// The video of an index.
    pub video: Option<VideoId>,
    /// The task.
    pub task: Option<EmbeddingTaskId>,
    /// What was embedded, if it is none of these: a text, a URL, or the name of a file.
    pub input: Option<String>,
}

impl EmbeddingOrigin {
    /// An origin of which only the model is known.
    pub fn of_model(model: impl Into<ModelName>) -> Self {
        Self {
            model: Some(model.into()),
            ..Self::default()
        }
    }
}

/// What one embedding is about.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct EmbeddingRow {
    /// What it was made from: `visual`, `audio`, `transcription`, `text` or `fused`. `None` for a
    /// text or an image.
    pub option: Option<String>,
    /// What it covers: `clip`, `asset`, `page` or `chunk`. `None` for a text or an image.
    pub scope: Option<String>,
    /// Start of the segment, in seconds.
    pub start: Option<f64>,
    /// End of the segment, in seconds.
    pub end: Option<f64>,
    /// Where it comes from. Not part of the JSON of the API.
    pub origin: Option<Arc<EmbeddingOrigin>>,
    /// Members without a field in this type, and known members that were `null`.
    pub extra: Extra,
}

/// The rows of an answer as a matrix of `f32` in row-major order. All rows have the same dimension.
///
/// ```
/// use tl_model::Embeddings;
///
/// let json = r#"[{"embedding": [0.6, 0.8], "start_sec": 0, "end_sec": 6, "embedding_option": "visual"}]"#;
/// let embeddings: Embeddings = serde_json::from_str(json)?;
/// assert_eq!((embeddings.len(), embeddings.dimension()), (1, 2));
/// assert_eq!(embeddings.vector(0), [0.6, 0.8]);
/// assert_eq!(embeddings.rows()[0].end, Some(6.0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Embeddings {
    dimension: usize,
    values: Vec<f32>,
    /// As many as `values`, or none.
    uncertainty: Vec<f32>,
    rows: Vec<EmbeddingRow>,
}

/// Embeddings do not belong into the same matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmbeddingMismatch {
    /// An embedding does not have the dimension of the rows before it.
    Dimension {
        /// The dimension of the rows before it.
        expected: usize,
        /// The dimension of the embedding.
        actual: usize,
    },
    /// Embeddings are of another model than the rows before them, or it is not known of one of
    /// them. Vectors of different models cannot be compared.
    Model {
        /// The model of the rows before them.
        expected: Option<ModelName>,
        /// The model of the embeddings.
        actual: Option<ModelName>,
    },
}

impl fmt::Display for EmbeddingMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |model: &Option<ModelName>| {
            model
                .as_ref()
                .map_or("unknown", ModelName::as_str)
                .to_owned()
        };
        match self {
            Self::Dimension { expected, actual } => write!(
                f,
                "an embedding has {actual} numbers, those before it have {expected}"
            ),
            Self::Model { expected, actual } => write!(
                f,
                "the model of the embeddings is {}, that of those before them is {}",
                name(actual),
                name(expected)
            ),
        }
    }
}

impl std::error::Error for EmbeddingMismatch {}

impl Embeddings {
    /// No embeddings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Embeddings of a matrix that was stored row by row, with what each row is about.
    ///
    /// # Errors
    /// If the matrix does not have `dimension` numbers for each row.
    pub fn from_parts(
        dimension: usize,
        values: Vec<f32>,
        rows: Vec<EmbeddingRow>,
    ) -> Result<Self, EmbeddingMismatch> {
        if Some(values.len()) != dimension.checked_mul(rows.len()) {
            return Err(EmbeddingMismatch::Dimension {
                expected: dimension,
                actual: values.len().checked_div(rows.len()).unwrap_or(values.len()),
            });
        }
        Ok(Self {
            dimension,
            values,
            uncertainty: Vec::new(),
            rows,
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// If it does not have the dimension of the rows before it.
    pub fn push(&mut self, row: EmbeddingRow, vector: &[f32]) -> Result<(), EmbeddingMismatch> {
        self.check(vector.len())?;
        self.make_room(vector.len());
        self.values.extend_from_slice(vector);
        self.rows.push(row);
        Ok(())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Numbers per row; 0 without rows.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// All numbers, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// What each row is about.
    pub fn rows(&self) -> &[EmbeddingRow] {
        &self.rows
    }

    /// The numbers of a row.
    ///
    /// # Panics
    /// If the row does not exist.
    pub fn vector(&self, row: usize) -> &[f32] {
        &self.values[row * self.dimension..][..self.dimension]
    }

    /// The uncertainty of each number of a row, if it was requested.
    pub fn uncertainty(&self, row: usize) -> Option<&[f32]> {
        self.uncertainty
            .get(row * self.dimension..)?
            .get(..self.dimension)
    }

    /// Sets where all rows come from.
    pub fn set_origin(&mut self, origin: EmbeddingOrigin) {
        let origin = Arc::new(origin);
        for row in &mut self.rows {
            row.origin = Some(Arc::clone(&origin));
        }
    }

    /// The model of the rows; `None` if it is not known of the first.
    pub fn model(&self) -> Option<&ModelName> {
        self.rows.first()?.origin.as_ref()?.model.as_ref()
    }

    /// Adds the rows of other embeddings.
    ///
    /// # Errors
    /// If they are of another model, or do not have the dimension of the rows before them. Then
    /// nothing is added.
    pub fn append(&mut self, other: Self) -> Result<(), EmbeddingMismatch> {
        if other.is_empty() {
            return Ok(());
        }
        if self.is_empty() {
            *self = other;
            return Ok(());
        }
        if self.model() != other.model() {
            return Err(EmbeddingMismatch::Model {
                expected: self.model().cloned(),
                actual: other.model().cloned(),
            });
        }
        self.check(other.dimension)?;
        // Uncertainty is kept only if all rows have it.
        match self.uncertainty.is_empty() || other.uncertainty.is_empty() {
            true => self.uncertainty = Vec::new(),
            false => self.uncertainty.extend_from_slice(&other.uncertainty),
        }
        self.make_room(other.values.len());
        self.values.extend_from_slice(&other.values);
        self.rows.extend(other.rows);
        Ok(())
    }

    /// The embeddings of the rows that `keep` accepts.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&EmbeddingRow) -> bool) -> Self {
        let mut kept = Self::new();
        kept.dimension = self.dimension;
        for (index, row) in self.rows.iter().enumerate() {
            if keep(row) {
                kept.values.extend_from_slice(self.vector(index));
                kept.uncertainty
                    .extend_from_slice(self.uncertainty(index).unwrap_or_default());
                kept.rows.push(row.clone());
            }
        }
        kept
    }

    fn check(&mut self, actual: usize) -> Result<(), EmbeddingMismatch> {
        let expected = match self.rows.is_empty() {
            true => actual,
            false => self.dimension,
        };
        self.dimension = expected;
        match actual == expected {
            true => Ok(()),
            false => Err(EmbeddingMismatch::Dimension { expected, actual }),
        }
    }

    /// Grows by a quarter: doubling would take up to three times the memory of the numbers while
    /// they are copied.
    fn make_room(&mut self, numbers: usize) {
        if self.values.capacity() - self.values.len() < numbers {
            let more = (self.values.len() / 4).max(64 * numbers);
            self.values.reserve_exact(more);
        }
    }
}

/// Appends the numbers of an array to a vector.
struct Append<'v>(&'v mut Vec<f32>);

impl<'de> DeserializeSeed<'de> for Append<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Append<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<(), A::Error> {
        while let Some(number) = numbers.next_element::<f32>()? {
            self.0.push(number);
        }
        Ok(())
    }
}

/// Reads one row into the matrix. The name is that of the numbers, for errors.
struct Row<'m>(&'m mut Embeddings, &'static str);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an embedding")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let matrix = self.0;
        let (start, mut has_vector) = (matrix.values.len(), false);
        matrix.make_room(matrix.dimension);
        let uncertain = matrix.uncertainty.len();
        let mut row = EmbeddingRow::default();
        while let Some(key) = members.next_key::<std::borrow::Cow<'de, str>>()? {
            match &*key {
                // The older version of the endpoints has `float`.
                "embedding" | "float" if !has_vector => {
                    has_vector = true;
                    members
                        .next_value_seed(Append(&mut matrix.values))
                        .map_err(|error| in_member(&key, &error))?;
                }
                "embedding_uncertainty" => {
                    let value = members.next_value::<Option<Vec<f32>>>()?;
                    matrix.uncertainty.extend(value.unwrap_or_default());
                }
                other => row.read(other, members.next_value()?),
            }
        }
        if !has_vector {
            return Err(A::Error::missing_field(self.1));
        }
        let actual = matrix.values.len() - start;
        matrix.check(actual).map_err(A::Error::custom)?;
        matrix.rows.push(row);
        let has_uncertainty = matrix.uncertainty.len() > uncertain || uncertain > 0;
        if has_uncertainty && matrix.uncertainty.len() != matrix.values.len() {
            return Err(A::Error::custom(
                "`embedding_uncertainty` has another length than the embedding",
            ));
        }
        Ok(())
    }
}

impl EmbeddingRow {
    fn read(&mut self, key: &str, value: Value) {
        match (key, &value) {
            ("embedding_option", Value::String(text)) => self.option = Some(text.clone()),
            ("embedding_scope", Value::String(text)) => self.scope = Some(text.clone()),
            ("start_sec" | "start_offset_sec", Value::Number(_)) => self.start = value.as_f64(),
            ("end_sec" | "end_offset_sec", Value::Number(_)) => self.end = value.as_f64(),
            _ => _ = self.extra.insert(key.to_owned(), value),
        }
    }
}

impl<'de> Deserialize<'de> for Embeddings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize_as("embedding", deserializer)
    }
}

impl Embeddings {
    /// Reads rows of either version. `name` is the name of the numbers in errors.
    pub(crate) fn deserialize_as<'de, D: Deserializer<'de>>(
        name: &'static str,
        deserializer: D,
    ) -> Result<Self, D::Error> {
        struct Rows(&'static str);

        impl<'de> Visitor<'de> for Rows {
            type Value = Embeddings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of embeddings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Embeddings, A::Error> {
                let mut matrix = Embeddings::default();
                while rows.next_element_seed(Row(&mut matrix, self.0))?.is_some() {}
                matrix.values.shrink_to_fit();
                Ok(matrix)
            }
        }

        deserializer.deserialize_seq(Rows(name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Embeddings, String> {
        serde_json::from_str(&value.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn both_versions_of_the_format_are_read() {
        let current = json!([
            {"embedding": [1, 0.5], "embedding_option": "visual", "embedding_scope": "clip", "start_sec": 0, "end_sec": 6.5, "quadrant": null},
            {"embedding_scope": null, "embedding": [0.25, -1e-3], "chunk_index": 3},
        ]);
        let matrix = read(&current).unwrap();
        assert_eq!(matrix.values(), [1.0, 0.5, 0.25, -1e-3]);
        assert_eq!((matrix.dimension(), matrix.len()), (2, 2));
        assert_eq!(matrix.vector(1), [0.25, -1e-3]);
        assert_eq!(
            (matrix.rows()[0].end, matrix.rows()[1].scope.as_deref()),
            (Some(6.5), None)
        );
        assert_eq!(matrix.rows()[1].extra["chunk_index"], 3);
        assert_eq!(
            read(&serde_json::to_value(&matrix).unwrap()).unwrap(),
            matrix
        );

        let older = json!([{"float": [0.5], "start_offset_sec": 2, "end_offset_sec": 4}]);
        assert_eq!(read(&older).unwrap().rows()[0].start, Some(2.0));
    }

    #[test]
    fn uncertainty_is_a_second_matrix() {
        let json = json!([
            {"embedding": [1, 2], "embedding_uncertainty": [0.1, 0.2]},
            {"embedding_uncertainty": [0.3, 0.4], "embedding": [3, 4]},
        ]);
        let matrix = read(&json).unwrap();
        assert_eq!(matrix.uncertainty(1), Some(&[0.3, 0.4][..]));
        let partial = json!([{"embedding": [1, 2], "embedding_uncertainty": [0.1]}]);
        assert!(read(&partial).unwrap_err().contains("another length"));
        assert_eq!(
            read(&json!([{"embedding": [1]}])).unwrap().uncertainty(0),
            None
        );
    }

    #[test]
    fn rows_of_different_dimensions_are_refused() {
        let mixed = json!([{"embedding": [1, 2]}, {"embedding": [1]}]);
        let error = read(&mixed).unwrap_err();
        assert!(
            error.contains("1 numbers, those before it have 2"),
            "{error}"
        );
        assert!(
            read(&json!([{"start_sec": 1}]))
                .unwrap_err()
                .contains("missing field `embedding`")
        );
        assert!(read(&json!([{"embedding": ["x"]}])).is_err());
        let mut matrix = Embeddings::new();
        matrix.push(EmbeddingRow::default(), &[1.0, 2.0]).unwrap();
        let error = matrix.push(EmbeddingRow::default(), &[1.0]).unwrap_err();
        let (expected, actual) = (2, 1);
        assert_eq!(error, EmbeddingMismatch::Dimension { expected, actual });
        assert_eq!(matrix.len(), 1);
    }

    #[test]
    fn models_and_dimensions_are_not_mixed() {
        let of = |model: &str, json: &Value| {
            let mut matrix = read(json).unwrap();
            matrix.set_origin(EmbeddingOrigin::of_model(model));
            matrix
        };
        let mut all = Embeddings::new();
        all.append(of(
            "marengo3.0",
            &json!([{"embedding": [1, 2], "embedding_option": "visual"}]),
        ))
        .unwrap();
        all.append(of(
            "marengo3.0",
            &json!([{"embedding": [3, 4], "embedding_option": "audio"}]),
        ))
        .unwrap();
        let other = of("marengo3.5", &json!([{"embedding": [5, 6]}]));
        let error = all.append(other).unwrap_err().to_string();
        assert_eq!(
            error,
            "the model of the embeddings is marengo3.5, that of those before them is marengo3.0"
        );
        let unknown = read(&json!([{"embedding": [5, 6]}])).unwrap();
        assert!(all.append(unknown).is_err());
        let longer = of("marengo3.0", &json!([{"embedding": [5, 6, 7]}]));
        assert!(matches!(
            all.append(longer),
            Err(EmbeddingMismatch::Dimension { .. })
        ));
        assert_eq!((all.len(), all.values()), (2, &[1.0, 2.0, 3.0, 4.0][..]));
        let heard = all.filter(|row| row.option.as_deref() == Some("audio"));
        assert_eq!(
            (heard.values(), heard.model()),
            (&[3.0, 4.0][..], all.model())
        );
    }
}

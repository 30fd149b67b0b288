//! Embeddings as one matrix: the numbers of all rows in one vector, and what each row is beside it.
//!
//! An answer can have tens of thousands of rows. Decoding one object per row would take several
//! times the memory of the numbers.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::Extra;
use crate::number::Number;

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

/// An embedding does not have the dimension of the rows before it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DimensionMismatch {
    /// The dimension of the rows before it.
    pub expected: usize,
    /// The dimension of the embedding.
    pub actual: usize,
}

impl fmt::Display for DimensionMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an embedding has {} numbers, those before it have {}",
            self.actual, self.expected
        )
    }
}

impl std::error::Error for DimensionMismatch {}

impl Embeddings {
    /// No embeddings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row.
    ///
    /// # Errors
    /// If it does not have the dimension of the rows before it.
    pub fn push(&mut self, row: EmbeddingRow, vector: &[f32]) -> Result<(), DimensionMismatch> {
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

    fn check(&mut self, actual: usize) -> Result<(), DimensionMismatch> {
        let expected = match self.rows.is_empty() {
            true => actual,
            false => self.dimension,
        };
        self.dimension = expected;
        match actual == expected {
            true => Ok(()),
            false => Err(DimensionMismatch { expected, actual }),
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

/// Reads one row into the matrix.
struct Row<'m>(&'m mut Embeddings);

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
                    members.next_value_seed(Append(&mut matrix.values))?;
                }
                "embedding_uncertainty" => {
                    let value = members.next_value::<Option<Vec<f32>>>()?;
                    matrix.uncertainty.extend(value.unwrap_or_default());
                }
                other => row.read(other, members.next_value()?),
            }
        }
        if !has_vector {
            return Err(A::Error::missing_field("embedding"));
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
        struct Rows;

        impl<'de> Visitor<'de> for Rows {
            type Value = Embeddings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of embeddings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Embeddings, A::Error> {
                let mut matrix = Embeddings::default();
                while rows.next_element_seed(Row(&mut matrix))?.is_some() {}
                matrix.values.shrink_to_fit();
                Ok(matrix)
            }
        }

        deserializer.deserialize_seq(Rows)
    }
}

/// Writes the rows in the current format of the API.
impl Serialize for Embeddings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Line<'m>(&'m Embeddings, usize);

        impl Serialize for Line<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let (matrix, row) = (self.0, &self.0.rows[self.1]);
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("embedding", matrix.vector(self.1))?;
                if let Some(uncertainty) = matrix.uncertainty(self.1) {
                    map.serialize_entry("embedding_uncertainty", uncertainty)?;
                }
                if let Some(option) = &row.option {
                    map.serialize_entry("embedding_option", option)?;
                }
                if let Some(scope) = &row.scope {
                    map.serialize_entry("embedding_scope", scope)?;
                }
                if let Some(start) = row.start {
                    map.serialize_entry("start_sec", &Number(start))?;
                }
                if let Some(end) = row.end {
                    map.serialize_entry("end_sec", &Number(end))?;
                }
                for (key, value) in &row.extra {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }

        let mut rows = serializer.serialize_seq(Some(self.rows.len()))?;
        for row in 0..self.rows.len() {
            rows.serialize_element(&Line(self, row))?;
        }
        rows.end()
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
        assert_eq!((error.expected, error.actual), (2, 1));
        assert_eq!(matrix.len(), 1);
    }
}

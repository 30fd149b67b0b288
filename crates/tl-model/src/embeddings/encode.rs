//! The JSON of embeddings, in both versions of the API.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::Embeddings;
use crate::number::Number;

/// The names of the members that differ between the versions of the API: the numbers, the start and
/// the end.
type Names = [&'static str; 3];

impl Embeddings {
    /// Writes the rows in the form of the first version of the API.
    pub(crate) fn serialize_segments<S: Serializer>(
        &self,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        self.serialize_as(["float", "start_offset_sec", "end_offset_sec"], serializer)
    }

    fn serialize_as<S: Serializer>(&self, names: Names, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.rows.len()))?;
        for row in 0..self.rows.len() {
            rows.serialize_element(&Line(self, row, names))?;
        }
        rows.end()
    }
}

/// Numbers with the digits that an `f32` needs, also in a `serde_json::Value`, which holds `f64`.
struct Shortest<'n>(&'n [f32]);

impl Serialize for Shortest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = |number: &f32| {
            let shortest = number.to_string().parse();
            shortest.unwrap_or_else(|_| f64::from(*number))
        };
        serializer.collect_seq(self.0.iter().map(|value| Number(number(value))))
    }
}

/// A row and its vector.
struct Line<'m>(&'m Embeddings, usize, Names);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(matrix, index, [numbers, start, end]) = *self;
        let row = &matrix.rows[index];
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(numbers, &Shortest(matrix.vector(index)))?;
        if let Some(uncertainty) = matrix.uncertainty(index) {
            map.serialize_entry("embedding_uncertainty", &Shortest(uncertainty))?;
        }
        if let Some(option) = &row.option {
            map.serialize_entry("embedding_option", option)?;
        }
        if let Some(scope) = &row.scope {
            map.serialize_entry("embedding_scope", scope)?;
        }
        if let Some(seconds) = row.start {
            map.serialize_entry(start, &Number(seconds))?;
        }
        if let Some(seconds) = row.end {
            map.serialize_entry(end, &Number(seconds))?;
        }
        for (key, value) in &row.extra {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Writes the rows in the current format of the API.
impl Serialize for Embeddings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize_as(["embedding", "start_sec", "end_sec"], serializer)
    }
}

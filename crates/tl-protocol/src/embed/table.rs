//! Embeddings as rows of JSON Lines: what is known about each row, with its numbers or, beside a
//! `.npy` file, without them.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use tl_model::{
    AssetId, EmbeddingMismatch, EmbeddingOrigin, EmbeddingRow, EmbeddingTaskId, Embeddings, Extra,
    ModelName, VideoId,
};

use super::npy;

/// One line: the columns of a row. Times are in seconds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<ModelName>,
    dimension: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asset: Option<AssetId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    video: Option<VideoId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task: Option<EmbeddingTaskId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    option: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<f64>,
    /// Members of the API that have no column.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    extra: Extra,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    embedding: Option<Vec<f32>>,
}

/// The lines of embeddings, each with its line break. With `has_numbers`, each line has the numbers of
/// its row in `embedding`.
///
/// ```
/// use tl_model::{EmbeddingOrigin, Embeddings};
/// use tl_protocol::embed::lines;
///
/// let json = r#"[{"embedding": [0.5, 1], "embedding_option": "visual", "start_sec": 0, "end_sec": 6}]"#;
/// let mut embeddings: Embeddings = serde_json::from_str(json)?;
/// embeddings.set_origin(EmbeddingOrigin::of_model("marengo3.0"));
/// let line = lines(&embeddings, true).next().unwrap();
/// assert_eq!(
///     line,
///     "{\"model\":\"marengo3.0\",\"dimension\":2,\"option\":\"visual\",\"start\":0.0,\"end\":6.0,\"embedding\":[0.5,1.0]}\n"
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn lines(embeddings: &Embeddings, has_numbers: bool) -> impl Iterator<Item = String> + '_ {
    embeddings.rows().iter().enumerate().map(move |(at, row)| {
        let origin = row.origin.as_deref().cloned().unwrap_or_default();
        let line = Line {
            model: origin.model,
            dimension: embeddings.dimension(),
            asset: origin.asset,
            video: origin.video,
            task: origin.task,
            input: origin.input,
            option: row.option.clone(),
            scope: row.scope.clone(),
            start: row.start,
            end: row.end,
            extra: row.extra.clone(),
            embedding: has_numbers.then(|| embeddings.vector(at).to_vec()),
        };
        let mut text =
            serde_json::to_string(&line).expect("a line has text, numbers and JSON only");
        text.push('\n');
        text
    })
}

/// Why saved embeddings cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum TableError {
    /// A line is not a row.
    Line {
        /// The number of the line, from 1.
        number: usize,
        /// The fault.
        source: serde_json::Error,
    },
    /// A line has no numbers, and there is no matrix beside it.
    WithoutNumbers {
        /// The number of the line, from 1.
        number: usize,
    },
    /// A row does not belong to the rows before it.
    Mixed {
        /// The number of the line, from 1.
        number: usize,
        /// The fault.
        source: EmbeddingMismatch,
    },
    /// The matrix and the lines do not have the same rows.
    Rows {
        /// Rows of the matrix.
        matrix: usize,
        /// Number of lines.
        lines: usize,
    },
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { number, source } => write!(f, "line {number} is not a row: {source}"),
            Self::WithoutNumbers { number } => write!(f, "line {number} has no `embedding`"),
            Self::Mixed { number, source } => write!(f, "line {number}: {source}"),
            Self::Rows { matrix, lines } => write!(
                f,
                "the matrix has {matrix} rows, and the file beside it {lines} lines"
            ),
        }
    }
}

impl std::error::Error for TableError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Line { source, .. } => Some(source),
            Self::Mixed { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Reads [`lines`] with their numbers.
///
/// # Errors
/// The first line that is not a row, or is of another model or dimension than the rows before it.
pub fn read_lines(text: &str) -> Result<Embeddings, TableError> {
    let mut all = Embeddings::new();
    let mut rows = Rows::default();
    for (number, line) in numbered(text) {
        let line = parse(number, line)?;
        let numbers = line
            .embedding
            .clone()
            .ok_or(TableError::WithoutNumbers { number })?;
        let row = rows.row(number, line)?;
        all.push(row, &numbers)
            .map_err(|source| TableError::Mixed { number, source })?;
    }
    Ok(all)
}

/// Joins a matrix with the [`lines`] beside it. Without lines, nothing is known about the rows.
///
/// # Errors
/// The first line that is not a row, or of another model or dimension; or another number of lines
/// than the matrix has rows.
pub fn join(matrix: npy::Matrix, text: Option<&str>) -> Result<Embeddings, TableError> {
    let mut known = Vec::with_capacity(matrix.rows);
    let mut rows = Rows::default();
    for (number, line) in text.into_iter().flat_map(numbered) {
        let line = parse(number, line)?;
        if line.dimension != matrix.columns {
            let (expected, actual) = (matrix.columns, line.dimension);
            let source = EmbeddingMismatch::Dimension { expected, actual };
            return Err(TableError::Mixed { number, source });
        }
        known.push(rows.row(number, line)?);
    }
    if text.is_none() {
        known.resize(matrix.rows, EmbeddingRow::default());
    }
    let lines = known.len();
    Embeddings::from_parts(matrix.columns, matrix.values, known).map_err(|_| TableError::Rows {
        matrix: matrix.rows,
        lines,
    })
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
}

fn parse(number: usize, line: &str) -> Result<Line, TableError> {
    serde_json::from_str(line).map_err(|source| TableError::Line { number, source })
}

/// Shares the origin of rows that have the same, and refuses another model.
#[derive(Default)]
struct Rows {
    last: Option<Arc<EmbeddingOrigin>>,
}

impl Rows {
    fn row(&mut self, number: usize, line: Line) -> Result<EmbeddingRow, TableError> {
        let mut origin = EmbeddingOrigin::default();
        origin.model = line.model;
        origin.asset = line.asset;
        origin.video = line.video;
        origin.task = line.task;
        origin.input = line.input;
        if let Some(last) = &self.last
            && last.model != origin.model
        {
            let source = EmbeddingMismatch::Model {
                expected: last.model.clone(),
                actual: origin.model,
            };
            return Err(TableError::Mixed { number, source });
        }
        let origin = match &self.last {
            Some(last) if **last == origin => Arc::clone(last),
            _ => Arc::new(origin),
        };
        self.last = Some(Arc::clone(&origin));
        let mut row = EmbeddingRow::default();
        row.option = line.option;
        row.scope = line.scope;
        (row.start, row.end) = (line.start, line.end);
        row.origin = Some(origin);
        row.extra = line.extra;
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embeddings() -> Embeddings {
        let json = r#"[
            {"embedding": [0.1, -3], "embedding_option": "visual", "embedding_scope": "clip", "start_sec": 0, "end_sec": 6.5},
            {"embedding": [2, 4], "chunk_index": 3}
        ]"#;
        let mut all: Embeddings = serde_json::from_str(json).unwrap();
        let mut origin = EmbeddingOrigin::of_model("marengo3.0");
        origin.asset = Some("6298d673f1090f1100476d4c".into());
        origin.task = Some("6298d673f1090f1100476d4d".into());
        all.set_origin(origin);
        all
    }

    #[test]
    fn both_forms_are_read_as_they_were_written() {
        let all = embeddings();
        let text: String = lines(&all, true).collect();
        assert_eq!(read_lines(&text).unwrap(), all);

        let mut bytes = npy::header(all.len(), all.dimension());
        bytes.extend(all.values().iter().flat_map(|number| number.to_le_bytes()));
        let sidecar: String = lines(&all, false).collect();
        assert!(!sidecar.contains("\"embedding\""), "{sidecar}");
        let matrix = npy::read(&bytes).unwrap();
        assert_eq!(join(matrix.clone(), Some(&sidecar)).unwrap(), all);
        let alone = join(matrix, None).unwrap();
        assert_eq!((alone.values(), alone.model()), (all.values(), None));
    }

    #[test]
    fn rows_that_do_not_belong_together_are_refused() {
        let text: String = lines(&embeddings(), true).collect();
        let refused = |text: &str| read_lines(text).unwrap_err().to_string();
        let other =
            format!("{text}{{\"model\":\"marengo3.5\",\"dimension\":2,\"embedding\":[1,2]}}");
        assert!(refused(&other).starts_with("line 3: the model of the embeddings is marengo3.5"));
        let longer =
            format!("{text}{{\"model\":\"marengo3.0\",\"dimension\":3,\"embedding\":[1,2,3]}}");
        assert!(refused(&longer).starts_with("line 3: an embedding has 3 numbers"));
        assert!(refused("\n{\"dimension\": 2}").starts_with("line 2 has no `embedding`"));
        assert!(refused("[1]").starts_with("line 1 is not a row"));
        let matrix = npy::Matrix {
            rows: 3,
            columns: 2,
            values: vec![0.0; 6],
        };
        let error = join(matrix, Some(&text)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the matrix has 3 rows, and the file beside it 2 lines"
        );
    }
}

//! Exact search in embeddings that were saved: the nearest rows by cosine, and the fusion of several
//! rankings.

use std::{cmp::Ordering, fmt};

use tl_model::Embeddings;

/// A row and how near it is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Neighbor {
    /// The row of the matrix.
    pub row: usize,
    /// The cosine of the angle between the row and the query, from -1 to 1.
    pub cosine: f32,
}

/// A query cannot be compared with a matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryMismatch {
    /// The query does not have the dimension of the matrix.
    Dimension {
        /// The dimension of the matrix.
        expected: usize,
        /// The dimension of the query.
        actual: usize,
    },
    /// A number of the query is not finite, or all of them are 0: it has no direction.
    NoDirection,
}

impl fmt::Display for QueryMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dimension { expected, actual } => write!(
                f,
                "the query has {actual} numbers, the embeddings have {expected}"
            ),
            Self::NoDirection => {
                f.write_str("the query has no direction: its length is 0 or not a number")
            }
        }
    }
}

impl std::error::Error for QueryMismatch {}

/// The `k` rows that are nearest to `query`, the nearest first. Rows of equal cosine are in the order
/// of the matrix. A row without a direction has the cosine 0.
///
/// Every row is compared: 100,000 rows of 512 numbers take about 50 ms.
///
/// # Errors
/// If the query has another dimension than the matrix, or no direction.
///
/// ```
/// use tl_model::{EmbeddingRow, Embeddings};
/// use tl_protocol::embed::nearest;
///
/// let mut matrix = Embeddings::new();
/// for vector in [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]] {
///     matrix.push(EmbeddingRow::default(), &vector)?;
/// }
/// let found = nearest(&matrix, &[0.0, 2.0], 2)?;
/// assert_eq!((found[0].row, found[1].row), (1, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn nearest(
    matrix: &Embeddings,
    query: &[f32],
    k: usize,
) -> Result<Vec<Neighbor>, QueryMismatch> {
    let (expected, actual) = (matrix.dimension(), query.len());
    if expected != actual && !matrix.is_empty() {
        return Err(QueryMismatch::Dimension { expected, actual });
    }
    let length = dot(query, query).sqrt();
    if !length.is_finite() || length == 0.0 {
        return Err(QueryMismatch::NoDirection);
    }
    let mut found: Vec<Neighbor> = (0..matrix.len())
        .map(|row| {
            let vector = matrix.vector(row);
            let cosine = dot(query, vector) / (length * dot(vector, vector).sqrt());
            let cosine = if cosine.is_finite() { cosine } else { 0.0 };
            Neighbor { row, cosine }
        })
        .collect();
    let order = |a: &Neighbor, b: &Neighbor| -> Ordering {
        b.cosine.total_cmp(&a.cosine).then(a.row.cmp(&b.row))
    };
    if k < found.len() {
        found.select_nth_unstable_by(k, order);
        found.truncate(k);
    }
    found.sort_unstable_by(order);
    Ok(found)
}

/// The sum of products, in eight lanes so that the compiler can use vector instructions.
fn dot(one: &[f32], two: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let (ones, twos) = (one.chunks_exact(8), two.chunks_exact(8));
    let rest = ones.remainder().iter().zip(twos.remainder());
    let rest: f32 = rest.map(|(a, b)| a * b).sum();
    for (a, b) in ones.zip(twos) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The weight of ranks in a fusion, from the paper that proposed it (Cormack, Clarke and Buettcher,
/// SIGIR 2009).
pub const FUSION_CONSTANT: f64 = 60.0;

/// Joins rankings by reciprocal rank fusion: an item scores the sum of `1 / (60 + rank)` over the
/// rankings that have it. Scores of different modalities or models need not be comparable.
///
/// Items are in the order of their scores; equal scores are in the order of the first appearance.
///
/// ```
/// use tl_protocol::embed::fuse;
///
/// // What is seen, and what is said.
/// let fused = fuse([vec!["a", "b", "c"], vec!["c", "a"]]);
/// assert_eq!(fused.iter().map(|(item, _)| *item).collect::<Vec<_>>(), ["a", "c", "b"]);
/// ```
pub fn fuse<I: PartialEq, R: IntoIterator<Item = I>>(
    rankings: impl IntoIterator<Item = R>,
) -> Vec<(I, f64)> {
    let mut fused: Vec<(I, f64)> = Vec::new();
    for ranking in rankings {
        let mut rank = FUSION_CONSTANT;
        for item in ranking {
            rank += 1.0;
            match fused.iter_mut().find(|(known, _)| *known == item) {
                Some((_, score)) => *score += 1.0 / rank,
                None => fused.push((item, 1.0 / rank)),
            }
        }
    }
    // The sort is stable.
    fused.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    fused
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tl_model::EmbeddingRow;

    use super::*;

    fn matrix(rows: &[Vec<f32>]) -> Embeddings {
        let mut matrix = Embeddings::new();
        for row in rows {
            matrix.push(EmbeddingRow::default(), row).unwrap();
        }
        matrix
    }

    #[test]
    fn queries_without_direction_or_of_another_dimension_are_refused() {
        let rows = matrix(&[vec![1.0, 0.0], vec![0.0, 0.0], vec![-1.0, 0.0]]);
        let error = nearest(&rows, &[1.0], 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the query has 1 numbers, the embeddings have 2"
        );
        for bad in [[0.0, 0.0], [f32::NAN, 1.0]] {
            assert_eq!(nearest(&rows, &bad, 1), Err(QueryMismatch::NoDirection));
        }
        let found = nearest(&rows, &[2.0, 0.0], 9).unwrap();
        let cosines: Vec<_> = found.iter().map(|near| (near.row, near.cosine)).collect();
        assert_eq!(cosines, [(0, 1.0), (1, 0.0), (2, -1.0)]);
        assert_eq!(nearest(&Embeddings::new(), &[1.0], 3), Ok(Vec::new()));
        assert_eq!(nearest(&rows, &[1.0, 0.0], 0), Ok(Vec::new()));
    }

    proptest! {
        /// The same as computing every cosine in `f64` and sorting.
        #[test]
        fn nearest_equals_an_exhaustive_search(
            rows in prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, 13), 1..40),
            query in prop::collection::vec(0.1_f32..1.0, 13),
            k in 1_usize..50,
        ) {
            let found = nearest(&matrix(&rows), &query, k).unwrap();
            prop_assert_eq!(found.len(), k.min(rows.len()));
            let exact = |row: &[f32]| {
                let dot = |a: &[f32], b: &[f32]| -> f64 {
                    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
                };
                dot(row, &query) / (dot(row, row) * dot(&query, &query)).sqrt()
            };
            let mut all: Vec<f64> = rows.iter().map(|row| exact(row)).collect();
            for near in &found {
                prop_assert!((f64::from(near.cosine) - all[near.row]).abs() < 1e-5);
            }
            all.sort_by(|a, b| b.total_cmp(a));
            for (near, exact) in found.iter().zip(all) {
                prop_assert!((f64::from(near.cosine) - exact).abs() < 1e-5);
            }
        }
    }
}

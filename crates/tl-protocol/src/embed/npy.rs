//! The `.npy` format of NumPy: a matrix of `f32` in a file that `numpy.load` maps into memory.
//!
//! Source: the specification of the format in the documentation of NumPy (`numpy.lib.format`),
//! versions 1.0 to 3.0.

use std::fmt;

/// The first bytes of a file.
const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// The numbers start at a multiple of this.
const ALIGNMENT: usize = 64;
/// The longest header that is read. A header of a matrix has about 100 bytes.
const MAX_HEADER: usize = 64 << 10;

/// Why a file is not a matrix of numbers that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NpyError {
    /// It is not in the `.npy` format, or its header is cut off.
    NotNpy,
    /// Its header has something else than two dimensions of `f32` or `f64` in C order.
    Unsupported {
        /// The header as it was read.
        header: String,
    },
    /// It has another number of bytes than its header says.
    WrongSize {
        /// The bytes of the numbers, by the header.
        expected: u64,
        /// The bytes of the numbers in the file.
        actual: u64,
    },
}

impl fmt::Display for NpyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNpy => f.write_str("it is not a .npy file"),
            Self::Unsupported { header } => write!(
                f,
                "a matrix of float32 or float64 in C order is expected, and its header is `{header}`"
            ),
            Self::WrongSize { expected, actual } => write!(
                f,
                "its numbers have {actual} bytes, and by its header {expected} (a file that was cut off?)"
            ),
        }
    }
}

impl std::error::Error for NpyError {}

/// The bytes before the numbers of a matrix of `rows` times `columns` numbers.
#[must_use]
pub fn header(rows: usize, columns: usize) -> Vec<u8> {
    let mut text =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let before = MAGIC.len() + 4;
    let padding = (before + text.len() + 1).next_multiple_of(ALIGNMENT) - before - text.len() - 1;
    text.push_str(&" ".repeat(padding));
    text.push('\n');
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend(length.to_le_bytes());
    bytes.extend(text.into_bytes());
    bytes
}

/// A matrix of a file.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Numbers per row.
    pub columns: usize,
    /// All numbers, row by row.
    pub values: Vec<f32>,
}

/// Reads a file. Numbers of 64 bits are rounded to 32 bits.
///
/// # Errors
/// If it is not a matrix of numbers, or not complete.
pub fn read(bytes: &[u8]) -> Result<Matrix, NpyError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyError::NotNpy)?;
    let (version, rest) = rest.split_at_checked(2).ok_or(NpyError::NotNpy)?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_at_checked(2).ok_or(NpyError::NotNpy)?;
            (
                usize::from(u16::from_le_bytes([length[0], length[1]])),
                rest,
            )
        }
        2 | 3 => {
            let (length, rest) = rest.split_at_checked(4).ok_or(NpyError::NotNpy)?;
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
            (usize::try_from(length).unwrap_or(usize::MAX), rest)
        }
        _ => return Err(NpyError::NotNpy),
    };
    if length > MAX_HEADER {
        return Err(NpyError::NotNpy);
    }
    let (header, numbers) = rest.split_at_checked(length).ok_or(NpyError::NotNpy)?;
    let header = std::str::from_utf8(header).map_err(|_| NpyError::NotNpy)?;
    let unsupported = || NpyError::Unsupported {
        header: header.trim().chars().take(200).collect(),
    };
    let kind = word(header, "descr").ok_or_else(unsupported)?;
    let is_c_order = field(header, "fortran_order").is_some_and(|text| text.starts_with("False"));
    let (rows, columns) = shape(header).ok_or_else(unsupported)?;
    let width = match kind {
        "<f4" => 4,
        "<f8" => 8,
        _ => return Err(unsupported()),
    };
    // Rows without numbers take no space in the file, so that any number of them could be claimed.
    if !is_c_order || (columns == 0 && rows > 0) {
        return Err(unsupported());
    }
    let count = (rows as u64).checked_mul(columns as u64);
    let expected = count.and_then(|count| count.checked_mul(width));
    let expected = expected.ok_or_else(unsupported)?;
    let actual = numbers.len() as u64;
    if expected != actual {
        return Err(NpyError::WrongSize { expected, actual });
    }
    let values = match kind {
        "<f4" => numbers
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        _ => numbers.chunks_exact(8).map(narrow).collect(),
    };
    Ok(Matrix {
        rows,
        columns,
        values,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is documented")]
fn narrow(b: &[u8]) -> f32 {
    f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32
}

/// What follows the key of a header, which is a dictionary in Python's notation.
fn field<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    let quoted = [format!("'{name}'"), format!("\"{name}\"")];
    let at = quoted
        .iter()
        .find_map(|key| Some(header.find(key.as_str())? + key.len()))?;
    Some(header[at..].trim_start().strip_prefix(':')?.trim_start())
}

/// A text of the header.
fn word<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    let text = field(header, name)?;
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split(quote).next()
}

/// The shape, if it has two dimensions.
fn shape(header: &str) -> Option<(usize, usize)> {
    let (inside, _) = field(header, "shape")?.strip_prefix('(')?.split_once(')')?;
    let mut numbers = inside
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let rows = numbers.next()?.parse().ok()?;
    let columns = numbers.next()?.parse().ok()?;
    numbers.next().is_none().then_some((rows, columns))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn header_is_aligned_and_names_type_and_shape() {
        let header = header(21_600, 512);
        assert_eq!(header.len() % 64, 0);
        assert_eq!(&header[..8], b"\x93NUMPY\x01\x00");
        let text = std::str::from_utf8(&header[10..]).unwrap();
        assert!(
            text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (21600, 512), }")
        );
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn rows_without_numbers_are_refused() {
        let empty = header(1 << 50, 0);
        assert!(matches!(read(&empty), Err(NpyError::Unsupported { .. })));
        assert_eq!(read(&header(0, 512)).unwrap().rows, 0);
    }

    /// What NumPy 1.26 writes for `numpy.save(file, numpy.array([[1, 2], [3, 4.5]]))`.
    #[test]
    fn matrices_of_float64_are_read() {
        let mut text = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }".to_owned();
        text.push_str(&" ".repeat(118 - text.len() - 1));
        text.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        bytes.extend(text.into_bytes());
        for number in [1.0_f64, 2.0, 3.0, 4.5] {
            bytes.extend(number.to_le_bytes());
        }
        let matrix = read(&bytes).unwrap();
        assert_eq!((matrix.rows, matrix.columns), (2, 2));
        assert_eq!(matrix.values, [1.0, 2.0, 3.0, 4.5]);
        bytes.pop();
        assert_eq!(
            read(&bytes).unwrap_err().to_string(),
            "its numbers have 31 bytes, and by its header 32 (a file that was cut off?)"
        );
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        let of = |text: &str| {
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
            bytes.extend(text.as_bytes());
            read(&bytes).unwrap_err()
        };
        for text in [
            "{'descr': '<i8', 'fortran_order': False, 'shape': (2, 2), }",
            "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 2), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2), }",
            "{}",
        ] {
            assert!(matches!(of(text), NpyError::Unsupported { .. }), "{text}");
        }
        let huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 9), }";
        assert!(matches!(of(huge), NpyError::Unsupported { .. }));
        for bytes in [
            &b""[..],
            b"PK\x03\x04",
            b"\x93NUMPY\x01",
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
        ] {
            assert_eq!(read(bytes), Err(NpyError::NotNpy));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            _ = read(&bytes);
            let mut file = MAGIC.to_vec();
            file.extend(bytes);
            _ = read(&file);
        }

        #[test]
        fn round_trip(rows in 0_usize..20, columns in 1_usize..20) {
            let mut bytes = header(rows, columns);
            for number in 0..rows * columns {
                bytes.extend((u16::try_from(number).unwrap() as f32 / 7.0).to_le_bytes());
            }
            let matrix = read(&bytes).unwrap();
            prop_assert_eq!((matrix.rows, matrix.columns), (rows, columns));
            prop_assert!(matrix.values.iter().enumerate().all(|(at, value)| *value == at as f32 / 7.0));
        }
    }
}

//! Embeddings as a Parquet file: one row per vector, with the columns of the JSON Lines form.
//!
//! The vector is a required list of `FLOAT` with the same length in every row, without nulls: readers
//! such as `pyarrow` cast it to a list of fixed size. The dimension and the model are in the metadata
//! of the file too. Numbers of vectors do not compress, so nothing is compressed.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use tl_model::{EmbeddingOrigin, EmbeddingRow, Embeddings};

const SCHEMA: &str = "message embeddings {
    optional binary model (UTF8);
    optional binary asset (UTF8);
    optional binary video (UTF8);
    optional binary task (UTF8);
    optional binary input (UTF8);
    optional binary option (UTF8);
    optional binary scope (UTF8);
    optional double start;
    optional double end;
    required group embedding (LIST) { repeated group list { required float element; } }
}";

/// Rows per row group: about 64 MB with 512 numbers each.
const GROUP: usize = 32_768;

/// Writes all rows.
pub(super) fn write(out: impl Write + Send, embeddings: &Embeddings) -> io::Result<()> {
    write_groups(out, embeddings, GROUP).map_err(io::Error::other)
}

fn write_groups(
    out: impl Write + Send,
    embeddings: &Embeddings,
    group: usize,
) -> Result<(), ParquetError> {
    let mut about = vec![KeyValue::new(
        "dimension".to_owned(),
        embeddings.dimension().to_string(),
    )];
    if let Some(model) = embeddings.model() {
        about.push(KeyValue::new("model".to_owned(), model.to_string()));
    }
    let properties = WriterProperties::builder()
        .set_created_by(format!("tl {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(about))
        .set_column_dictionary_enabled("embedding.list.element".into(), false)
        .set_column_statistics_enabled("embedding.list.element".into(), EnabledStatistics::None)
        .build();
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    for (number, rows) in embeddings.rows().chunks(group).enumerate() {
        let mut columns = file.next_row_group()?;
        for text in TEXTS {
            let bytes = |row| text(row).map(|text| ByteArray::from(text.into_bytes()));
            write_optional::<ByteArrayType, _>(&mut columns, rows.iter().map(bytes))?;
        }
        for time in TIMES {
            write_optional::<DoubleType, _>(&mut columns, rows.iter().map(time))?;
        }
        let dimension = embeddings.dimension();
        let first = number * group * dimension;
        let values = &embeddings.values()[first..first + rows.len() * dimension];
        write_vectors(&mut columns, values, dimension)?;
        columns.close()?;
    }
    file.close().map(drop)
}

type Text = fn(&EmbeddingRow) -> Option<String>;
type Time = fn(&EmbeddingRow) -> Option<f64>;

/// The columns of text, in the order of the schema.
const TEXTS: [Text; 7] = [
    |row| of_origin(row, |origin| origin.model.as_ref().map(ToString::to_string)),
    |row| of_origin(row, |origin| origin.asset.as_ref().map(ToString::to_string)),
    |row| of_origin(row, |origin| origin.video.as_ref().map(ToString::to_string)),
    |row| of_origin(row, |origin| origin.task.as_ref().map(ToString::to_string)),
    |row| of_origin(row, |origin| origin.input.clone()),
    |row| row.option.clone(),
    |row| row.scope.clone(),
];
const TIMES: [Time; 2] = [|row| row.start, |row| row.end];

fn of_origin(
    row: &EmbeddingRow,
    read: impl FnOnce(&EmbeddingOrigin) -> Option<String>,
) -> Option<String> {
    row.origin.as_deref().and_then(read)
}

type Columns<'c, W> = SerializedRowGroupWriter<'c, W>;

/// Writes a column whose values may be missing.
fn write_optional<D: DataType, W: Write + Send>(
    columns: &mut Columns<'_, W>,
    values: impl Iterator<Item = Option<D::T>>,
) -> Result<(), ParquetError> {
    let values: Vec<_> = values.collect();
    let levels: Vec<_> = values
        .iter()
        .map(|value| i16::from(value.is_some()))
        .collect();
    let present: Vec<D::T> = values.into_iter().flatten().collect();
    let mut column = columns.next_column()?.ok_or_else(no_column)?;
    let writer = column.typed::<D>();
    writer.write_batch(&present, Some(&levels), None)?;
    column.close()
}

fn write_vectors<W: Write + Send>(
    columns: &mut Columns<'_, W>,
    values: &[f32],
    dimension: usize,
) -> Result<(), ParquetError> {
    // Every number is there; the first of each vector begins a list.
    let present = vec![1; values.len()];
    let starts = (0..values.len()).map(|at| i16::from(at % dimension != 0));
    let starts: Vec<_> = starts.collect();
    let mut column = columns.next_column()?.ok_or_else(no_column)?;
    let writer = column.typed::<FloatType>();
    writer.write_batch(values, Some(&present), Some(&starts))?;
    column.close()
}

fn no_column() -> ParquetError {
    ParquetError::General("the schema has fewer columns than are written".to_owned())
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{Field, RowAccessor};

    use super::*;

    #[test]
    fn rows_return_as_they_were_written() {
        let mut embeddings = Embeddings::new();
        for number in 0..5_u8 {
            let mut row = EmbeddingRow::default();
            row.option = (number % 2 == 0).then(|| "visual".to_owned());
            row.start = (number > 1).then(|| f64::from(number) + 0.25);
            row.end = Some(6.0);
            let vector = [f32::from(number), -0.5, f32::MIN_POSITIVE];
            embeddings.push(row, &vector).unwrap();
        }
        let mut origin = EmbeddingOrigin::of_model("marengo3.0");
        origin.input = Some("Töre.mp4".to_owned());
        embeddings.set_origin(origin);
        let mut bytes = Vec::new();
        // Three groups.
        write_groups(&mut bytes, &embeddings, 2).unwrap();

        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.num_row_groups(), 3);
        let about = reader.metadata().file_metadata().key_value_metadata();
        let about: Vec<_> = about
            .unwrap()
            .iter()
            .map(|entry| {
                (
                    entry.key.as_str(),
                    entry.value.as_deref().unwrap_or_default(),
                )
            })
            .collect();
        assert_eq!(about, [("dimension", "3"), ("model", "marengo3.0")]);
        for (number, row) in reader.get_row_iter(None).unwrap().enumerate() {
            let (row, known) = (row.unwrap(), &embeddings.rows()[number]);
            let columns: Vec<_> = row.get_column_iter().map(|(_, field)| field).collect();
            let text = |at: usize| match columns[at] {
                Field::Str(text) => Some(text.as_str()),
                _ => None,
            };
            assert_eq!((text(0), text(1)), (Some("marengo3.0"), None));
            assert_eq!(
                (text(4), text(5)),
                (Some("Töre.mp4"), known.option.as_deref())
            );
            assert_eq!(
                (row.get_double(7).ok(), row.get_double(8).ok()),
                (known.start, known.end)
            );
            let list = row.get_list(9).unwrap().elements().iter();
            let vector = list.map(|number| match number {
                Field::Float(number) => *number,
                other => panic!("{other}"),
            });
            assert_eq!(vector.collect::<Vec<_>>(), embeddings.vector(number));
        }
    }

    #[test]
    fn file_without_rows_is_valid() {
        let mut bytes = Vec::new();
        write(&mut bytes, &Embeddings::new()).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.get_row_iter(None).unwrap().count(), 0);
    }
}

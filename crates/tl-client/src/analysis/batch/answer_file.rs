//! Writes the answers of many analyses to a file, all of them or nothing.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
};

use super::BatchAnswers;
use crate::{Error, ErrorKind};

/// Writes the answers as JSON Lines, atomically: see [`BatchAnswers::to_jsonl`].
pub(crate) fn write_answers(path: &Path, answers: &BatchAnswers) -> Result<(), Error> {
    write(path, answers.to_jsonl().as_bytes()).map_err(|error| {
        let message = format!("the answers cannot be written to {}", path.display());
        Error::new(ErrorKind::File, message).with_source(error)
    })
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

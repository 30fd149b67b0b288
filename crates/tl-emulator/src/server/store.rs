//! Persistent state: the platform's records in SQLite, written before the response is sent.
//!
//! If the emulator crashes, nothing that was acknowledged is lost. If the machine crashes, the last
//! moments may be lost.

use std::path::Path;

use rusqlite::{Connection, params};

use super::StartError;
use crate::platform::Change;

/// File name in the state directory.
const FILE: &str = "state.sqlite";
/// Format version of the records. Other versions are rejected.
const FORMAT: i64 = 1;

#[derive(Debug)]
pub(crate) struct Store(Connection);

impl Store {
    /// Opens or creates the store in `folder` for exclusive use by this process.
    ///
    /// If the directory `has_media` of an earlier run, the database must exist, too: with a lost or
    /// empty database the files would be deleted as unknown.
    pub(crate) fn open(folder: &Path, has_media: bool) -> Result<Self, StartError> {
        let path = folder.join(FILE);
        // A database that has been written has a header; an interrupted first start may leave an
        // empty file.
        let is_empty = std::fs::metadata(&path).map_or(true, |file| file.len() == 0);
        let open = || -> rusqlite::Result<(Connection, i64)> {
            let connection = Connection::open(&path)?;
            // Exclusive: two emulators on the same state would overwrite each other's records.
            connection.execute_batch(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
                 BEGIN IMMEDIATE;
                 CREATE TABLE IF NOT EXISTS records (
                     tbl TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (tbl, key)
                 ) WITHOUT ROWID;
                 COMMIT;",
            )?;
            let format = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            Ok((connection, format))
        };
        let unusable = |detail: String| {
            StartError(format!(
                "the state in {} cannot be used: {detail}",
                path.display()
            ))
        };
        let has_log =
            std::fs::metadata(folder.join(format!("{FILE}-wal"))).is_ok_and(|file| file.len() > 0);
        if is_empty && !has_log && has_media {
            return Err(unusable(
                "it is empty, but there are media files beside it; restore the database, or delete the folder to begin with an empty state".to_owned(),
            ));
        }
        let (connection, format) = open().map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy) => unusable(
                "another emulator is using it; end that one, or choose another folder".to_owned(),
            ),
            _ => unusable(error.to_string()),
        })?;
        match format {
            0 => connection
                .pragma_update(None, "user_version", FORMAT)
                .map_err(|error| unusable(error.to_string()))?,
            FORMAT => {}
            other => {
                return Err(unusable(format!(
                    "it has the form {other}, this emulator writes {FORMAT}"
                )));
            }
        }
        Ok(Self(connection))
    }

    /// Returns all records: table, key and JSON.
    pub(crate) fn records(&self) -> Result<Vec<(String, String, String)>, StartError> {
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut statement = self.0.prepare("SELECT tbl, key, value FROM records")?;
            let rows =
                statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect()
        };
        read().map_err(|error| StartError(format!("the state cannot be read: {error}")))
    }

    /// Writes all changes in one transaction.
    pub(crate) fn write(&mut self, changes: &[Change]) -> Result<(), String> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.0.transaction()?;
            for Change { table, key, value } in changes {
                match value {
                    Some(value) => transaction
                        .prepare_cached(
                            "INSERT OR REPLACE INTO records (tbl, key, value) VALUES (?1, ?2, ?3)",
                        )?
                        .execute(params![table, key, value])?,
                    None => transaction
                        .prepare_cached("DELETE FROM records WHERE tbl = ?1 AND key = ?2")?
                        .execute(params![table, key])?,
                };
            }
            transaction.commit()
        };
        write().map_err(|error| error.to_string())
    }
}

//! The columns of a manifest, and the entry that a row makes.

use serde_json::{Map, Value};
use tl_model::UserMetadata;
use tl_validate::Route;

use crate::source::entry::{Entry, Location};
use crate::source::error::{SourceError, SourceErrorKind, closest};

/// The columns of every manifest.
const COLUMNS: [&str; 5] = ["uri", "index", "title", "route", "metadata"];

/// Names that other tools use for a column.
const ALIASES: [(&str, &str); 10] = [
    ("path", "uri"),
    ("file", "uri"),
    ("filename", "uri"),
    ("url", "uri"),
    ("video", "uri"),
    ("source", "uri"),
    ("name", "title"),
    ("index_id", "index"),
    ("index_name", "index"),
    ("user_metadata", "metadata"),
];

/// What a column contains.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Column {
    Uri,
    Index,
    Title,
    Route,
    /// All metadata as a JSON object.
    Metadata,
    /// One metadata value as text.
    Text(String),
    /// One metadata value as JSON, in CSV.
    Json(String),
}

impl Column {
    /// Parses a name.
    ///
    /// # Errors
    /// What is wrong with it, with the most similar column.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        if let Some(key) = name.strip_prefix("metadata.") {
            let (key, is_json) = match key.strip_suffix(":=") {
                Some(key) => (key, true),
                None => (key, false),
            };
            return match (key.is_empty(), is_json) {
                (true, _) => Err(format!("column `{name}` has no metadata key")),
                (false, true) => Ok(Self::Json(key.to_owned())),
                (false, false) => Ok(Self::Text(key.to_owned())),
            };
        }
        match name {
            "uri" => return Ok(Self::Uri),
            "index" => return Ok(Self::Index),
            "title" => return Ok(Self::Title),
            "route" => return Ok(Self::Route),
            "metadata" => return Ok(Self::Metadata),
            _ => {}
        }
        let lower = name.to_lowercase();
        let meant = ALIASES
            .iter()
            .find(|(alias, _)| *alias == lower)
            .map(|(_, column)| (*column).to_owned())
            .or_else(|| {
                let key = lower.strip_prefix("meta.")?;
                Some(format!("metadata.{key}"))
            })
            .or_else(|| closest(&lower, COLUMNS).map(str::to_owned))
            .unwrap_or_else(|| format!("metadata.{name}"));
        Err(format!(
            "unknown column `{name}` (allowed: uri, index, title, route, metadata.KEY, metadata); did you mean `{meant}`?"
        ))
    }
}

/// The values of a row.
#[derive(Debug, Default)]
pub(super) struct Row {
    uri: Option<String>,
    index: Option<String>,
    title: Option<String>,
    route: Option<String>,
    metadata: Map<String, Value>,
}

fn invalid(why: impl Into<String>) -> SourceError {
    SourceError::new(SourceErrorKind::Row, why)
}

impl Row {
    /// Sets a value; an empty one is not set.
    pub(super) fn set(&mut self, column: &Column, text: &str) -> Result<(), SourceError> {
        if text.is_empty() {
            return Ok(());
        }
        let text = || text.to_owned();
        match column {
            Column::Uri => self.uri = Some(text()),
            Column::Index => self.index = Some(text()),
            Column::Title => self.title = Some(text()),
            Column::Route => self.route = Some(text()),
            Column::Text(key) => self.insert(key, text().into())?,
            Column::Json(key) => {
                let value = serde_json::from_str(&text()).map_err(|error| {
                    invalid(format!("column `metadata.{key}:=` is not JSON"))
                        .with_source(error)
                        .with_hint(format!(
                            "use for example 5, true or \"text\"; name the column `metadata.{key}` for text"
                        ))
                })?;
                self.insert(key, value)?;
            }
            Column::Metadata => {
                let metadata: UserMetadata = text().parse().map_err(|error| refused(&error))?;
                self.set_metadata(&metadata)?;
            }
        }
        Ok(())
    }

    /// Sets a metadata value.
    pub(super) fn insert(&mut self, key: &str, value: Value) -> Result<(), SourceError> {
        match self.metadata.insert(key.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(invalid(format!("metadata key `{key}` is set twice"))
                .with_hint("set it in one column")),
        }
    }

    /// Sets all metadata.
    pub(super) fn set_metadata(&mut self, metadata: &UserMetadata) -> Result<(), SourceError> {
        let value = serde_json::to_value(metadata)
            .map_err(|error| invalid("the metadata has no JSON form").with_source(error))?;
        let Value::Object(object) = value else {
            return Err(invalid("the metadata is not an object"));
        };
        for (key, value) in object {
            self.insert(&key, value)?;
        }
        Ok(())
    }

    /// Makes the entry.
    pub(super) fn entry(self, line: u64) -> Result<Entry, SourceError> {
        let uri = self
            .uri
            .ok_or_else(|| invalid("`uri` is empty").with_hint("give every row a path or link"))?;
        if uri.contains('\0') {
            return Err(invalid("`uri` contains NUL").with_hint("remove it"));
        }
        if let Some(route) = &self.route {
            route.parse::<Route>().map_err(|error| {
                let meant = closest(route, Route::ALL.map(Route::as_str))
                    .map(|route| format!("; did you mean `{route}`?"))
                    .unwrap_or_default();
                invalid(format!("{error}{meant}"))
            })?;
        }
        let metadata = match self.metadata.is_empty() {
            true => self.metadata,
            false => {
                let value = Value::Object(self.metadata);
                UserMetadata::try_from(value.clone()).map_err(|error| refused(&error))?;
                match value {
                    Value::Object(object) => object,
                    _ => Map::new(),
                }
            }
        };
        let mut entry = match Location::parse(&uri)? {
            Location::File(path) => Entry::file(path),
            Location::Url(url) => Entry::url(url),
        }
        .with_metadata(metadata)
        .on_line(Some(line));
        entry.index = self.index;
        entry.title = self.title;
        entry.route = self.route;
        Ok(entry)
    }
}

fn refused(error: &tl_model::MetadataError) -> SourceError {
    invalid(error.to_string())
        .with_hint("flatten nested values (`city` instead of `where`), or write them as one text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_columns_are_suggested() {
        for (name, meant) in [
            ("path", "`uri`"),
            ("URL", "`uri`"),
            ("Title", "`title`"),
            ("indx", "`index`"),
            ("meta.camera", "`metadata.camera`"),
            ("camera", "`metadata.camera`"),
            ("metdata", "`metadata`"),
        ] {
            let error = Column::parse(name).unwrap_err();
            assert!(
                error.ends_with(&format!("did you mean {meant}?")),
                "{error}"
            );
            assert!(error.contains("allowed: uri, index"), "{error}");
        }
        assert!(Column::parse("metadata.").is_err());
        assert_eq!(
            Column::parse("metadata.take:=").unwrap(),
            Column::Json("take".into())
        );
    }
}

//! The bodies of connections and imports: how a server reads them, and the limits that a client
//! checks before it sends them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tl_model::{AssetSourceProvider, ImportSource, NewConnection};
use url::Url;

use crate::endpoint::{
    Rejection,
    json::{self, JsonBody, JsonMember, first_unknown},
};

/// Maximum number of files of one import (API description of July 2026).
const MAX_FILES: usize = 100;

impl JsonBody for NewConnection {
    const MEMBERS: &'static [&'static str] = &["provider", "redirect_uri", "custom_id"];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        json::word_of(object, "provider", AssetSourceProvider::KNOWN)?;
        let provider = AssetSourceProvider::from(json::text(object, "provider")?);
        let mut connection = Self::new(provider, json::text(object, "redirect_uri")?);
        connection.custom_id = json::optional(object, "custom_id")?;
        Ok(connection)
    }

    fn check(&self) -> Result<(), Rejection> {
        match Url::parse(&self.redirect_uri) {
            Ok(url) if url.has_host() => Ok(()),
            _ => {
                let shown: String = self.redirect_uri.chars().take(60).collect();
                Err(Rejection::invalid(
                    "redirect_uri",
                    format!("`{shown}`: a URL with a host is expected"),
                ))
            }
        }
    }
}

impl JsonMember for Vec<ImportSource> {
    fn read(name: &str, object: &Map<String, Value>) -> Result<Self, Rejection> {
        json::filled(object, name)?
            .iter()
            .map(|item| match item.as_object() {
                Some(item) => match first_unknown(item, &["source_id"]) {
                    Some(key) => Err(Rejection::unknown(&format!("{name}.{key}"))),
                    None => json::text(item, "source_id").map(ImportSource::new),
                },
                None => Err(Rejection::invalid(
                    name,
                    format!("{}: an object is expected", json::kind_of(item)),
                )),
            })
            .collect()
    }

    fn check(&self, name: &str) -> Result<(), Rejection> {
        if !(1..=MAX_FILES).contains(&self.len()) {
            let detail = format!("{} files: 1 to {MAX_FILES} are allowed", self.len());
            return Err(Rejection::invalid(name, detail));
        }
        let mut seen = BTreeSet::new();
        for item in self {
            let shown: String = item.source_id.chars().take(60).collect();
            if item.source_id.is_empty() {
                return Err(Rejection::invalid(name, "a `source_id` is empty"));
            }
            if !seen.insert(&item.source_id) {
                return Err(Rejection::invalid(
                    name,
                    format!("the file `{shown}` is given more than once"),
                ));
            }
        }
        Ok(())
    }
}

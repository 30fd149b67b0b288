//! The indexes that rows of a manifest name, by id or name. Each is looked up once.

use std::collections::HashMap;
use std::path::PathBuf;

use tl_bulk::event::ItemFailure;
use tl_bulk::source::Manifest;
use tl_client::Client;
use tl_model::Index;

use crate::args::index_ref::IndexRef;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::text::units::pluralize;

/// Errors that are shown besides the first.
const SHOWN_ERRORS: usize = 9;

/// The indexes of a run.
pub(super) struct Indexes {
    client: Client,
    /// Ids of the names that were looked up, or why there is none.
    known: HashMap<String, Result<String, ItemFailure>>,
    /// Whether entries that name no index have one.
    has_default: bool,
}

impl Indexes {
    /// The index of the run is known already.
    pub(super) fn new(client: &Client, index: Option<&Index>) -> Self {
        let mut known = HashMap::new();
        if let Some(index) = index {
            known.insert(index.id.to_string(), Ok(index.id.to_string()));
        }
        Self {
            client: client.clone(),
            known,
            has_default: index.is_some(),
        }
    }

    /// Looks up all indexes that the manifests name, so that nothing is sent if one is wrong. A
    /// manifest on standard input can be read only once: its indexes are looked up row by row.
    ///
    /// # Errors
    /// A name is unknown or ambiguous, or a row has no index. The message has the line of the first
    /// row.
    pub(super) async fn verify(&mut self, manifests: &[PathBuf]) -> Result<(), Failure> {
        let mut wrong = Vec::new();
        for path in manifests {
            let manifest = Manifest::new(path);
            if manifest.is_stdin() {
                continue;
            }
            let name = path_name(path);
            // Wrong rows are reported by the sources.
            for entry in manifest.rows()?.flatten() {
                let line = entry.line.unwrap_or_default();
                let text = match entry.index {
                    None if self.has_default => continue,
                    None => NO_INDEX.to_owned(),
                    Some(index) if self.known.contains_key(&index) => continue,
                    Some(index) => match self.find(&index).await {
                        Ok(_) => continue,
                        Err(failure) if failure.exit().is_retryable() => return Err(failure),
                        Err(failure) => failure.message().to_owned(),
                    },
                };
                wrong.push(format!("manifest `{name}`, line {line}: {text}"));
            }
        }
        let mut wrong = wrong.into_iter();
        let Some(first) = wrong.next() else {
            return Ok(());
        };
        let mut details: Vec<String> = wrong.by_ref().take(SHOWN_ERRORS).collect();
        let more = wrong.len();
        if more > 0 {
            details.push(format!(
                "… and {}",
                pluralize(more, "more error", "more errors")
            ));
        }
        Err(Failure::new(Exit::Usage, "manifest", first)
            .with_details(details)
            .hint("nothing was sent; use ids or names of `tl index list`"))
    }

    /// The names that were looked up, with their ids.
    pub(super) fn names(&self) -> Vec<(String, String)> {
        let known = self.known.iter();
        let found = known.filter_map(|(name, id)| Some((name, id.as_ref().ok()?)));
        found
            .filter(|(name, id)| name != id)
            .map(|(name, id)| (name.clone(), id.clone()))
            .collect()
    }

    /// The id of the index that an entry names.
    ///
    /// # Errors
    /// As of [`verify`](Self::verify), for one entry.
    pub(super) fn id_of(&mut self, index: Option<&str>) -> Result<Option<String>, ItemFailure> {
        let Some(index) = index else {
            return match self.has_default {
                true => Ok(None),
                false => Err(ItemFailure::new("manifest", NO_INDEX)
                    .with_hint("add the column `index`, or pass --index")),
            };
        };
        if !self.known.contains_key(index) {
            let runtime = tokio::runtime::Handle::current();
            let _ = runtime.block_on(self.find(index));
        }
        match self.known.get(index) {
            Some(known) => known.clone().map(Some),
            // It is temporarily unknown: another row asks again.
            None => Err(ItemFailure::new(
                "unreachable",
                format!("the index `{index}` could not be looked up"),
            )),
        }
    }

    async fn find(&mut self, index: &str) -> Result<String, Failure> {
        let found = IndexRef::from(index).get(&self.client).await;
        match &found {
            Ok(found) => {
                self.known
                    .insert(index.to_owned(), Ok(found.id.to_string()));
            }
            Err(failure) if failure.exit().is_retryable() => {}
            Err(failure) => {
                let error = ItemFailure::new("manifest", failure.message());
                let error = match failure.hint_text() {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                };
                self.known.insert(index.to_owned(), Err(error));
            }
        }
        found.map(|index| index.id.to_string())
    }
}

const NO_INDEX: &str = "the row names no index, and there is no --index";

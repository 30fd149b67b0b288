//! Reference to an index by id or name.

use std::convert::Infallible;
use std::str::FromStr;

use tl_client::Client;
use tl_model::{Index, IndexId, IndexModel, ModelOption, NewIndex};
use tl_protocol::endpoint::{ListIndexes, PageRequest};

use crate::failure::Failure;
use crate::failure::exit::Exit;

/// An id or a name.
///
/// A text in the form of an id is used as an id, without a request. Any other text is looked up as
/// a name, and tried as an id if no index has that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexRef(String);

impl FromStr for IndexRef {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}

impl From<&str> for IndexRef {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl IndexRef {
    /// The id or name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id of the index.
    ///
    /// # Errors
    /// If no index or more than one has the name, and errors of the platform.
    pub(crate) async fn resolve(&self, client: &Client) -> Result<IndexId, Failure> {
        if looks_like_an_id(&self.0) {
            return Ok(self.0.as_str().into());
        }
        match self.named(client).await?.as_slice() {
            [index] => Ok(index.id.clone()),
            // The id may have an undocumented form.
            [] => match client.indexes().get(self.0.as_str()).await {
                Ok(index) => Ok(index.id),
                Err(error) if error.kind() == tl_protocol::ErrorKind::NotFound => {
                    Err(self.unknown())
                }
                // The platform rejects ids that are not well-formed.
                Err(error) if error.kind() == tl_protocol::ErrorKind::Refused => {
                    Err(self.unknown())
                }
                Err(error) => Err(error.into()),
            },
            several => Err(self.ambiguous(several)),
        }
    }

    /// Returns the index. If no index has this id, it is looked up as a name.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub(crate) async fn get(&self, client: &Client) -> Result<Index, Failure> {
        let error = match client.indexes().get(self.resolve(client).await?).await {
            Ok(index) => return Ok(index),
            Err(error) => error,
        };
        if error.kind() != tl_protocol::ErrorKind::NotFound {
            return Err(error.into());
        }
        match self.named(client).await.as_deref() {
            // The first error is more useful than that of the lookup.
            Ok([]) | Err(_) => Err(error.into()),
            Ok([index]) => Ok(index.clone()),
            Ok(several) => Err(self.ambiguous(several)),
        }
    }

    /// Returns the index, and creates it with these models if no index has this name or id.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn get_or_create(
        &self,
        client: &Client,
        models: Vec<IndexModel>,
    ) -> Result<Index, Failure> {
        if looks_like_an_id(&self.0) {
            return self.get(client).await;
        }
        match self.named(client).await?.as_slice() {
            [] => {
                let new = NewIndex::new(self.0.clone(), models);
                let created = client.indexes().create(new).await?;
                Ok(client.indexes().get(created.id).await?)
            }
            [index] => Ok(index.clone()),
            several => Err(self.ambiguous(several)),
        }
    }

    /// Returns every index with exactly this name. The platform does not document how its filter
    /// compares names, so they are compared here too (API reference, "List indexes").
    async fn named(&self, client: &Client) -> Result<Vec<Index>, Failure> {
        let mut pages = client.pages(
            ListIndexes::default()
                .page(PageRequest::default().with_page(1).with_page_limit(50))
                .index_name(Some(self.0.clone())),
        );
        let mut found = Vec::new();
        while let Some(page) = pages.next_page().await {
            let is_named = |index: &Index| index.index_name.as_deref() == Some(self.0.as_str());
            found.extend(page?.data.into_iter().filter(is_named));
        }
        Ok(found)
    }

    fn unknown(&self) -> Failure {
        Failure::new(
            Exit::Refused,
            "not_found",
            format!("no index with the name or id `{}`", self.0),
        )
        .hint("`tl index list` shows the indexes that this API key can access")
    }

    fn ambiguous(&self, indexes: &[Index]) -> Failure {
        let ids: Vec<String> = indexes.iter().map(|index| index.id.to_string()).collect();
        Failure::usage(format!(
            "{} indexes are named `{}`: {}",
            ids.len(),
            self.0,
            ids.join(", ")
        ))
        .hint("pass the id of the index")
    }
}

/// Whether `text` has the form of an id of the platform: 24 hexadecimal digits.
fn looks_like_an_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Parses `marengo3.0:visual,audio`.
pub(crate) fn model(text: &str) -> Result<IndexModel, Failure> {
    let (name, options) = text.split_once(':').unwrap_or((text, "visual,audio"));
    let options: Vec<ModelOption> = options
        .split(',')
        .map(str::trim)
        .filter(|option| !option.is_empty())
        .map(ModelOption::from)
        .collect();
    if name.trim().is_empty() || options.is_empty() {
        return Err(
            Failure::usage(format!("`{text}` is not a model with options"))
                .hint("use for example marengo3.0 or marengo3.0:visual,audio"),
        );
    }
    Ok(IndexModel::new(name.trim(), options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_models_with_options() {
        let shown = |text: &str| {
            model(text)
                .map(|model| {
                    let options: Vec<String> =
                        model.options().iter().map(ToString::to_string).collect();
                    format!("{} {}", model.name().unwrap(), options.join("+"))
                })
                .map_err(|failure| failure.message().to_owned())
        };
        assert_eq!(shown("marengo3.0").unwrap(), "marengo3.0 visual+audio");
        assert_eq!(shown("marengo3.0:visual").unwrap(), "marengo3.0 visual");
        assert_eq!(
            shown("pegasus9: audio , visual").unwrap(),
            "pegasus9 audio+visual"
        );
        for text in ["", ":visual", "marengo3.0:", "marengo3.0: ,"] {
            assert!(
                shown(text).unwrap_err().contains("is not a model"),
                "{text}"
            );
        }
    }
}

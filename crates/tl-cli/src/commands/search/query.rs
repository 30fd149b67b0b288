//! The query of `tl search`: arguments, and the search made of them.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use tl_client::{Client, FileSource, check_picture};
use tl_model::{EntityId, Index, SearchFilter, SearchOption, TranscriptionOption};
use tl_protocol::endpoint::{ListEntities, ListEntityCollections, Media};
use tl_protocol::search::SearchBuilder;
use tl_protocol::search::rules::SearchRules;
use tl_validate::picture::PictureRules;
use url::Url;

use super::condition;
use crate::args::index_ref::IndexRef;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Arguments of a query.
#[derive(Debug, Clone, Args)]
pub(crate) struct QueryArgs {
    /// Text to search for
    #[arg(value_name = "TEXT", required_unless_present_any = ["image", "person", "suite"])]
    text: Option<String>,
    /// Index to search
    #[arg(long, value_name = "ID|NAME")]
    index: IndexRef,
    /// Compare with visual, audio or transcription [default: all of the index]
    #[arg(long, value_name = "OPTION", value_delimiter = ',')]
    on: Vec<SearchOption>,
    /// Match every option of --on instead of one
    #[arg(long)]
    match_all: bool,
    /// Compare words lexically or semantically [default: both]
    #[arg(long, value_name = "WAY", value_delimiter = ',')]
    words: Vec<TranscriptionOption>,
    /// Search for an image: a file or a URL. Repeatable
    #[arg(long, value_name = "FILE|URL")]
    image: Vec<String>,
    /// Search for an entity. Repeatable
    #[arg(long, value_name = "ID|NAME")]
    person: Vec<String>,
    /// Filter videos, e.g. 'duration>=600' or sport=soccer. Repeatable
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
}

/// The search of a client.
pub(super) type Builder = SearchBuilder<tl_client::http_async::AsyncHttp, tl_client::Error>;

impl QueryArgs {
    /// The query in words.
    pub(super) fn title(&self) -> String {
        let mut parts: Vec<&str> = self.text.as_deref().into_iter().collect();
        parts.extend(self.person.iter().map(String::as_str));
        parts.extend(self.image.iter().map(String::as_str));
        parts.join(", ")
    }

    /// The same query with another text and options.
    pub(super) fn with(&self, text: &str, on: &[SearchOption]) -> Self {
        let mut query = self.clone();
        query.text = Some(text.to_owned());
        if !on.is_empty() {
            query.on = on.to_vec();
        }
        query
    }

    /// Checks what no index could allow: unknown options, conditions, images, an empty query. Sends
    /// nothing.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let allowed = SearchRules::current().options;
        if let Some(other) = self.on.iter().find(|option| !allowed.contains(option)) {
            let allowed: Vec<&str> = allowed.iter().map(SearchOption::as_str).collect();
            return Err(
                Failure::usage(format!("`{other}` is not a search option")).hint(format!(
                    "pass one or more of {} to --on",
                    allowed.join(", ")
                )),
            );
        }
        if let Some(other) = self.words.iter().find(|way| !way.is_known()) {
            return Err(
                Failure::usage(format!("`{other}` is not a way to compare words"))
                    .hint("pass lexical, semantic or both to --words"),
            );
        }
        let mut filter = SearchFilter::new();
        for text in &self.conditions {
            filter = condition::add(filter, text).map_err(Failure::usage)?;
        }
        let rules = PictureRules::of_entities();
        for image in self.image.iter().filter(|image| !is_link(image)) {
            check_picture(Path::new(image), &rules).map_err(|fault| {
                let message = format!("`{image}` cannot be searched for: {fault}");
                Failure::new(Exit::RefusedLocally, "refused_locally", message)
                    .hint("pass another image; nothing was sent")
            })?;
        }
        let is_empty = self
            .text
            .as_deref()
            .is_some_and(|text| text.trim().is_empty());
        if is_empty && self.image.is_empty() && self.person.is_empty() {
            return Err(Failure::usage("the text to search for is empty").hint("pass a text"));
        }
        Ok(())
    }

    /// The index with its models.
    pub(super) async fn index(&self, client: &Client) -> Result<Index, Failure> {
        let id = self.index.resolve(client).await?;
        Ok(client.indexes().get(id).await?)
    }

    pub(super) async fn build(&self, client: &Client) -> Result<Builder, Failure> {
        let index = self.index(client).await?;
        self.build_for(client, &index).await
    }

    /// The search, checked against the rules of the model of the index. Nothing of it was sent.
    pub(super) async fn build_for(
        &self,
        client: &Client,
        index: &Index,
    ) -> Result<Builder, Failure> {
        let known = index.models.iter().find_map(|model| {
            let rules = SearchRules::of(&model.name()?)?;
            Some((rules, model.options()))
        });
        let on = match &known {
            _ if !self.on.is_empty() => self.on.clone(),
            Some((_, options)) if !options.is_empty() => options
                .iter()
                .map(|option| SearchOption::from(option.as_str()))
                .collect(),
            _ => vec![SearchOption::Visual],
        };
        let mut search = client
            .search(index.id.clone())
            .on(on)
            .words(self.words.iter().cloned());
        if let Some(text) = &self.text {
            search = search.text(text);
        }
        if self.match_all {
            search = search.match_all();
        }
        for image in &self.image {
            search = search.image(media(image)?);
        }
        for person in &self.person {
            search = search.person(entity(client, person).await?);
        }
        let mut filter = SearchFilter::new();
        for text in &self.conditions {
            filter = condition::add(filter, text).map_err(Failure::usage)?;
        }
        search = search.filter(filter).with_metadata();
        if let Some((rules, _)) = known {
            rules.check(&search.request()).map_err(|rejection| {
                Failure::usage(format!("invalid search: {rejection}"))
                    .hint(format!("the limits are those of {}", rules.source))
            })?;
        }
        Ok(search)
    }
}

/// Whether an image is given by its URL.
fn is_link(image: &str) -> bool {
    image.starts_with("https://") || image.starts_with("http://")
}

fn media(image: &str) -> Result<Media, Failure> {
    if is_link(image) {
        let url = Url::parse(image).map_err(|error| {
            Failure::usage(format!("`{image}` is not a URL")).with_source(&error)
        })?;
        return Ok(Media::Url(url));
    }
    let file = FileSource::open(Path::new(image))?;
    Ok(Media::File(Arc::new(file)))
}

/// The entity with this id or name.
async fn entity(client: &Client, person: &str) -> Result<EntityId, Failure> {
    let id = EntityId::from(person);
    if id.is_object_id() {
        return Ok(id);
    }
    let mut found = Vec::new();
    let mut collections = client.pages(ListEntityCollections::default());
    while let Some(page) = collections.next_page().await {
        for collection in page?.data {
            let mut list = ListEntities::new(collection.id);
            list.name = Some(person.to_owned());
            let mut entities = client.pages(list);
            while let Some(page) = entities.next_page().await {
                found.extend(page?.data.into_iter().map(|entity| entity.id));
            }
        }
    }
    match found.as_slice() {
        [id] => Ok(id.clone()),
        [] => Err(Failure::usage(format!("no entity has the name `{person}`"))
            .hint("pass the id of an entity to --person")),
        several => {
            let ids: Vec<_> = several.iter().map(ToString::to_string).collect();
            Err(Failure::usage(format!(
                "{} entities have the name `{person}`: {}",
                several.len(),
                ids.join(", ")
            ))
            .hint("pass one of these ids to --person"))
        }
    }
}

//! Search with a builder: [`Client::search`](crate::Client::search) checks a query, sends it, and
//! follows the pages of its results.

mod cursor;
mod hits;
pub mod rules;

use tl_model::{
    EntityId, GroupBy, IndexId, SearchFilter, SearchOperator, SearchOption, TranscriptionOption,
};

pub use hits::{Found, Hits, NextHits, NextHitsOutput, Results, VideoHits};

use crate::{
    Client, Error, Transport,
    endpoint::{Media, Search},
};
use cursor::Cursor;

/// The largest page, in results (API description of July 2026).
pub const MAX_PAGE: u32 = 50;

impl<T: Transport, X> Client<T, X> {
    /// Searches the videos of an index.
    ///
    /// Nothing is sent before the first results are requested. A query that the platform would
    /// reject is an [`InvalidRequest`](crate::ErrorKind::InvalidRequest) then, and is not sent: see
    /// [`rules`].
    ///
    /// ```
    /// use tl_protocol::{Client, Error, BlockingTransport};
    /// use tl_model::{SearchFilter, SearchOption::{Audio, Visual}};
    ///
    /// fn goals<T: BlockingTransport>(client: &Client<T>) -> Result<(), Error> {
    ///     let hits = client
    ///         .search("6298d673f1090f1100476d4c")
    ///         .text("goal in the rain")
    ///         .on([Visual, Audio])
    ///         .filter(SearchFilter::new().eq("sport", "soccer").at_least("duration", 600.0))
    ///         .limit(100)
    ///         .hits();
    ///     for hit in hits {
    ///         let hit = hit?;
    ///         println!("{} {:?}-{:?}", hit.video_id, hit.start, hit.end);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn search(&self, index_id: impl Into<IndexId>) -> SearchBuilder<T, X> {
        SearchBuilder {
            client: self.clone(),
            search: Search::new(index_id, []),
            persons: Vec::new(),
            limit: None,
        }
    }
}

/// A search that is not sent yet: see [`Client::search`](crate::Client::search).
#[derive(Debug)]
#[must_use = "nothing is sent until results are requested"]
pub struct SearchBuilder<T, X = Error> {
    client: Client<T, X>,
    search: Search,
    persons: Vec<EntityId>,
    limit: Option<usize>,
}

impl<T, X> Clone for SearchBuilder<T, X> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            search: self.search.clone(),
            persons: self.persons.clone(),
            limit: self.limit,
        }
    }
}

impl<T: Transport, X: From<Error> + Send + 'static> SearchBuilder<T, X> {
    /// The text of the query. May be combined with images.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.search.query_text = Some(text.into());
        self
    }

    /// Adds an image to the query: JPEG or PNG, at least 128 x 128 pixels, 32 MB at most. A query
    /// has up to 10 images.
    pub fn image(mut self, image: Media) -> Self {
        self.search.images.push(image);
        self
    }

    /// Searches for an entity, for example a person. The text may say what the entity does.
    pub fn person(mut self, entity: impl Into<EntityId>) -> Self {
        self.persons.push(entity.into());
        self
    }

    /// What the query is compared with. Without it, visual content.
    pub fn on(mut self, options: impl IntoIterator<Item = SearchOption>) -> Self {
        self.search.search_options = options.into_iter().collect();
        self
    }

    /// How the text is compared with spoken words. Only with
    /// [`Transcription`](SearchOption::Transcription).
    pub fn words(mut self, options: impl IntoIterator<Item = TranscriptionOption>) -> Self {
        self.search.transcription_options = options.into_iter().collect();
        self
    }

    /// A result must match every search option instead of one.
    pub fn match_all(mut self) -> Self {
        self.search.operator = Some(SearchOperator::And);
        self
    }

    /// Searches only videos that meet these conditions.
    pub fn filter(mut self, filter: SearchFilter) -> Self {
        self.search.filter = Some(filter).filter(|filter| !filter.is_empty());
        self
    }

    /// The results have the user metadata of their video, on every page.
    pub fn with_metadata(mut self) -> Self {
        self.search.include_user_metadata = Some(true);
        self
    }

    /// Returns at most `limit` results. Without it, all of them.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Requests this many results per page, 1 to [`MAX_PAGE`]. Without it, as many as allowed,
    /// because fewer requests are faster.
    pub fn page_size(mut self, size: u32) -> Self {
        self.search.page_limit = Some(size);
        self
    }

    /// The request for the first page, as it is sent.
    pub fn request(&self) -> Search {
        let mut search = self.search.clone();
        if search.search_options.is_empty() {
            search.search_options.push(SearchOption::Visual);
        }
        if !self.persons.is_empty() {
            let mut words: Vec<String> = self.persons.iter().map(|id| format!("<@{id}>")).collect();
            words.extend(search.query_text.take());
            search.query_text = Some(words.join(" "));
        }
        if search.page_limit.is_none() {
            let wanted = self.limit.and_then(|limit| u32::try_from(limit).ok());
            search.page_limit = Some(wanted.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE));
        }
        search
    }

    /// The matching parts of videos, the best first.
    pub fn hits(self) -> Hits<T, X> {
        self.results(GroupBy::Clip)
    }

    /// The matching videos, each with its matching parts.
    pub fn by_video(self) -> VideoHits<T, X> {
        self.results(GroupBy::Video)
    }

    fn results<I: Found>(self, group_by: GroupBy) -> Results<T, I, X> {
        let mut search = self.request();
        search.group_by = Some(group_by);
        Results::new(self.client, Cursor::new(search, self.limit))
    }
}

#[cfg(test)]
mod tests;

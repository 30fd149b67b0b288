//! `/search`: a query by text, images or both, and the further pages of its results.

use std::sync::Arc;

use tl_model::{
    GroupBy, IndexId, SearchFilter, SearchOperator, SearchOption, SearchPage, TranscriptionOption,
};
use url::Url;

use super::{Codec, Media, Outgoing, Received, Rejection, endpoint, resource};
use crate::form::Form;

resource! {
    /// Operations of search. [`Client::search`](crate::Client::search) has a builder, which follows
    /// the pages.
    Searches, searches
}

endpoint! {
    /// Searches the videos of an index.
    ///
    /// A search is charged; its further pages ([`GetSearchPage`]) are not.
    Search custom FORM {
        /// The index.
        index_id: IndexId,
        /// The text of the query, 500 tokens at most. `<@id>` stands for an entity.
        query_text: Option<String>,
        /// The images of the query, 10 at most (API description of July 2026).
        images: Vec<Media>,
        /// What the query is compared with, at least one.
        search_options: Vec<SearchOption>,
        /// How the text is compared with spoken words. Only with the option `transcription`. The
        /// platform's default is both ways.
        transcription_options: Vec<TranscriptionOption>,
        /// What the results are. The platform's default is `clip`.
        group_by: Option<GroupBy>,
        /// How the search options are combined. The platform's default is `or`.
        operator: Option<SearchOperator>,
        /// Maximum number of results per page, 1 to 50. The platform's default is 10.
        page_limit: Option<u32>,
        /// Search only videos that meet these conditions.
        filter: Option<SearchFilter>,
        /// Whether the results have the user metadata of their video.
        include_user_metadata: Option<bool>,
    }
    name: "search.create";
    does: "search the index";
    POST "/search" => OK SearchPage;
    // Reading changes nothing, but a second search is charged again.
    repeat: IfNotProcessed;
    client: Searches::create;
}

impl Search {
    /// A search with the platform's defaults; set `query_text` or `images`.
    #[must_use]
    pub fn new(
        index_id: impl Into<IndexId>,
        search_options: impl IntoIterator<Item = SearchOption>,
    ) -> Self {
        Self {
            index_id: index_id.into(),
            query_text: None,
            images: Vec::new(),
            search_options: search_options.into_iter().collect(),
            transcription_options: Vec::new(),
            group_by: None,
            operator: None,
            page_limit: None,
            filter: None,
            include_user_metadata: None,
        }
    }
}

/// Parameters that older clients send. They are without effect since Marengo 3.0.
const WITHOUT_EFFECT: [&str; 4] = [
    "threshold",
    "adjust_confidence_level",
    "sort_option",
    "sort_by",
];

impl Codec for Search {
    fn encode(&self) -> Outgoing {
        let mut form = Form::new().text("index_id", self.index_id.as_str());
        for option in &self.search_options {
            form = form.text("search_options", option.as_str());
        }
        form = form.text_if("query_text", self.query_text.as_ref());
        if !self.images.is_empty() {
            form = form.text("query_media_type", "image");
        }
        for image in &self.images {
            form = match image {
                Media::File(source) => form.file("query_media_file", Arc::clone(source)),
                Media::Url(url) => form.text("query_media_url", url.as_str()),
            };
        }
        for option in &self.transcription_options {
            form = form.text("transcription_options", option.as_str());
        }
        let form = form
            .text_if("group_by", self.group_by.as_ref())
            .text_if("operator", self.operator.as_ref())
            .text_if("page_limit", self.page_limit)
            .text_if("filter", self.filter.as_ref())
            .text_if("include_user_metadata", self.include_user_metadata);
        Outgoing::new().form(form)
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        let (mut params, files) = request.form()?;
        let mut search = Self::new(params.required::<IndexId>("index_id")?, []);
        search.search_options = params.list("search_options")?;
        search.query_text = params.text("query_text")?.map(str::to_owned);
        let media_type = params.text("query_media_type")?;
        let urls = params.all("query_media_url");
        if let Some((name, _)) = files.iter().find(|(name, _)| *name != "query_media_file") {
            return Err(Rejection::unknown(name));
        }
        if params.text("query_media_file")?.is_some() {
            return Err(Rejection::invalid(
                "query_media_file",
                "a file part is expected, not a text",
            ));
        }
        match media_type {
            Some("image") | None => {}
            Some(_) => {
                return Err(Rejection::invalid(
                    "query_media_type",
                    "`image` is expected",
                ));
            }
        }
        for url in urls {
            let url: Url = url.parse().map_err(|error: url::ParseError| {
                Rejection::invalid("query_media_url", error.to_string())
            })?;
            search.images.push(Media::Url(url));
        }
        let files = files
            .iter()
            .map(|(_, source)| Media::File(Arc::clone(source)));
        search.images.extend(files);
        match (media_type, search.images.is_empty()) {
            (None, false) => return Err(Rejection::missing("query_media_type")),
            (Some(_), true) => return Err(Rejection::missing("query_media_url")),
            _ => {}
        }
        search.transcription_options = params.list("transcription_options")?;
        search.group_by = params.optional("group_by")?;
        search.operator = params.optional("operator")?;
        search.page_limit = params.optional("page_limit")?;
        search.filter = params.optional("filter")?;
        search.include_user_metadata = params.optional("include_user_metadata")?;
        for name in WITHOUT_EFFECT {
            params.all(name);
        }
        params.finish()?;
        Ok(search)
    }
}

endpoint! {
    /// Retrieves a further page of a search. It is not charged.
    GetSearchPage: PartialEq, Eq {
        path {
            /// The token of the page, from the page before. It expires about 15 minutes after the
            /// search.
            page_token: String,
        }
        query {
            /// Whether the results have the user metadata of their video. The search does not
            /// decide that for the further pages.
            include_user_metadata: Option<bool>,
        }
    }
    name: "search.retrieve";
    does: "retrieve a page of the search";
    GET "/search/{page_token}" => OK SearchPage;
    repeat: Freely;
    client: Searches::page;
}

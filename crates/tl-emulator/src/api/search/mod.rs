//! `/search`: an exact search by the cosine of deterministic vectors. See
//! [`meaning`](crate::core::meaning) for what is compared.

mod engine;
mod filter;
mod pages;
mod query;

use http::StatusCode;
use tl_model::{ErrorCode, GroupBy, SearchFilter, SearchPage};
use tl_protocol::{
    endpoint::{FieldValue, GetSearchPage, Received, ReceivedBody, RejectionKind, Search},
    search::rules::SearchRules,
};

use super::{
    handle::{Handle, Incoming, handle},
    request::{BodyRule, Upload},
};
use crate::core::{
    Env, Refusal, State,
    answers::AnswerSource,
    ids,
    records::{IndexRecord, SearchRecord},
    settings::Settings,
    static_file::MAX_IMAGE_BYTES,
};
use query::Query;

impl Handle for Search {
    fn handle(
        self,
        state: &mut State,
        env: &mut Env<'_>,
        incoming: Incoming<'_>,
    ) -> Result<Self::Response, Refusal> {
        search(state, env, &self, &incoming.uploads)
    }

    fn body(_: &Settings) -> BodyRule {
        BodyRule::Form {
            max_file: Some(MAX_IMAGE_BYTES),
            takes_static: true,
            url: "query_media_url",
        }
    }

    /// A filter that is not a JSON object has its own code.
    fn check(received: &Received) -> Result<(), Refusal> {
        let ReceivedBody::Form(fields) = &received.body else {
            return Ok(());
        };
        for field in fields.iter().filter(|field| field.name == "filter") {
            if let FieldValue::Text(text) = &field.value
                && let Err(error) = text.parse::<SearchFilter>()
            {
                return Err(filter_invalid(&format!(
                    "it is not a JSON object ({error})"
                )));
            }
        }
        Ok(())
    }
}
handle!(GetSearchPage, |state, env, request| pages::retrieve(
    state, env, &request
));

/// The default number of results per page.
const PAGE: u32 = 10;
/// Maximum number of searches whose further pages can be requested. The oldest is dropped.
const MAX_SEARCHES: usize = 1000;

fn search(
    state: &mut State,
    env: &mut Env<'_>,
    search: &Search,
    uploads: &[Upload],
) -> Result<SearchPage, Refusal> {
    let id = search.index_id.as_str();
    ids::check("index_id", id)?;
    // Only 400 is documented here.
    let index = state.indexes.get(id).ok_or_else(|| {
        let mut refusal = Refusal::not_exist("indexes", id);
        refusal.status = StatusCode::BAD_REQUEST;
        refusal
    })?;
    check_index(index, search)?;
    let query = Query::read(state, search, uploads)?;
    let found = engine::find(state, env, search, &query);
    env.answer = Some(match found.is_supplied {
        true => AnswerSource::Fixture,
        false => AnswerSource::Generated,
    });
    let record = SearchRecord {
        id: String::new(),
        number: 0,
        index_id: index.id.clone(),
        expires_at: pages::expiry(env),
        page_limit: search.page_limit.unwrap_or(PAGE) as usize,
        is_grouped: search.group_by == Some(GroupBy::Video),
        pool: found.pool,
        clips: found.clips,
    };
    Ok(pages::first(
        state,
        env,
        record,
        search.include_user_metadata == Some(true),
    ))
}

/// Checks the search against the rules of the index's model, and against the index.
fn check_index(index: &IndexRecord, search: &Search) -> Result<(), Refusal> {
    let rules = index.models.iter().find_map(|model| {
        let rules = SearchRules::of(&model.name()?)?;
        (!rules.options.is_empty()).then_some((rules, model.options()))
    });
    let Some((rules, options)) = rules else {
        return Err(Refusal::bad(
            ErrorCode::IndexNotSupportedForSearch,
            "The models of this index do not support search. Use an index with Marengo.",
        ));
    };
    rules.check(search).map_err(|rejection| {
        match (rejection.parameter.as_str(), rejection.kind) {
            ("filter", RejectionKind::Invalid) => filter_invalid(&rejection.detail),
            _ => rejection.into(),
        }
    })?;
    for option in &search.search_options {
        // What `transcription` needs of an index is not documented; speech is audio.
        let needed = match option.as_str() {
            "transcription" => "audio",
            other => other,
        };
        if !options.iter().any(|option| option.as_str() == needed) {
            return Err(Refusal::bad(
                ErrorCode::SearchOptionNotSupported,
                format!(
                    "The search option `{option}` is not supported: the index was created without the model option `{needed}`."
                ),
            ));
        }
    }
    Ok(())
}

fn filter_invalid(detail: &str) -> Refusal {
    Refusal::bad(
        ErrorCode::SearchFilterInvalid,
        format!("The filter parameter is invalid: {detail}."),
    )
}

/// Removes the oldest searches until there is room for another.
fn make_room(state: &mut State) {
    while state.searches.values().count() >= MAX_SEARCHES {
        let oldest = state.searches.values().min_by_key(|search| search.number);
        let Some(id) = oldest.map(|search| search.id.clone()) else {
            return;
        };
        state.searches.remove(&id);
    }
}

//! Tests of search requests: what is written is read, and what is rejected.

use super::*;
use tl_model::{GroupBy, SearchFilter, SearchOperator, SearchOption, TranscriptionOption};

fn same(left: &Search, right: &Search) {
    let media = |search: &Search| -> Vec<String> {
        let images = search.images.iter();
        images
            .map(|image| image.filename().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(media(left), media(right));
    let parts = |search: &Search| {
        let mut search = search.clone();
        search.images.clear();
        format!("{search:?}")
    };
    assert_eq!(parts(left), parts(right));
}

proptest! {
    #[test]
    fn search_page_round_trips(page_token in text().prop_filter("no dot segment", |id| id != "." && id != ".."), include_user_metadata in flag()) {
        round_trip(&GetSearchPage { page_token, include_user_metadata });
    }

    #[test]
    fn search_round_trips(
        query_text in prop::option::of(text()), files in 0_usize..3, urls in 0_usize..3, page_limit in prop::option::of(1_u32..=50),
        include_user_metadata in flag(), key in text(), value in -1e9_f64..1e9, has_filter: bool, is_and: bool,
    ) {
        let file = |_| Media::File(Arc::new(BytesSource::new("a.png", &b"png"[..])));
        let url = |_| Media::Url("https://example.com/a,b.jpg".parse().unwrap());
        let mut search = Search::new(ASSET, [SearchOption::Visual, SearchOption::Transcription]);
        search.query_text = query_text;
        search.images = (0..urls).map(url).chain((0..files).map(file)).collect();
        search.transcription_options = vec![TranscriptionOption::Lexical, TranscriptionOption::Semantic];
        search.group_by = Some(GroupBy::Video);
        search.operator = is_and.then_some(SearchOperator::And);
        search.page_limit = page_limit;
        search.filter = has_filter.then(|| SearchFilter::new().eq(key.as_str(), value).at_least("size", 3.0));
        search.include_user_metadata = include_user_metadata;
        same(&Search::decode(&received(&search)).unwrap(), &search);
    }
}

fn form(parts: &[(&str, &str)]) -> Received {
    let field = |(name, value): &(&str, &str)| Field {
        name: (*name).to_owned(),
        value: FieldValue::Text((*value).to_owned()),
    };
    Received {
        body: ReceivedBody::Form(parts.iter().map(field).collect()),
        ..Received::default()
    }
}

#[test]
fn server_names_the_rejected_parameter() {
    let base = [("index_id", ASSET), ("search_options", "visual")];
    let with = |parts: &[(&str, &str)]| {
        let parts: Vec<_> = base.iter().chain(parts).copied().collect();
        Search::decode(&form(&parts))
            .map(|_| ())
            .map_err(|rejection| rejection.parameter)
    };
    assert_eq!(with(&[("query_text", "a")]), Ok(()));
    assert_eq!(
        with(&[("query_text", "a"), ("threshold", "high")]),
        Ok(()),
        "without effect"
    );
    assert_eq!(with(&[("color", "red")]).unwrap_err(), "color");
    assert_eq!(with(&[("filter", "[1]")]).unwrap_err(), "filter");
    assert_eq!(
        with(&[("query_media_type", "video")]).unwrap_err(),
        "query_media_type"
    );
    assert_eq!(
        with(&[("query_media_type", "image")]).unwrap_err(),
        "query_media_url"
    );
    assert_eq!(
        with(&[("query_media_url", "https://a.b/c.png")]).unwrap_err(),
        "query_media_type"
    );
    assert_eq!(
        with(&[("query_media_file", "text")]).unwrap_err(),
        "query_media_file"
    );
    assert_eq!(with(&[("page_limit", "many")]).unwrap_err(), "page_limit");
    assert!(Search::decode(&form(&base[1..])).is_err());
}

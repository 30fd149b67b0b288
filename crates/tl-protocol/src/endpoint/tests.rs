//! Round trips: every endpoint, encoded by the client into an HTTP request and decoded by the
//! server.

use std::{io::Read, sync::Arc};

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use proptest::prelude::*;
use tl_model::{
    IndexModel, MetadataPatch, ModelOption, NewIndex, SortBy, SortOption, Timestamp, UserMetadata,
};

use http::header;
use url::{Url, form_urlencoded};

use super::*;
use crate::{Body, BytesSource};

const BASE: &str = "https://api.twelvelabs.io/v1.3";

pub(super) fn base() -> Url {
    BASE.parse().unwrap()
}

pub(super) fn bytes(body: &Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    body.reader().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Parses the request as a server would, with a third-party form parser.
pub(super) fn received<E: Endpoint>(endpoint: &E) -> Received {
    let request = endpoint
        .encode()
        .into_http(&E::METHOD, E::PATH, &base(), 1)
        .unwrap();
    let path = request.uri().path().strip_prefix("/v1.3").unwrap();
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str().unwrap().to_owned());
    let body = bytes(request.body());
    let body = match content_type.as_deref() {
        None => ReceivedBody::Empty,
        Some("application/json") => ReceivedBody::Json(serde_json::from_slice(&body).unwrap()),
        Some(form) => ReceivedBody::Form(fields(form, body)),
    };
    let query = request.uri().query().unwrap_or_default();
    Received {
        params: match_path(E::PATH, path).expect("the path has the form of the template"),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        body,
    }
}

fn fields(content_type: &str, body: Vec<u8>) -> Vec<Field> {
    let chunks = stream::iter([Ok::<_, std::io::Error>(Bytes::from(body))]);
    let mut multipart =
        multer::Multipart::new(chunks, multer::parse_boundary(content_type).unwrap());
    async move {
        let mut fields = Vec::new();
        while let Some(field) = multipart.next_field().await.unwrap() {
            let name = field.name().unwrap().to_owned();
            let file_name = field.file_name().map(str::to_owned);
            let bytes = field.bytes().await.unwrap();
            let value = match file_name {
                Some(file_name) => FieldValue::File(Arc::new(BytesSource::new(file_name, bytes))),
                None => FieldValue::Text(String::from_utf8(bytes.to_vec()).unwrap()),
            };
            fields.push(Field { name, value });
        }
        fields
    }
    .now_or_never()
    .unwrap()
}

/// The server decodes the endpoint that the client encoded.
pub(super) fn round_trip<E: Endpoint + PartialEq>(endpoint: &E) {
    assert_eq!(&E::decode(&received(endpoint)).unwrap(), endpoint);
}

pub(super) fn text() -> impl Strategy<Value = String> {
    "[ -~äé日]{1,20}"
}

pub(super) fn number() -> impl Strategy<Value = NumberFilter> {
    let bound = || prop::option::of((0_u32..1_000_000).prop_map(|value| f64::from(value) / 8.0));
    (bound(), bound(), bound()).prop_map(|(eq, gte, lte)| NumberFilter { eq, gte, lte })
}

pub(super) fn page() -> impl Strategy<Value = PageRequest> {
    (prop::option::of(1_u32..), prop::option::of(1_u32..=50))
        .prop_map(|(page, page_limit)| PageRequest { page, page_limit })
}

pub(super) fn sort() -> impl Strategy<Value = Sort> {
    let by = prop::option::of(prop_oneof![
        Just(SortBy::CreatedAt),
        Just(SortBy::UpdatedAt)
    ]);
    let option = prop::option::of(prop_oneof![Just(SortOption::Asc), Just(SortOption::Desc)]);
    (by, option).prop_map(|(by, option)| Sort { by, option })
}

pub(super) fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9a-f]{24}",
        text().prop_filter("no dot segment", |id| id != "." && id != "..")
    ]
}

pub(super) fn time() -> impl Strategy<Value = Option<Timestamp>> {
    prop::option::of(Just(Timestamp::from("2026-02-17T10:00:00.250Z")))
}

proptest! {
    #[test]
    fn a_list_of_tasks_reads_back_as_it_was_written(
        page in page(), sort in sort(), index in prop::option::of(id()),
        status in prop::collection::vec("[a-z]{1,9}", 0..4), filename in prop::option::of(text()),
        duration in number(), width in number(), height in number(), created_at in time(), updated_at in time(),
    ) {
        round_trip(&ListTasks {
            page, sort, index_id: index.map(Into::into),
            status: status.iter().map(|word| word.as_str().into()).collect(),
            filename, duration, width, height, created_at, updated_at,
        });
    }

    #[test]
    fn a_list_of_videos_reads_back_as_it_was_written(
        index in id(), page in page(), sort in sort(), filename in prop::option::of(text()),
        duration in number(), fps in number(), size in number(),
        metadata in prop::collection::btree_map("x_[a-z]{1,8}", text(), 0..3),
    ) {
        let mut list = ListVideos::new(index);
        list = ListVideos { page, sort, filename, duration, fps, size, ..list };
        list.user_metadata = metadata.into_iter().collect();
        round_trip(&list);
    }

    #[test]
    fn requests_that_name_one_thing_read_back_whatever_its_id(index in id(), video in id(), name in text()) {
        round_trip(&GetTask { task_id: video.as_str().into() });
        round_trip(&DeleteTask { task_id: video.as_str().into() });
        round_trip(&GetIndex { index_id: index.as_str().into() });
        round_trip(&RenameIndex { index_id: index.as_str().into(), index_name: name });
        round_trip(&DeleteIndex { index_id: index.as_str().into() });
        round_trip(&GetVideo::new(index.as_str(), video.as_str()));
        round_trip(&DeleteVideo { index_id: index.as_str().into(), video_id: video.as_str().into() });
        let mut patch = MetadataPatch::new();
        patch.set("camera", "left").delete("draft");
        round_trip(&UpdateVideoMetadata { index_id: index.into(), video_id: video.into(), user_metadata: patch });
    }

    #[test]
    fn a_task_reads_back_with_its_file_and_metadata(
        name in "[ -~äé日]{1,20}", media in prop::collection::vec(any::<u8>(), 0..300), stream in prop::option::of(any::<bool>()),
        metadata in prop::option::of(prop::collection::btree_map("[a-z]{1,8}", text(), 1..4)),
    ) {
        let source: Arc<dyn crate::Source> = Arc::new(BytesSource::new(name, media.clone()));
        let mut create = CreateTask::new("6298d673f1090f1100476d4c", Media::File(source));
        create.enable_video_stream = stream;
        create.user_metadata = metadata.map(|map| map.into_iter().collect::<UserMetadata>());
        let read = CreateTask::decode(&received(&create)).unwrap();
        prop_assert_eq!(&read.index_id, &create.index_id);
        prop_assert_eq!(read.enable_video_stream, stream);
        prop_assert_eq!(&read.user_metadata, &create.user_metadata);
        let Media::File(source) = read.media else { panic!("a file went in") };
        prop_assert_eq!(bytes(&Body::from_source(source)), media);
    }
}

#[test]
fn a_list_of_indexes_and_a_new_index_read_back_as_they_were_written() {
    round_trip(&ListIndexes {
        index_name: Some("my index".into()),
        model_options: Some("visual,audio".into()),
        model_family: Some("marengo".into()),
        ..ListIndexes::default()
    });
    round_trip(&CreateIndex {
        index: NewIndex::new(
            "films",
            [IndexModel::new(
                "marengo3.0",
                [ModelOption::from("visual"), ModelOption::from("audio")],
            )],
        ),
    });
}

#[test]
fn the_requests_have_the_platforms_form() {
    let uri = |outgoing: Outgoing, path: &str| {
        outgoing
            .into_http(&Method::GET, path, &base(), 1)
            .unwrap()
            .uri()
            .to_string()
    };
    let list = ListTasks {
        page: PageRequest {
            page: Some(2),
            page_limit: Some(50),
        },
        status: vec!["ready".into(), "failed".into()],
        duration: NumberFilter::between(1.5, 9.0),
        height: NumberFilter::exactly(360.0),
        ..ListTasks::default()
    };
    assert_eq!(
        uri(list.encode(), ListTasks::PATH),
        "https://api.twelvelabs.io/v1.3/tasks?page=2&page_limit=50&status=ready&status=failed\
         &duration%5Bgte%5D=1.5&duration%5Blte%5D=9&height=360"
    );
    let get = GetVideo::new("a/b c", "é");
    assert_eq!(
        uri(get.encode(), GetVideo::PATH),
        "https://api.twelvelabs.io/v1.3/indexes/a%2Fb%20c/videos/%C3%A9"
    );
}

#[test]
fn an_id_that_would_name_another_resource_is_refused_before_it_is_sent() {
    for id in ["", ".", ".."] {
        let error = DeleteTask { task_id: id.into() }
            .encode()
            .into_http(&DeleteTask::METHOD, DeleteTask::PATH, &base(), 1)
            .unwrap_err();
        assert!(
            error.to_string().contains("cannot stand for {task_id}"),
            "{error}"
        );
    }
}

#[test]
fn a_server_names_the_parameter_that_it_refuses() {
    let form = |fields: &[(&str, &str)]| Received {
        body: ReceivedBody::Form(
            fields
                .iter()
                .map(|(name, value)| Field {
                    name: (*name).into(),
                    value: FieldValue::Text((*value).into()),
                })
                .collect(),
        ),
        ..Received::default()
    };
    let check = |request: &Received, expected: &str| {
        assert_eq!(
            CreateTask::decode(request).unwrap_err().to_string(),
            expected
        );
    };
    let url = ("video_url", "https://example.com/a.mp4");
    check(&form(&[]), "`index_id` is required");
    check(&form(&[("index_id", "1")]), "`video_file` is required");
    check(
        &form(&[("index_id", "1"), ("video_url", "nowhere")]),
        "`video_url` is invalid: `nowhere`: relative URL without a base",
    );
    check(
        &form(&[("index_id", "1"), ("video_file", "/home/me/a.mp4")]),
        "`video_file` is invalid: a file part is expected, not a text",
    );
    check(
        &form(&[("index_id", "1"), url, ("language", "en")]),
        "`language` is not a parameter of this endpoint",
    );
    check(
        &form(&[("index_id", "1"), ("index_id", "2"), url]),
        "`index_id` is invalid: it was given more than once",
    );
    check(
        &Received::default(),
        "the content type is invalid: this endpoint takes multipart/form-data",
    );
    let nested = form(&[
        ("index_id", "1"),
        url,
        ("user_metadata", r#"{"a": {"b": 1}}"#),
    ]);
    let error = CreateTask::decode(&nested).unwrap_err();
    assert_eq!(
        (error.kind, error.parameter.as_str()),
        (RejectionKind::Invalid, "user_metadata")
    );
    assert!(
        error.detail.contains('a'),
        "the key is named: {}",
        error.detail
    );
}

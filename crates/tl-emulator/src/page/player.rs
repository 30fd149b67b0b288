//! The page of one video or asset: a player, its thumbnails, and the URLs of its stream.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode};

use super::view::{self, Status, rendition_url};
use crate::{
    media::renditions::{PLAYLIST, thumbnail_name},
    server::{Runtime, files, renderer::MEDIA_FILE},
};

pub(super) fn router() -> Router<Arc<Runtime>> {
    Router::new()
        .route("/play/{id}", get(play))
        .route("/media/{id}", get(media))
}

/// The page of a video or an asset that was stored, rendered, or both.
#[derive(Template)]
#[template(path = "player.html")]
struct Player {
    id: String,
    name: String,
    /// The media type of the received file, if it was stored.
    original_type: Option<&'static str>,
    /// The URLs of the renditions.
    poster: Option<String>,
    stream: Option<String>,
    playlist: Option<String>,
    thumbnails: Vec<String>,
    /// The status of the renditions, and why they failed.
    status: Option<Status>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "nothing.html")]
struct NothingToPlay;

async fn play(State(runtime): State<Arc<Runtime>>, Path(id): Path<String>) -> Response {
    let (original, rendition) = {
        let platform = runtime.platform();
        let original = platform.media_of(&id).map(|(_, name)| name.to_owned());
        (original, platform.rendition_of(&id))
    };
    if original.is_none() && rendition.is_none() {
        return (StatusCode::NOT_FOUND, view::document(&NothingToPlay)).into_response();
    }
    let made = rendition
        .as_ref()
        .and_then(|rendition| rendition.made.as_ref());
    let stream = made.filter(|made| made.has_stream);
    let thumbnails: Vec<String> = made
        .map(|made| {
            let numbers = 1..=made.thumbnails;
            let urls = numbers.map(|number| rendition_url(made, &thumbnail_name(number)));
            urls.collect()
        })
        .unwrap_or_default();
    view::document(&Player {
        original_type: original.as_deref().map(media_type),
        name: original.unwrap_or_else(|| id.clone()),
        id,
        poster: thumbnails.first().cloned(),
        stream: stream.map(|made| rendition_url(made, MEDIA_FILE)),
        playlist: stream.map(|made| rendition_url(made, PLAYLIST)),
        thumbnails,
        status: rendition
            .as_ref()
            .map(|rendition| Status::new(rendition.status)),
        error: rendition.and_then(|rendition| rendition.error),
    })
}

/// Serves a received file.
async fn media(
    State(runtime): State<Arc<Runtime>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let found = runtime
        .platform()
        .media_of(&id)
        .map(|(key, name)| (runtime.media.path_of(key), media_type(name)));
    match found {
        Some((path, kind)) => files::serve(&path, kind, &headers).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The media type for a file extension. Only types that a browser plays, none that it executes.
fn media_type(name: &str) -> &'static str {
    let extension = name.rsplit('.').next().map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("webm") => "video/webm",
        Some("mov") => "video/quicktime",
        Some("mkv") => "video/x-matroska",
        Some("mp3") => "audio/mpeg",
        Some("wav") => "audio/wav",
        Some("flac") => "audio/flac",
        Some("ogg" | "oga") => "audio/ogg",
        _ => "video/mp4",
    }
}

//! The page of one video or asset: a player, its thumbnails, and the URLs of its stream.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode};

use super::html::{self, Escaped};
use crate::{
    media::renditions::{self, PLAYLIST, thumbnail_name},
    platform::{Platform, Rendered},
    server::{Runtime, files, renderer::MEDIA_FILE},
};

pub(super) fn router() -> Router<Arc<Runtime>> {
    Router::new()
        .route("/play/{id}", get(play))
        .route("/media/{id}", get(media))
}

/// The URL of a file of a rendition on this server.
fn rendition_url(made: &Rendered, file: &str) -> String {
    format!("{}/{}/{file}", renditions::PREFIX, made.folder.as_str())
}

fn rendered_of(platform: &Platform, owner: &str) -> Option<Rendered> {
    platform.rendition_of(owner)?.made
}

/// A thumbnail or label that links to the player, if there is something to play.
pub(super) fn link(platform: &Platform, owner: &str, name: &str, html: &mut String) {
    let made = rendered_of(platform, owner);
    if made.is_none() && platform.media_of(owner).is_none() {
        return;
    }
    _ = write!(
        html,
        "<a class=play id='play-{0}' href='/_emulator/play/{0}' aria-label='Play {1}'>",
        Escaped(owner),
        Escaped(name)
    );
    if let Some(made) = made.filter(|made| made.thumbnails > 0) {
        let thumbnail = rendition_url(&made, &thumbnail_name(1));
        _ = write!(
            html,
            "<img src='{}' alt='' loading=lazy>",
            Escaped(thumbnail)
        );
    }
    html.push_str("<span>Play</span></a>");
}

/// The name, linked to the player if there is something to play.
pub(super) fn text_link(platform: &Platform, owner: &str, name: &str, html: &mut String) {
    let playable = rendered_of(platform, owner).is_some() || platform.media_of(owner).is_some();
    _ = match playable {
        true => write!(
            html,
            "<a id='watch-{0}' href='/_emulator/play/{0}'>{1}</a>",
            Escaped(owner),
            Escaped(name)
        ),
        false => write!(html, "{}", Escaped(name)),
    };
}

async fn play(State(runtime): State<Arc<Runtime>>, Path(id): Path<String>) -> Response {
    let (original, rendition) = {
        let platform = runtime.platform();
        let original = platform.media_of(&id).map(|(_, name)| name.to_owned());
        (original, platform.rendition_of(&id))
    };
    if original.is_none() && rendition.is_none() {
        let body = "<main id=main><h1>Nothing to play</h1><p>There is no video or asset with this ID, or its file was not \
                    stored.</p><p><a href=/_emulator>Back to the emulator</a></p></main>";
        return (
            StatusCode::NOT_FOUND,
            html::document("Nothing to play", body),
        )
            .into_response();
    }
    let name = original.clone().unwrap_or_else(|| id.clone());
    let mut body = format!(
        "<header><h1 class=name>{}</h1><nav aria-label=Back><ul><li><a href=/_emulator>Back to the emulator</a></ul></nav></header>\
         <main id=main tabindex=-1><section>",
        Escaped(&name)
    );
    let made = rendition
        .as_ref()
        .and_then(|rendition| rendition.made.as_ref());
    let stream = made.filter(|made| made.has_stream);
    let poster = made.filter(|made| made.thumbnails > 0);
    let poster =
        poster.map(|made| format!(" poster='{}'", rendition_url(made, &thumbnail_name(1))));
    _ = write!(
        body,
        "<video controls preload=metadata{} aria-label=\"{}\">",
        poster.unwrap_or_default(),
        Escaped(&name)
    );
    // The browser picks the first source it supports: the rendered stream plays everywhere, the
    // received file may have any format.
    if let Some(made) = stream {
        let source = rendition_url(made, MEDIA_FILE);
        _ = write!(body, "<source src='{}' type=video/mp4>", Escaped(source));
    }
    if let Some(name) = &original {
        _ = write!(
            body,
            "<source src='/_emulator/media/{}' type='{}'>",
            Escaped(&id),
            media_type(name)
        );
    }
    body.push_str("</video>");
    if let Some(made) = made.filter(|made| made.thumbnails > 0) {
        body.push_str("<ul class=thumbnails aria-label=Thumbnails>");
        for number in 1..=made.thumbnails {
            let thumbnail = rendition_url(made, &thumbnail_name(number));
            _ = write!(
                body,
                "<li><a href='{0}'><img src='{0}' alt='Thumbnail {number} of {1}'></a>",
                Escaped(thumbnail),
                Escaped(made.thumbnails)
            );
        }
        body.push_str("</ul>");
    }
    _ = write!(body, "<dl><dt>Identifier<dd><code>{}</code>", Escaped(&id));
    if let Some(rendition) = &rendition {
        _ = write!(
            body,
            "<dt>Stream and thumbnails<dd>{}",
            html::status(rendition.status)
        );
        if let Some(reason) = &rendition.error {
            _ = write!(body, "<p class=reason>{}</p>", Escaped(reason));
        }
    }
    if let Some(made) = stream {
        _ = write!(
            body,
            "<dt>Playlist<dd><a href='{0}'>{0}</a>",
            Escaped(rendition_url(made, PLAYLIST))
        );
    }
    if original.is_some() {
        _ = write!(
            body,
            "<dt>Original file<dd><a href='/_emulator/media/{}'>{}</a>",
            Escaped(&id),
            Escaped(&name)
        );
    }
    body.push_str("</dl></section></main>");
    html::document(&name, &body).into_response()
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

//! The page of one video or asset: it is played here, with its thumbnails and the addresses of its stream.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode};

use super::html::{self, Plain};
use crate::{
    platform::{PLAYLIST, Platform, RENDITION_PREFIX, Rendered, thumbnail_name},
    server::{Shell, files, render::MEDIA_FILE},
};

pub(super) fn router() -> Router<Arc<Shell>> {
    Router::new()
        .route("/play/{id}", get(play))
        .route("/media/{id}", get(media))
}

/// The address of a file of a rendition, on this server.
fn address(made: &Rendered, file: &str) -> String {
    format!("{RENDITION_PREFIX}/{}/{file}", made.folder.as_str())
}

fn made_of(platform: &Platform, owner: &str) -> Option<Rendered> {
    platform.rendition_of(owner)?.made
}

/// A picture or a word that leads to the player, where there is something to play.
pub(super) fn link(platform: &Platform, owner: &str, name: &str, html: &mut String) {
    let made = made_of(platform, owner);
    if made.is_none() && platform.media_of(owner).is_none() {
        return;
    }
    _ = write!(
        html,
        "<a class=play id='play-{0}' href='/_emulator/play/{0}' aria-label='Play {1}'>",
        Plain(owner),
        Plain(name)
    );
    if let Some(made) = made.filter(|made| made.thumbnails > 0) {
        let picture = address(&made, &thumbnail_name(1));
        _ = write!(html, "<img src='{}' alt='' loading=lazy>", Plain(picture));
    }
    html.push_str("<span>Play</span></a>");
}

/// The name, as a link to the player where there is something to play.
pub(super) fn text_link(platform: &Platform, owner: &str, name: &str, html: &mut String) {
    let playable = made_of(platform, owner).is_some() || platform.media_of(owner).is_some();
    _ = match playable {
        true => write!(
            html,
            "<a id='watch-{0}' href='/_emulator/play/{0}'>{1}</a>",
            Plain(owner),
            Plain(name)
        ),
        false => write!(html, "{}", Plain(name)),
    };
}

async fn play(State(shell): State<Arc<Shell>>, Path(id): Path<String>) -> Response {
    let (original, rendition) = {
        let platform = shell.platform();
        let original = platform.media_of(&id).map(|(_, name)| name.to_owned());
        (original, platform.rendition_of(&id))
    };
    if original.is_none() && rendition.is_none() {
        let body = "<main id=main><h1>Nothing to play</h1><p>There is no video or asset of that identifier, or its file was \
                    not kept.</p><p><a href=/_emulator>Back to the emulator</a></p></main>";
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
        Plain(&name)
    );
    let made = rendition
        .as_ref()
        .and_then(|rendition| rendition.made.as_ref());
    let stream = made.filter(|made| made.has_stream);
    let poster = made.filter(|made| made.thumbnails > 0);
    let poster = poster.map(|made| format!(" poster='{}'", address(made, &thumbnail_name(1))));
    _ = write!(
        body,
        "<video controls preload=metadata{} aria-label=\"{}\">",
        poster.unwrap_or_default(),
        Plain(&name)
    );
    // What the browser takes first: the stream's file plays everywhere, the received one may be of any kind.
    if let Some(made) = stream {
        let source = address(made, MEDIA_FILE);
        _ = write!(body, "<source src='{}' type=video/mp4>", Plain(source));
    }
    if let Some(name) = &original {
        _ = write!(
            body,
            "<source src='/_emulator/media/{}' type='{}'>",
            Plain(&id),
            kind_of(name)
        );
    }
    body.push_str("</video>");
    if let Some(made) = made.filter(|made| made.thumbnails > 0) {
        body.push_str("<ul class=thumbnails aria-label=Thumbnails>");
        for number in 1..=made.thumbnails {
            let picture = address(made, &thumbnail_name(number));
            _ = write!(
                body,
                "<li><a href='{0}'><img src='{0}' alt='Thumbnail {number} of {1}'></a>",
                Plain(picture),
                Plain(made.thumbnails)
            );
        }
        body.push_str("</ul>");
    }
    _ = write!(body, "<dl><dt>Identifier<dd><code>{}</code>", Plain(&id));
    if let Some(rendition) = &rendition {
        _ = write!(
            body,
            "<dt>Stream and thumbnails<dd>{}",
            html::state(rendition.status)
        );
        if let Some(reason) = &rendition.error {
            _ = write!(body, "<p class=reason>{}</p>", Plain(reason));
        }
    }
    if let Some(made) = stream {
        _ = write!(
            body,
            "<dt>Playlist<dd><a href='{0}'>{0}</a>",
            Plain(address(made, PLAYLIST))
        );
    }
    if original.is_some() {
        _ = write!(
            body,
            "<dt>As it was received<dd><a href='/_emulator/media/{}'>{}</a>",
            Plain(&id),
            Plain(&name)
        );
    }
    body.push_str("</dl></section></main>");
    html::document(&name, &body).into_response()
}

/// A received file.
async fn media(
    State(shell): State<Arc<Shell>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let found = shell
        .platform()
        .media_of(&id)
        .map(|(key, name)| (shell.vault.path_of(key), kind_of(name)));
    match found {
        Some((path, kind)) => files::send(&path, kind, &headers).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The media type that a name promises. Only types that a browser plays: nothing that it would run.
fn kind_of(name: &str) -> &'static str {
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

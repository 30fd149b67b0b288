//! What the emulator knows about the content of a media file.

use crate::core::{
    Env, State,
    meaning::Annotations,
    records::{MediaKey, VideoRecord},
};

/// What is known about an indexed video.
pub(crate) fn of_video(state: &State, env: &Env<'_>, video: &VideoRecord) -> Annotations {
    let duration = video.measured.duration.unwrap_or(0.0);
    of_file(state, env, &video.filename, video.media.as_ref(), duration)
}

/// What is known about a stored file: without a sidecar, the words of its name.
pub(crate) fn of_file(
    _state: &State,
    _env: &Env<'_>,
    filename: &str,
    _media: Option<&MediaKey>,
    duration: f64,
) -> Annotations {
    let name = filename.rsplit_once('.').map_or(filename, |(name, _)| name);
    Annotations {
        content: format!("{filename} {duration}"),
        title: name.replace('_', " "),
        ..Annotations::default()
    }
}

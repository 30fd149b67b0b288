//! What the emulator knows about the content of a media file.

use crate::core::{
    Env, State,
    answers::{MediaRef, Scene, Utterance},
    meaning::Annotations,
    records::{MediaKey, VideoRecord},
};

/// What is known about an indexed video.
pub(crate) fn of_video(state: &State, env: &Env<'_>, video: &VideoRecord) -> Annotations {
    let duration = video.measured.duration.unwrap_or(0.0);
    let content = video.content.as_deref();
    // Records of earlier versions have no content of their own.
    let content = content.or_else(|| state.content_of(video.media.as_ref()));
    of_content(env, &video.filename, content, duration)
}

/// What is known about a stored file: its sidecar or, without one, the words of its name.
pub(crate) fn of_file(
    state: &State,
    env: &Env<'_>,
    filename: &str,
    media: Option<&MediaKey>,
    duration: f64,
) -> Annotations {
    of_content(env, filename, state.content_of(media), duration)
}

/// What is known about a file with this SHA-256.
pub(crate) fn of_content(
    env: &Env<'_>,
    filename: &str,
    content: Option<&str>,
    duration: f64,
) -> Annotations {
    let name = filename.rsplit_once('.').map_or(filename, |(name, _)| name);
    let mut annotations = Annotations {
        content: content.map_or_else(|| format!("{filename} {duration}"), str::to_owned),
        title: name.replace('_', " "),
        ..Annotations::default()
    };
    let media = MediaRef {
        filename,
        content,
        duration,
    };
    if let Some(sidecar) = env.settings.answers.sidecar(media) {
        let scenes = sidecar.segments.iter();
        let scene = |scene: &Scene| {
            (
                scene.start,
                scene.end,
                scene.labels.join(" "),
                scene.text.clone(),
            )
        };
        annotations.scenes = scenes.map(scene).collect();
        let speech = sidecar.transcript.iter();
        let line = |line: &Utterance| (line.start, line.end, line.text.clone());
        annotations.speech = speech.map(line).collect();
        annotations.has_sidecar = true;
    }
    annotations
}

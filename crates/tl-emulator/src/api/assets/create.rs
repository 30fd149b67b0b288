//! `/assets`: create and delete assets, and probe their files.
//!
//! Responses are in `views.rs`, metadata in `metadata.rs`, multipart uploads in `api/uploads`.

use jiff::Timestamp;
use tl_model::{Asset, AssetMethod, ErrorCode, TechnicalMetadata};
use tl_protocol::endpoint::{CreateAsset, DeleteAsset, Media};
use tl_validate::{MediaFacts, ProbeError, Route, RulePack};
use url::Url;

use super::views::view;
use crate::{
    api::{
        handle::{Handle, Incoming, handle},
        metadata,
        request::{BodyRule, Upload},
        source,
    },
    core::{
        Env, Refusal, State,
        effect::{Effect, Fetched},
        faults::TaskFault,
        lifecycle::after,
        quirks,
        records::{AssetRecord, ProbeOutcome},
        settings::Settings,
        static_file::StaticFile,
    },
    media::{renditions, validation},
};

impl Handle for CreateAsset {
    fn handle(
        self,
        state: &mut State,
        env: &mut Env<'_>,
        incoming: Incoming<'_>,
    ) -> Result<Self::Response, Refusal> {
        create(state, env, self, incoming.uploads)
    }

    fn body(settings: &Settings) -> BodyRule {
        BodyRule::Form {
            max_file: validation::max_asset_file(Route::Asset, &settings.rules),
            takes_static: true,
            url: "url",
        }
    }
}
handle!(DeleteAsset, |state, env, request| delete(
    state, env, &request
));

/// The form field that carries the file.
const FILE_FIELD: &str = "file";

pub(crate) fn create(
    state: &mut State,
    env: &mut Env<'_>,
    create: CreateAsset,
    uploads: Vec<Upload>,
) -> Result<Asset, Refusal> {
    let user_metadata = metadata::initial(
        create.user_metadata.unwrap_or_default(),
        &env.settings.quirks,
    )?;
    let source = match create.media {
        Media::Url(url) => Source::Url(source::check("url", url)?),
        Media::File(_) => {
            let file = uploads
                .into_iter()
                .find(|upload| upload.field == FILE_FIELD)
                .ok_or_else(|| Refusal::missing(FILE_FIELD))?;
            let probe = validate(
                &file.probe,
                file.static_file.as_ref(),
                file.bytes,
                Route::Asset,
                &env.settings.rules,
            );
            let is_sync = env.quirk(&quirks::ASSET_STATUS) == "sync";
            match probe {
                // If the probe could not run, that is an internal error. In sync mode, an invalid
                // file is refused at once.
                Err(refusal) if is_sync || refusal.status.is_server_error() => {
                    return Err(refusal);
                }
                probe => Source::File(
                    Box::new(file),
                    Box::new(probe.map_err(|refusal| refusal.message)),
                ),
            }
        }
    };
    let (method, name) = match &source {
        Source::Url(url) => (AssetMethod::Url, source::filename_of(url)),
        Source::File(file, _) => (AssetMethod::Direct, file.filename.clone()),
    };
    let filename = create.filename.unwrap_or(name);
    let id = env.next_id(state);
    let has_streams = env.quirk(&quirks::ASSET_STREAMS) == "unless-refused";
    let asset = AssetRecord {
        id: id.clone(),
        number: state.last_number(),
        method,
        file_type: type_of(&filename).to_owned(),
        filename,
        created_at: env.now,
        user_metadata,
        enable_hls: create.enable_hls.unwrap_or(has_streams),
        enable_thumbnail: create.enable_thumbnail.unwrap_or(has_streams),
        fetching: match &source {
            Source::Url(url) => Some(url.to_string()),
            Source::File(..) => None,
        },
        media: None,
        outcome: None,
        source: None,
        fault: env.task_fault.take(),
    };
    state.assets.insert(id.clone(), asset);
    match source {
        Source::Url(url) => env.effects.push(Effect::Fetch {
            task: id.clone(),
            url,
            max_bytes: validation::max_asset_file(Route::AssetUrl, &env.settings.rules),
        }),
        Source::File(file, probe) => {
            if probe.is_ok() {
                env.effects.push(Effect::Keep(file.key.clone()));
                if let Some(asset) = state.assets.get_mut(&id) {
                    asset.media = Some(file.key);
                }
            }
            record_probe(state, env, &id, *probe);
        }
    }
    state.asset(&id).map(|asset| view(asset, env.now))
}

enum Source {
    Url(Url),
    File(Box<Upload>, Box<Result<Probed, String>>),
}

/// The result of probing the file of an asset.
struct Probed {
    facts: MediaFacts,
    /// Set for images and documents, of which the media facts say little.
    technical: Option<TechnicalMetadata>,
}

/// Validates an asset for any use: it must be readable and within the size limit of its route. The
/// rules of engines apply when the asset is indexed.
fn validate(
    probe: &Result<MediaFacts, ProbeError>,
    static_file: Option<&Result<StaticFile, String>>,
    bytes: u64,
    route: Route,
    rules: &RulePack,
) -> Result<Probed, Refusal> {
    match (static_file, probe) {
        (Some(Ok(file)), _) => {
            file.check_size(bytes, route)?;
            let facts = MediaFacts::default().with(|facts| {
                facts.file_size_bytes = bytes;
                facts.file_mime_type = Some(file.kind().to_owned());
            });
            Ok(Probed {
                facts,
                technical: Some(file.technical.clone()),
            })
        }
        (Some(Err(reason)), _) => Err(Refusal::bad(
            ErrorCode::VideoFileBroken,
            format!("The platform could not read the file: {reason}."),
        )),
        (None, probe) => {
            validation::validate(probe, bytes, &validation::asset_target(route), rules)?;
            match probe {
                Ok(facts) => Ok(Probed {
                    facts: facts.clone(),
                    technical: None,
                }),
                Err(error) => Err(Refusal::internal(error.seen())),
            }
        }
    }
}

/// Records the result of probing an asset. It becomes visible after the `validating` time of the
/// schedule.
fn record_probe(state: &mut State, env: &mut Env<'_>, id: &str, mut probe: Result<Probed, String>) {
    let wait = match env.quirk(&quirks::ASSET_STATUS) {
        "sync" => std::time::Duration::ZERO,
        _ => env.settings.schedule.validating,
    };
    let mut at = after(env.now, wait);
    let Some(asset) = state.assets.get_mut(id) else {
        return;
    };
    match asset.fault.take() {
        None => {}
        Some(TaskFault::StuckIn(_)) => at = Timestamp::MAX,
        Some(TaskFault::FailIn(_, reason)) => {
            probe = Err(reason.unwrap_or_else(|| "failed on purpose".to_owned()));
        }
    }
    asset.fetching = None;
    match &probe {
        Ok(probed) => {
            if let Some(kind) = &probed.facts.file_mime_type {
                asset.file_type.clone_from(kind);
            }
        }
        // The file of a failed asset is not accessible to clients.
        Err(_) => env.effects.extend(asset.media.take().map(Effect::Discard)),
    }
    let source = asset.media.clone().filter(|_| probe.is_ok());
    let wanted = asset.requested_renditions();
    let (facts, technical) = match probe {
        Ok(probed) => (Ok(probed.facts), probed.technical),
        Err(reason) => (Err(reason), None),
    };
    asset.outcome = Some(ProbeOutcome {
        at,
        facts,
        technical,
    });
    if let Some(source) = source {
        renditions::start(state, env, id, source, wanted);
    }
    if at < Timestamp::MAX {
        state.pending_ends.insert((at, id.to_owned()));
    }
}

/// Handles the result of fetching the file of an asset.
pub(crate) fn fetched(
    state: &mut State,
    env: &mut Env<'_>,
    id: &str,
    outcome: Result<Fetched, String>,
) {
    // The fetcher's messages use the parameter name of tasks.
    let outcome = outcome.map_err(|reason| reason.replace("video_url", "url"));
    let rules = &env.settings.rules;
    let validated = outcome.and_then(|fetched| {
        let static_file = fetched.static_file.as_ref();
        let probe = validate(
            &fetched.probe,
            static_file,
            fetched.bytes,
            Route::AssetUrl,
            rules,
        );
        probe
            .map(|probed| (fetched, probed))
            .map_err(|refusal| refusal.message)
    });
    let probe = validated.map(|(fetched, probed)| {
        if let Some(asset) = state.assets.get_mut(id) {
            env.effects.push(Effect::Keep(fetched.key.clone()));
            asset.media = Some(fetched.key);
        }
        probed
    });
    record_probe(state, env, id, probe);
}

/// Handles the result of probing the file of a multipart upload.
pub(crate) fn probed(
    state: &mut State,
    env: &mut Env<'_>,
    id: &str,
    bytes: u64,
    probe: &Result<MediaFacts, ProbeError>,
    static_file: Option<&Result<StaticFile, String>>,
) {
    let rules = &env.settings.rules;
    let probe = validate(probe, static_file, bytes, Route::Multipart, rules);
    let probe = probe.map_err(|refusal| refusal.message);
    record_probe(state, env, id, probe);
}

/// The media type for a file name. It is replaced by the actual type once the file is probed.
pub(crate) fn type_of(filename: &str) -> &'static str {
    let extension = filename
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "mp4" | "m4v" => "video/mp4",
        "mov" | "qt" => "video/quicktime",
        "mkv" => "video/x-matroska",
        "webm" => "video/webm",
        "avi" => "video/x-msvideo",
        "ts" | "mts" | "m2ts" => "video/mp2t",
        "mpg" | "mpeg" => "video/mpeg",
        "flv" => "video/x-flv",
        "wmv" | "asf" => "video/x-ms-wmv",
        "ogv" => "video/ogg",
        "mxf" => "application/mxf",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "m4a" => "audio/mp4",
        "aac" => "audio/aac",
        "ogg" | "oga" => "audio/ogg",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "m3u8" => "application/vnd.apple.mpegurl",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "md" => "text/markdown",
        _ => "application/octet-stream",
    }
}

pub(crate) fn delete(
    state: &mut State,
    env: &mut Env<'_>,
    delete: &DeleteAsset,
) -> Result<(), Refusal> {
    let id = state.asset(delete.asset_id.as_str())?.id.clone();
    let references = state.references(&id).count();
    if references > 0 && delete.force != Some(true) {
        return Err(Refusal::asset_in_use(&id, references));
    }
    renditions::remove(state, env, &id);
    let asset = state.assets.remove(&id);
    env.effects
        .extend(asset.and_then(|asset| asset.media).map(Effect::Discard));
    Ok(())
}

//! `/assets`: create and delete assets, and probe their files.
//!
//! Responses are in `asset_views.rs`, metadata in `asset_metadata.rs`, multipart uploads in
//! `uploads.rs`.

mod metadata;
pub(crate) mod views;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{
    Asset, AssetMethod, AssetStatus, AssetType, ErrorCode, TechnicalMetadata, UserMetadata,
};
use tl_protocol::{
    Now,
    endpoint::{CreateAsset, DeleteAsset, Media},
};
use tl_validate::{MediaFacts, ProbeError, Route, RulePack, Target, max_size};
use url::Url;

use crate::platform::{
    BodyRule, Effect, Fetched, MediaKey, Platform, Refusal, StaticFile, Upload,
    asset_views::{references, view},
    faults::TaskFault,
    filename_of,
    handle::{Call, Handle, handle},
    ids,
    lifecycle::after,
    media, quirks, renditions, to_timestamp, videos,
};

impl Handle for CreateAsset {
    fn handle(self, call: Call<'_>) -> Result<Self::Response, Refusal> {
        create(call.platform, call.now, self, call.uploads, call.effects)
    }

    fn body(platform: &Platform) -> BodyRule {
        BodyRule::Form {
            max_file: max_file(Route::Asset, &platform.settings.rules),
            takes_static: true,
            url: "url",
        }
    }
}
handle!(DeleteAsset, |call, request| delete(
    call.platform,
    &request,
    call.effects
));

/// The form field that carries the file.
const FILE_FIELD: &str = "file";

/// The stored state of an asset.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AssetRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) method: AssetMethod,
    pub(crate) filename: String,
    /// The media type: first derived from the file name, then from the content once it was probed.
    pub(crate) file_type: String,
    pub(crate) created_at: Timestamp,
    pub(crate) user_metadata: UserMetadata,
    pub(crate) enable_hls: bool,
    pub(crate) enable_thumbnail: bool,
    /// The source URL while the file is being fetched.
    pub(crate) fetching: Option<String>,
    /// The stored file.
    pub(crate) media: Option<MediaKey>,
    /// The result of probing the file; `None` until then.
    pub(crate) outcome: Option<ProbeOutcome>,
    /// The fault to apply to this asset.
    #[serde(rename = "fate")]
    pub(crate) fault: Option<TaskFault>,
}

/// The result of probing an asset, and when it becomes visible to clients.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProbeOutcome {
    pub(crate) at: Timestamp,
    /// The media facts, or the reason for the failure.
    #[serde(rename = "look")]
    pub(crate) facts: Result<MediaFacts, String>,
    /// The technical metadata of an image or a document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) technical: Option<TechnicalMetadata>,
}

impl AssetRecord {
    pub(crate) fn status(&self, now: Timestamp) -> AssetStatus {
        match &self.outcome {
            Some(outcome) if outcome.at <= now => match outcome.facts {
                Ok(_) => AssetStatus::Ready,
                Err(_) => AssetStatus::Failed,
            },
            _ => AssetStatus::Processing,
        }
    }

    /// The media facts, if the asset is ready.
    pub(crate) fn facts(&self, now: Timestamp) -> Option<&MediaFacts> {
        let outcome = self.outcome.as_ref().filter(|outcome| outcome.at <= now)?;
        outcome.facts.as_ref().ok()
    }

    /// Whether the asset is an image or a document. Known once it was probed.
    pub(crate) fn is_static(&self, now: Timestamp) -> bool {
        let outcome = self.outcome.as_ref().filter(|outcome| outcome.at <= now);
        outcome.is_some_and(|outcome| outcome.technical.is_some())
    }

    /// The stored file, if it was not probed yet.
    pub(crate) fn unprobed(&self) -> Option<&MediaKey> {
        self.media.as_ref().filter(|_| self.outcome.is_none())
    }

    /// Whether to make a stream and thumbnails. Only video and audio get a stream; text files get
    /// no thumbnails.
    pub(crate) fn requested_renditions(&self) -> (bool, bool) {
        let is_played = matches!(self.kind(), AssetType::Video | AssetType::Audio);
        let is_visual = is_played || !self.file_type.starts_with("text/");
        (
            self.enable_hls && is_played,
            self.enable_thumbnail && is_visual,
        )
    }

    pub(crate) fn kind(&self) -> AssetType {
        match self.file_type.split('/').next() {
            Some("video") => AssetType::Video,
            Some("audio") => AssetType::Audio,
            Some("image") => AssetType::Image,
            // A playlist refers to video or audio, and a file with an unknown extension may be
            // anything.
            _ if matches!(
                self.file_type.as_str(),
                "application/mxf" | "application/vnd.apple.mpegurl" | "application/octet-stream"
            ) =>
            {
                AssetType::Video
            }
            _ => AssetType::Document,
        }
    }
}

/// The maximum file size on `route` in bytes, from the active rule pack.
pub(crate) fn max_file(route: Route, rules: &RulePack) -> Option<u64> {
    max_size(&route_target(route), rules)
}

/// A target with the rules of the route only: no rule pack has an engine named `none`.
fn route_target(route: Route) -> Target {
    Target::new(route).with_engine("none")
}

pub(crate) fn create(
    platform: &mut Platform,
    now: Timestamp,
    create: CreateAsset,
    uploads: Vec<Upload>,
    effects: &mut Vec<Effect>,
) -> Result<Asset, Refusal> {
    let user_metadata = videos::initial_metadata(
        create.user_metadata.unwrap_or_default(),
        &platform.settings.quirks,
    )?;
    let source = match create.media {
        Media::Url(url) => Source::Url(check_url(url)?),
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
                &platform.settings.rules,
            );
            let is_sync = platform.settings.quirks.get(&quirks::ASSET_STATUS) == "sync";
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
        Source::Url(url) => (AssetMethod::Url, filename_of(url)),
        Source::File(file, _) => (AssetMethod::Direct, file.filename.clone()),
    };
    let filename = create.filename.unwrap_or(name);
    let id = platform.next_id(now);
    let has_streams = platform.settings.quirks.get(&quirks::ASSET_STREAMS) == "unless-refused";
    let asset = AssetRecord {
        id: id.clone(),
        number: platform.ids.counter,
        method,
        file_type: type_of(&filename).to_owned(),
        filename,
        created_at: now,
        user_metadata,
        enable_hls: create.enable_hls.unwrap_or(has_streams),
        enable_thumbnail: create.enable_thumbnail.unwrap_or(has_streams),
        fetching: match &source {
            Source::Url(url) => Some(url.to_string()),
            Source::File(..) => None,
        },
        media: None,
        outcome: None,
        fault: platform.next_fault.take(),
    };
    platform.state.assets.insert(id.clone(), asset);
    match source {
        Source::Url(url) => effects.push(Effect::Fetch {
            task: id.clone(),
            url,
            max_bytes: max_file(Route::AssetUrl, &platform.settings.rules),
        }),
        Source::File(file, probe) => {
            if probe.is_ok() {
                effects.push(Effect::Keep(file.key.clone()));
                if let Some(asset) = platform.state.assets.get_mut(&id) {
                    asset.media = Some(file.key);
                }
            }
            record_probe(platform, now, &id, *probe, effects);
        }
    }
    find(platform, &id).map(|asset| view(asset, now))
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
            let facts = MediaFacts {
                file_size_bytes: bytes,
                file_mime_type: Some(file.kind().to_owned()),
                ..MediaFacts::default()
            };
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
            media::validate(probe, bytes, &route_target(route), rules)?;
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
fn record_probe(
    platform: &mut Platform,
    now: Timestamp,
    id: &str,
    mut probe: Result<Probed, String>,
    effects: &mut Vec<Effect>,
) {
    let wait = match platform.settings.quirks.get(&quirks::ASSET_STATUS) {
        "sync" => std::time::Duration::ZERO,
        _ => platform.settings.schedule.validating,
    };
    let mut at = after(now, wait);
    let Some(asset) = platform.state.assets.get_mut(id) else {
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
        Err(_) => effects.extend(asset.media.take().map(Effect::Discard)),
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
        renditions::start(platform, now, id, source, wanted, effects);
    }
    if at < Timestamp::MAX {
        platform.pending_ends.insert((at, id.to_owned()));
    }
}

/// Handles the result of fetching the file of an asset.
pub(crate) fn fetched(
    platform: &mut Platform,
    now: Timestamp,
    id: &str,
    outcome: Result<Fetched, String>,
) -> Vec<Effect> {
    let mut effects = Vec::new();
    // The fetcher's messages use the parameter name of tasks.
    let outcome = outcome.map_err(|reason| reason.replace("video_url", "url"));
    let rules = &platform.settings.rules;
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
        if let Some(asset) = platform.state.assets.get_mut(id) {
            effects.push(Effect::Keep(fetched.key.clone()));
            asset.media = Some(fetched.key);
        }
        probed
    });
    record_probe(platform, now, id, probe, &mut effects);
    effects
}

impl Platform {
    /// Handles the result of an [`Effect::Probe`]: the probed file of a multipart upload.
    pub fn probed(
        &mut self,
        now: Now,
        asset: &str,
        bytes: u64,
        probe: &Result<MediaFacts, ProbeError>,
        static_file: Option<&Result<StaticFile, String>>,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        let rules = &self.settings.rules;
        let probe = validate(probe, static_file, bytes, Route::Multipart, rules);
        let probe = probe.map_err(|refusal| refusal.message);
        record_probe(self, to_timestamp(now), asset, probe, &mut effects);
        effects
    }

    /// Whether an asset with this identifier exists.
    #[must_use]
    pub fn is_asset(&self, id: &str) -> bool {
        self.state.assets.get(id).is_some()
    }

    /// The stored file of an asset, with its file name from the client.
    #[must_use]
    pub fn file_of_asset(&self, asset_id: &str) -> Option<(&MediaKey, &str)> {
        let asset = self.state.assets.get(asset_id)?;
        asset
            .media
            .as_ref()
            .map(|media| (media, asset.filename.as_str()))
    }
}

fn check_url(url: Url) -> Result<Url, Refusal> {
    if matches!(url.scheme(), "http" | "https") && url.host().is_some() {
        return Ok(url);
    }
    Err(Refusal::invalid(
        "url",
        &format!("the scheme `{}` is not one of http, https", url.scheme()),
    ))
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
    platform: &mut Platform,
    delete: &DeleteAsset,
    effects: &mut Vec<Effect>,
) -> Result<(), Refusal> {
    let id = find(platform, delete.asset_id.as_str())?.id.clone();
    let references = references(platform, &id).count();
    if references > 0 && delete.force != Some(true) {
        return Err(Refusal::asset_in_use(&id, references));
    }
    renditions::remove(platform, &id, effects);
    let asset = platform.state.assets.remove(&id);
    effects.extend(asset.and_then(|asset| asset.media).map(Effect::Discard));
    Ok(())
}

pub(crate) fn find<'a>(platform: &'a Platform, id: &str) -> Result<&'a AssetRecord, Refusal> {
    ids::check("asset_id", id)?;
    platform
        .state
        .assets
        .get(id)
        .ok_or_else(|| Refusal::not_exist("assets", id))
}

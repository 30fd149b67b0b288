//! `/connections/{connection_id}/imports`: files of the provider that become assets.
//!
//! There are no files: the name of a file says what happens to it. A file of an unknown kind is a
//! video of a few seconds, which nothing can play.

use tl_model::{
    AssetMethod, AssetSource, AssetSourceDetails, AssetSourceProvider, AssetSourceType,
    AssetStatus, Import, ImportAction, ImportError, ImportItem, ImportResult, ImportSource,
    ImportStatus,
};
use tl_protocol::{
    endpoint::{CreateImport, GetImport, ListImports},
    rng::Rng,
};
use tl_validate::{MediaFacts, VideoStream};

use super::{active, key, page};
use crate::{
    api::handle::handle,
    core::{
        Env, Refusal, State,
        answers::hash,
        lifecycle::after,
        records::{AssetRecord, ImportRecord, ImportedFile, ProbeOutcome},
        time::api_timestamp,
    },
};

/// Files that are rejected: the begin of their identifier, the documented code, and the reason.
const REJECTED: [(&str, &str, &str); 4] = [
    ("missing", "source_unavailable", "The file does not exist."),
    (
        "private",
        "source_not_authorized",
        "The connection may not read the file.",
    ),
    (
        "document",
        "unsupported_media_type",
        "The file is not a video, an audio file or an image.",
    ),
    (
        "large",
        "video_filesize_too_large",
        "The video is larger than 10 GB.",
    ),
];
/// The begin of the identifier of a file whose asset fails.
const BROKEN: &str = "broken";

handle!(CreateImport, |state, env, request| {
    let connection = request.connection_id.as_str();
    create(state, env, connection, request.items)
});
handle!(ListImports, |state, env, request| {
    let connection = state.connection(request.connection_id.as_str())?;
    let imports = state.imports.values();
    let imports = imports.filter(|import| import.connection_id == connection.id);
    let items = imports.map(|import| (key(import.created_at, import.number), import));
    page(items.collect(), request.page, env, |import| {
        summary(state, import)
    })
});
handle!(GetImport, |state, env, request| {
    let connection = state.connection(request.connection_id.as_str())?;
    let id = request.import_id.as_str();
    crate::core::ids::check("import_id", id)?;
    let import = state.imports.get(id);
    let import = import.filter(|import| import.connection_id == connection.id);
    let import = import.ok_or_else(|| Refusal::not_exist("imports", id))?;
    let mut view = summary(state, import);
    // Documented: a deleted asset drops out.
    view.items = import
        .files
        .iter()
        .filter(|file| {
            let asset = file.asset_id.as_ref();
            asset.is_none_or(|asset| state.assets.get(asset).is_some())
        })
        .map(|file| item(state, env, file))
        .collect();
    Ok(view)
});

fn create(
    state: &mut State,
    env: &mut Env<'_>,
    connection: &str,
    sources: Vec<ImportSource>,
) -> Result<ImportResult, Refusal> {
    let connection = active(state, connection)?.clone();
    let files: Vec<ImportedFile> = sources
        .into_iter()
        .map(|source| import(state, env, &connection.provider, source.source_id))
        .collect();
    if let Some(connection) = state.connections.get_mut(&connection.id) {
        connection.last_used_at = Some(env.now);
    }
    let id = env.next_id(state);
    let mut result = ImportResult::new(id.as_str());
    result.has_failures = Some(files.iter().any(|file| file.error.is_some()));
    result.items = files.iter().map(|file| item(state, env, file)).collect();
    let record = ImportRecord {
        id: id.clone(),
        number: state.last_number(),
        connection_id: connection.id,
        custom_id: connection.custom_id,
        files,
        created_at: env.now,
    };
    state.imports.insert(id, record);
    Ok(result)
}

/// Imports one file. Documented: an asset of an earlier import through the account is returned, and
/// a failed one is fetched again.
fn import(
    state: &mut State,
    env: &mut Env<'_>,
    provider: &AssetSourceProvider,
    source_id: String,
) -> ImportedFile {
    let rejected = REJECTED
        .iter()
        .find(|(begin, ..)| source_id.starts_with(begin));
    if let Some((_, code, message)) = rejected {
        let mut error = ImportError::default();
        error.code = Some((*code).to_owned());
        error.message = Some((*message).to_owned());
        return ImportedFile {
            source_id,
            action: ImportAction::Rejected,
            asset_id: None,
            error: Some(error),
        };
    }
    let source = source(provider, &source_id);
    let known = state
        .assets
        .values()
        .find(|asset| asset.source.as_ref() == Some(&source))
        .map(|asset| (asset.id.clone(), asset.status(env.now)));
    let (action, asset_id) = match known {
        None => (
            ImportAction::Created,
            add_asset(state, env, &source_id, source),
        ),
        Some((id, AssetStatus::Failed)) => {
            // The file is as broken as before.
            let at = after(env.now, env.settings.schedule.validating);
            if let Some(outcome) = state
                .assets
                .get_mut(&id)
                .and_then(|asset| asset.outcome.as_mut())
            {
                outcome.at = at;
            }
            state.pending_ends.insert((at, id.clone()));
            (ImportAction::Retried, id)
        }
        Some((id, _)) => (ImportAction::Skipped, id),
    };
    ImportedFile {
        source_id,
        action,
        asset_id: Some(asset_id),
        error: None,
    }
}

fn source(provider: &AssetSourceProvider, source_id: &str) -> AssetSource {
    let mut details = AssetSourceDetails::default();
    details.provider = Some(provider.clone());
    details.source_id = Some(source_id.to_owned());
    details.original_filename = Some(format!("{source_id}.mp4"));
    details.source_link = Some(format!("https://drive.emulator.invalid/{source_id}"));
    let mut source = AssetSource::default();
    source.source_type = Some(AssetSourceType::Connector);
    source.details = Some(details);
    source
}

fn add_asset(state: &mut State, env: &mut Env<'_>, source_id: &str, source: AssetSource) -> String {
    let id = env.next_id(state);
    let at = after(env.now, env.settings.schedule.validating);
    let facts = if source_id.starts_with(BROKEN) {
        Err("the file is broken".to_owned())
    } else {
        Ok(invented(source_id))
    };
    let asset = AssetRecord {
        id: id.clone(),
        number: state.last_number(),
        method: AssetMethod::Connector,
        filename: format!("{source_id}.mp4"),
        file_type: "video/mp4".to_owned(),
        created_at: env.now,
        user_metadata: Default::default(),
        enable_hls: false,
        enable_thumbnail: false,
        fetching: None,
        media: None,
        outcome: Some(ProbeOutcome {
            at,
            facts,
            technical: None,
        }),
        fault: None,
        source: Some(source),
    };
    state.assets.insert(id.clone(), asset);
    state.pending_ends.insert((at, id.clone()));
    id
}

/// The facts of a file that does not exist: they depend on its identifier alone.
fn invented(source_id: &str) -> MediaFacts {
    let mut rng = Rng::new(hash(source_id.as_bytes()));
    let seconds = 10 + rng.bits() % 50;
    let mut video = VideoStream::default();
    "h264".clone_into(&mut video.codec);
    (video.width, video.height, video.fps) = (1280, 720, Some(25.0));
    let mut facts = MediaFacts::default();
    facts.file_size_bytes = seconds * 250_000;
    facts.file_mime_type = Some("video/mp4".to_owned());
    facts.duration_seconds = u32::try_from(seconds).ok().map(f64::from);
    facts.video_streams = vec![video];
    facts
}

fn summary(state: &State, record: &ImportRecord) -> Import {
    let mut view = Import::new(record.id.as_str());
    view.connection_id = Some(record.connection_id.as_str().into());
    let connection = state.connections.get(&record.connection_id);
    view.provider = connection.map(|connection| connection.provider.clone());
    view.custom_id.clone_from(&record.custom_id);
    view.item_count = Some(record.files.len() as u64);
    view.created_at = Some(api_timestamp(record.created_at));
    view
}

fn item(state: &State, env: &Env<'_>, file: &ImportedFile) -> ImportItem {
    let mut view = ImportItem::new(file.source_id.as_str());
    view.action = Some(file.action.clone());
    view.asset_id = file.asset_id.as_deref().map(Into::into);
    let asset = file.asset_id.as_ref().and_then(|id| state.assets.get(id));
    view.status = asset.map(|asset| match asset.status(env.now) {
        AssetStatus::Ready => ImportStatus::Ready,
        AssetStatus::Failed => ImportStatus::Failed,
        _ => ImportStatus::Processing,
    });
    view.error.clone_from(&file.error);
    view
}

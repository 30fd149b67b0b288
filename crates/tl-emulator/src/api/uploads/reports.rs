//! `POST /assets/multipart-uploads/{upload_id}`: report stored chunks. The last one completes the
//! upload and creates the asset.

use tl_model::{AssetMethod, ChunkReceipt, CompletedChunk};
use tl_protocol::endpoint::ReportChunks;

use super::sessions::{refuse_expired, reported};
use crate::{
    api::{VERSION_PREFIX, assets::create::type_of, handle::handle},
    core::{
        Env, Refusal, State,
        effect::Effect,
        quirks,
        records::{AssetRecord, UploadRecord, chunk_key},
    },
};

handle!(ReportChunks, |state, env, request| report(
    state, env, &request
));

pub(crate) fn report(
    state: &mut State,
    env: &mut Env<'_>,
    report: &ReportChunks,
) -> Result<ChunkReceipt, Refusal> {
    let upload = state.upload(report.upload_id.as_str())?.clone();
    refuse_expired(env, &upload)?;
    let quirks = &env.settings.quirks;
    if upload.is_complete && quirks.get(&quirks::REPORT_AFTER_COMPLETION) == "refuse" {
        let detail = "this upload is complete: nothing more can be reported";
        return Err(Refusal::invalid("upload_id", detail));
    }
    // Check all chunks first: an invalid one must not leave a partial report.
    for chunk in &report.report.completed_chunks {
        check_proof(state, &upload, chunk)?;
    }
    let (mut processed, mut duplicate) = (0, 0);
    for chunk in &report.report.completed_chunks {
        let key = chunk_key(&upload.id, chunk.chunk_index);
        let known = state.chunks.get(&key);
        if known.is_some_and(|known| known.reported_at.is_some()) {
            duplicate += 1;
        } else if let Some(known) = state.chunks.get_mut(&key) {
            known.reported_at = Some(env.now);
            processed += 1;
        }
    }
    let total = reported(state, &upload.id);
    if processed > 0
        && let Some(upload) = state.uploads.get_mut(&upload.id)
    {
        upload.updated_at = env.now;
    }
    let is_complete = total == upload.total_chunks;
    if is_complete && !upload.is_complete {
        complete(state, env, &upload);
    }
    let mut receipt = ChunkReceipt::default();
    receipt.asset_id = Some(upload.asset_id.as_str().into());
    receipt.processed_chunks = Some(processed);
    receipt.duplicate_chunks = Some(duplicate);
    receipt.total_completed = Some(total);
    if is_complete {
        let path = format!("{}/assets/{}", VERSION_PREFIX, upload.asset_id);
        receipt.url = Some(format!("http://{}{path}", env.host));
    }
    Ok(receipt)
}

fn check_proof(
    state: &State,
    upload: &UploadRecord,
    chunk: &CompletedChunk,
) -> Result<(), Refusal> {
    let index = chunk.chunk_index;
    if !upload.has(index) {
        let detail = format!(
            "`{index}`: this upload has the chunks 1 to {}",
            upload.total_chunks
        );
        return Err(Refusal::invalid("chunk_index", &detail));
    }
    let len = upload.len(index);
    if chunk.chunk_size != len {
        let detail = format!(
            "`{}` for chunk {index}, which has {len} bytes",
            chunk.chunk_size
        );
        return Err(Refusal::invalid("chunk_size", &detail));
    }
    let stored = state.chunks.get(&chunk_key(&upload.id, index));
    let Some(etag) = stored.and_then(|stored| stored.etag.as_deref()) else {
        let detail = format!("chunk {index} has not been uploaded");
        return Err(Refusal::invalid("chunk_index", &detail));
    };
    // The storage returns the ETag in quotation marks; clients may omit them.
    if chunk.proof.trim_matches('"') != etag {
        let given: String = chunk.proof.chars().take(60).collect();
        let detail = format!("`{given}` for chunk {index}, which is stored with another ETag");
        return Err(Refusal::invalid("proof", &detail));
    }
    Ok(())
}

/// Creates the asset. All chunks are already in one file, which only needs to be probed.
fn complete(state: &mut State, env: &mut Env<'_>, upload: &UploadRecord) {
    let Some(record) = state.uploads.get_mut(&upload.id) else {
        return;
    };
    record.is_complete = true;
    let Some(file) = record.file.take() else {
        return;
    };
    let asset = AssetRecord {
        id: upload.asset_id.clone(),
        number: state.last_number(),
        method: AssetMethod::Multipart,
        filename: upload.filename.clone(),
        file_type: type_of(&upload.filename).to_owned(),
        created_at: env.now,
        user_metadata: upload.user_metadata.clone(),
        enable_hls: upload.enable_hls,
        enable_thumbnail: upload.enable_thumbnail,
        fetching: None,
        media: Some(file.clone()),
        outcome: None,
        source: None,
        fault: env.task_fault.take(),
    };
    state.assets.insert(asset.id.clone(), asset);
    env.effects.push(Effect::Probe {
        asset: upload.asset_id.clone(),
        key: file,
        filename: upload.filename.clone(),
    });
}

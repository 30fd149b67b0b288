//! `POST /assets/multipart-uploads/{upload_id}`: report stored chunks. The last one completes the
//! upload and creates the asset.

use jiff::Timestamp;
use tl_model::{AssetMethod, ChunkReceipt, CompletedChunk};
use tl_protocol::endpoint::ReportChunks;

use crate::platform::{
    Effect, Platform, Refusal, VERSION_PREFIX,
    assets::{self, AssetRecord},
    handle::handle,
    quirks,
    uploads::{UploadRecord, chunk_key, find, refuse_expired, reported},
};

handle!(ReportChunks, |call, request| report(
    call.platform,
    call.now,
    call.host,
    &request,
    call.effects
));

pub(crate) fn report(
    platform: &mut Platform,
    now: Timestamp,
    host: &str,
    report: &ReportChunks,
    effects: &mut Vec<Effect>,
) -> Result<ChunkReceipt, Refusal> {
    let upload = find(platform, report.upload_id.as_str())?.clone();
    refuse_expired(platform, &upload, now)?;
    let quirks = &platform.settings.quirks;
    if upload.is_complete && quirks.get(&quirks::REPORT_AFTER_COMPLETION) == "refuse" {
        let detail = "this upload is complete: nothing more can be reported";
        return Err(Refusal::invalid("upload_id", detail));
    }
    // Check all chunks first: an invalid one must not leave a partial report.
    for chunk in &report.report.completed_chunks {
        check_proof(platform, &upload, chunk)?;
    }
    let (mut processed, mut duplicate) = (0, 0);
    for chunk in &report.report.completed_chunks {
        let key = chunk_key(&upload.id, chunk.chunk_index);
        let known = platform.state.chunks.get(&key);
        if known.is_some_and(|known| known.reported_at.is_some()) {
            duplicate += 1;
        } else if let Some(known) = platform.state.chunks.get_mut(&key) {
            known.reported_at = Some(now);
            processed += 1;
        }
    }
    let total = reported(platform, &upload.id);
    if processed > 0
        && let Some(upload) = platform.state.uploads.get_mut(&upload.id)
    {
        upload.updated_at = now;
    }
    let is_complete = total == upload.total_chunks;
    if is_complete && !upload.is_complete {
        complete(platform, now, &upload, effects);
    }
    let mut receipt = ChunkReceipt::default();
    receipt.asset_id = Some(upload.asset_id.as_str().into());
    receipt.processed_chunks = Some(processed);
    receipt.duplicate_chunks = Some(duplicate);
    receipt.total_completed = Some(total);
    if is_complete {
        let path = format!("{}/assets/{}", VERSION_PREFIX, upload.asset_id);
        receipt.url = Some(format!("http://{host}{path}"));
    }
    Ok(receipt)
}

fn check_proof(
    platform: &Platform,
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
    let stored = platform.state.chunks.get(&chunk_key(&upload.id, index));
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
fn complete(
    platform: &mut Platform,
    now: Timestamp,
    upload: &UploadRecord,
    effects: &mut Vec<Effect>,
) {
    let Some(record) = platform.state.uploads.get_mut(&upload.id) else {
        return;
    };
    record.is_complete = true;
    let Some(file) = record.file.take() else {
        return;
    };
    let asset = AssetRecord {
        id: upload.asset_id.clone(),
        number: platform.ids.counter,
        method: AssetMethod::Multipart,
        filename: upload.filename.clone(),
        file_type: assets::type_of(&upload.filename).to_owned(),
        created_at: now,
        user_metadata: upload.user_metadata.clone(),
        enable_hls: upload.enable_hls,
        enable_thumbnail: upload.enable_thumbnail,
        fetching: None,
        media: Some(file.clone()),
        outcome: None,
        fault: platform.next_fault.take(),
    };
    platform.state.assets.insert(asset.id.clone(), asset);
    effects.push(Effect::Probe {
        asset: upload.asset_id.clone(),
        key: file,
        filename: upload.filename.clone(),
    });
}

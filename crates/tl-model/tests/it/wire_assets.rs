//! Strategies for assets, chunked uploads and indexed assets.

use proptest::collection::btree_map;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::wire::{
    Wire, all, count, embedding, hls, list, metadata_patch, number, object, page_info, pixels,
    system_metadata, text, transcription_segment, user_metadata, word,
};

/// A 32-bit number.
fn small() -> Wire {
    pixels()
}

fn flag() -> Wire {
    any::<bool>().prop_map(Value::from).boxed()
}

fn media_status() -> Wire {
    word(&["pending", "processing", "ready", "error"])
}

pub(crate) fn asset_error() -> Wire {
    object(vec![], all(&["message"], text))
}

pub(crate) fn asset_hls() -> Wire {
    object(
        vec![],
        vec![("manifest_url", text()), ("status", media_status())],
    )
}

pub(crate) fn asset_thumbnail() -> Wire {
    object(
        vec![],
        vec![("representative_url", text()), ("status", media_status())],
    )
}

pub(crate) fn asset_source() -> Wire {
    let mut details = all(&["source_id", "original_filename", "source_link"], text);
    details.push(("provider", word(&["google_drive"])));
    object(
        vec![],
        vec![
            ("type", word(&["connector"])),
            ("details", object(vec![], details)),
        ],
    )
}

pub(crate) fn asset() -> Wire {
    let mut optional = all(&["filename", "file_type", "created_at"], text);
    optional.extend([
        ("method", word(&["direct", "url", "multipart", "connector"])),
        ("status", word(&["processing", "ready", "failed"])),
        ("user_metadata", user_metadata()),
        ("source", asset_source()),
        ("hls", asset_hls()),
        ("thumbnail", asset_thumbnail()),
        ("technical_metadata", technical_metadata()),
        ("size", count()),
        ("duration", number()),
        ("error", asset_error()),
    ]);
    object(vec![("_id", text())], optional)
}

pub(crate) fn asset_reference() -> Wire {
    let index = object(vec![("_id", text())], all(&["name"], text));
    object(vec![("_id", text())], vec![("index", index)])
}

pub(crate) fn asset_transcription() -> Wire {
    let utterance = object(
        vec![],
        vec![
            ("start", number()),
            ("end", number()),
            ("value", text()),
            ("speaker", text()),
        ],
    );
    object(
        vec![],
        vec![
            (
                "status",
                word(&["pending", "processing", "ready", "failed"]),
            ),
            ("words", list(transcription_segment())),
            ("sentences", list(transcription_segment())),
            ("utterances", list(utterance)),
            ("error", asset_error()),
        ],
    )
}

pub(crate) fn technical_metadata() -> Wire {
    // Split in two, because the tuple types of the strategy are already large.
    let mut media = all(
        &[
            "file_mime_type",
            "file_container_format",
            "container_creation_time",
            "video_codec",
            "audio_codec",
            "start_timecode",
            "timecode_source",
        ],
        text,
    );
    media.extend(all(&["file_size_bytes", "video_bitrate_bps"], count));
    media.extend(all(
        &[
            "video_width",
            "video_height",
            "audio_sample_rate",
            "audio_channels",
            "total_video_streams",
            "total_audio_streams",
        ],
        small,
    ));
    media.extend(all(
        &[
            "video_fps",
            "video_duration_seconds",
            "audio_duration_seconds",
            "storage_aspect_ratio",
            "geospatial_latitude",
            "geospatial_longitude",
            "geospatial_altitude_meters",
        ],
        number,
    ));
    media.extend(all(&["drop_frame", "is_hdr", "has_audio"], flag));
    media.push(("video_streams", list(video_stream())));
    media.push(("audio_streams", list(audio_stream())));
    let mut still = all(
        &[
            "file_mime_type",
            "image_format",
            "image_color_space",
            "document_pdf_version",
            "document_language",
            "document_title",
            "document_author",
            "document_subject",
            "document_keywords",
            "document_creator_tool",
            "document_producer",
            "document_creation_date",
            "document_modification_date",
        ],
        text,
    );
    still.extend(all(
        &[
            "image_width",
            "image_height",
            "image_orientation",
            "image_bit_depth",
            "document_page_count",
        ],
        small,
    ));
    still.extend(all(
        &["document_page_width_pt", "document_page_height_pt"],
        number,
    ));
    still.extend(all(
        &[
            "has_alpha",
            "is_animated",
            "document_is_tagged",
            "document_is_encrypted",
        ],
        flag,
    ));
    prop_oneof![object(vec![], media), object(vec![], still)].boxed()
}

pub(crate) fn video_stream() -> Wire {
    let mut members = all(
        &[
            "codec",
            "pixel_aspect_ratio",
            "display_aspect_ratio",
            "scan_type",
            "pixel_format",
            "color_range",
            "color_transfer",
            "color_space",
            "color_primaries",
        ],
        text,
    );
    members.extend(all(&["index", "width", "height", "bit_depth"], small));
    members.extend(all(
        &["fps", "avg_fps", "duration_seconds", "rotation"],
        number,
    ));
    members.push(("bitrate_bps", count()));
    object(vec![], members)
}

pub(crate) fn audio_stream() -> Wire {
    let mut members = all(&["codec", "codec_long", "channel_layout", "language"], text);
    members.extend(all(
        &["index", "sample_rate", "bit_depth", "channels"],
        small,
    ));
    members.extend([("bitrate_bps", count()), ("duration_seconds", number())]);
    object(vec![], members)
}

pub(crate) fn new_upload() -> Wire {
    object(
        vec![
            ("filename", text()),
            ("type", word(&["video", "audio", "image"])),
            ("total_size", count()),
        ],
        vec![
            ("enable_hls", flag()),
            ("enable_thumbnail", flag()),
            ("user_metadata", user_metadata()),
        ],
    )
}

fn headers() -> Wire {
    btree_map("[A-Za-z-]{1,12}", text(), 0..3)
        .prop_map(|headers| json!(headers))
        .boxed()
}

pub(crate) fn upload_session() -> Wire {
    object(
        vec![
            ("upload_id", text()),
            ("chunk_size", count()),
            ("total_chunks", small()),
        ],
        vec![
            ("asset_id", text()),
            ("upload_urls", list(upload_url())),
            ("upload_headers", headers()),
            ("expires_at", text()),
        ],
    )
}

pub(crate) fn upload_url() -> Wire {
    object(
        vec![("chunk_index", small()), ("url", text())],
        all(&["expires_at"], text),
    )
}

pub(crate) fn chunk_report() -> Wire {
    let chunk = object(
        vec![
            ("chunk_index", small()),
            ("proof", text()),
            ("proof_type", word(&["etag"])),
            ("chunk_size", count()),
        ],
        vec![],
    );
    object(vec![("completed_chunks", list(chunk))], vec![])
}

pub(crate) fn chunk_receipt() -> Wire {
    let mut members = all(&["url", "asset_id"], text);
    members.extend(all(
        &["processed_chunks", "duplicate_chunks", "total_completed"],
        small,
    ));
    object(vec![], members)
}

pub(crate) fn url_request() -> Wire {
    object(vec![("start", small()), ("count", small())], vec![])
}

pub(crate) fn upload_urls() -> Wire {
    let mut members = all(&["upload_id", "generated_at", "expires_at"], text);
    members.extend(all(&["start_index", "count"], small));
    members.push(("upload_urls", list(upload_url())));
    object(vec![], members)
}

fn upload_status() -> Wire {
    word(&["active", "completed", "failed", "expired"])
}

pub(crate) fn upload_state() -> Wire {
    let mut chunk = all(&["uploaded_at", "updated_at", "error"], text);
    chunk.push(("status", word(&["completed", "pending", "failed"])));
    let chunk = object(vec![("index", small())], chunk);
    let mut members = all(&["created_at", "updated_at"], text);
    members.extend(all(
        &[
            "chunks_completed",
            "chunks_failed",
            "chunks_pending",
            "total_chunks",
        ],
        small,
    ));
    members.extend(all(&["total_size", "uploaded_size"], count));
    members.extend([
        ("status", upload_status()),
        ("uploaded_chunks", list(chunk)),
        ("page_info", page_info()),
    ]);
    object(vec![("upload_id", text())], members)
}

pub(crate) fn incomplete_upload() -> Wire {
    object(
        vec![("upload_id", text())],
        vec![
            ("status", upload_status()),
            ("total_size", count()),
            ("chunk_size", count()),
            ("total_chunks", small()),
            ("created_at", text()),
            ("expires_at", text()),
        ],
    )
}

pub(crate) fn indexed_asset() -> Wire {
    let mut members = all(
        &["asset_id", "created_at", "updated_at", "indexed_at"],
        text,
    );
    members.extend([
        (
            "status",
            word(&[
                "validating",
                "pending",
                "queued",
                "indexing",
                "ready",
                "failed",
            ]),
        ),
        ("system_metadata", system_metadata()),
        ("user_metadata", user_metadata()),
        ("hls", hls()),
        ("embedding", embedding()),
        ("transcription", list(transcription_segment())),
    ]);
    object(vec![("_id", text())], members)
}

pub(crate) fn created_indexed_asset() -> Wire {
    object(vec![("_id", text())], all(&["asset_id"], text))
}

pub(crate) fn new_indexed_asset() -> Wire {
    object(
        vec![("asset_id", text())],
        vec![
            ("enable_video_stream", flag()),
            ("user_metadata", user_metadata()),
        ],
    )
}

pub(crate) fn indexed_asset_update() -> Wire {
    object(vec![("user_metadata", metadata_patch())], vec![])
}

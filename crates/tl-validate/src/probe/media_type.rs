//! Media types of containers that share one demuxer and differ in their first bytes.

/// The media type of an ISO base media file with this major brand.
pub(crate) fn of_mov(brand: &str, has_video: bool) -> String {
    match brand.trim() {
        "qt" | "" => "video/quicktime".to_owned(),
        b if b.starts_with("3g2") => either(has_video, "3gpp2"),
        b if b.starts_with("3g") => either(has_video, "3gpp"),
        _ => either(has_video, "mp4"),
    }
}

/// The media type of a Matroska file.
pub(crate) fn of_matroska(webm: bool, has_video: bool) -> String {
    either(has_video, if webm { "webm" } else { "x-matroska" })
}

fn either(has_video: bool, name: &str) -> String {
    let kind = if has_video { "video" } else { "audio" };
    format!("{kind}/{name}")
}

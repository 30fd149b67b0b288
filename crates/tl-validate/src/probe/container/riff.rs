//! The top-level chunks of AVI and WAV.

use super::bytes::Bytes;
use super::layout::Layout;

/// Maximum number of chunks to read within the top-level one. Real files have fewer than ten.
const MAX_CHUNKS: u32 = 1000;

pub(super) fn outline(file: &mut Bytes<'_>) -> Option<Layout> {
    let head: [u8; 8] = file.array(0)?;
    let (kind, size) = head.split_at(4);
    (kind == b"RIFF").then_some(())?;
    let size = u32::from_le_bytes(size.try_into().ok()?);
    // Muxers that could not seek back leave 0 or all ones.
    if size == 0 || size == u32::MAX {
        return None;
    }
    let truncated = file.reaches_beyond("the RIFF chunk", u64::from(size) + 8);
    let holds_samples = truncated.is_some() && content_ends_within(file) == Some(true);
    Some(Layout {
        truncated,
        holds_samples,
        ..Layout::default()
    })
}

/// Whether the chunks with the content are complete: `data` in WAV; `movi` in AVI, with the index
/// after it.
fn content_ends_within(file: &mut Bytes<'_>) -> Option<bool> {
    let form: [u8; 4] = file.array(8)?;
    let mut position = 12u64;
    for _ in 0..MAX_CHUNKS {
        let kind: [u8; 4] = file.array(position)?;
        let size = u64::from(u32::from_le_bytes(file.array(position + 4)?));
        let end = position + 8 + size;
        if end > file.size {
            return Some(false);
        }
        let is_last = match &form {
            b"WAVE" => &kind == b"data",
            _ => &kind == b"idx1",
        };
        if is_last {
            return Some(true);
        }
        // Chunks are aligned to even offsets.
        position = end + end % 2;
    }
    None
}

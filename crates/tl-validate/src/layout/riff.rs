//! The outermost chunk of AVI and WAV.

use super::{Bytes, Layout};

pub(super) fn outline(file: &mut Bytes<'_>) -> Option<Layout> {
    let head: [u8; 8] = file.array(0)?;
    let (kind, size) = head.split_at(4);
    (kind == b"RIFF").then_some(())?;
    let size = u32::from_le_bytes(size.try_into().ok()?);
    // Writers that could not seek back leave 0 or all ones.
    if size == 0 || size == u32::MAX {
        return None;
    }
    Some(Layout {
        truncated: file.reaches_beyond("the RIFF chunk", u64::from(size) + 8),
        ..Layout::default()
    })
}

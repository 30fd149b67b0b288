//! The last tag of FLV. Every tag is followed by its size.

use super::bytes::Bytes;
use super::layout::Layout;
use crate::facts::Truncation;

pub(super) fn outline(file: &mut Bytes<'_>) -> Option<Layout> {
    let at = file.size.checked_sub(4)?;
    let length = u64::from(file.u32_be(at)?);
    // Some muxers write a zero after the last tag.
    if length == 0 {
        return None;
    }
    let whole = at.checked_sub(length).and_then(|start| {
        let [kind, a, b, c] = file.array(start)?;
        let data = u64::from(u32::from_be_bytes([0, a, b, c]));
        Some(matches!(kind & 0x1f, 8 | 9 | 18) && data + 11 == length)
    });
    Some(Layout {
        truncated: (whole != Some(true)).then(|| Truncation {
            expected_bytes: None,
            detail: format!("the file ends at byte {} in the middle of a tag", file.size),
        }),
        ..Layout::default()
    })
}

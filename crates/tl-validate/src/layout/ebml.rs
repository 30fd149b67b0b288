//! The outermost elements of Matroska and WebM: the header and the segment.

use super::{Bytes, Layout};

const SEGMENT: u64 = 0x1853_8067;

pub(super) fn outline(file: &mut Bytes<'_>) -> Option<Layout> {
    let mut position = 0;
    // The header, perhaps a void element, then the segment.
    for _ in 0..8 {
        let (id, length) = number(file, position, false)?;
        let (size, size_length) = number(file, position + length, true)?;
        let body = position + length + size_length;
        if id == SEGMENT {
            // All ones means "until the end", as live writers leave it.
            let unknown = size == (1u64 << (7 * size_length)) - 1;
            let end = body.checked_add(size)?;
            return Some(Layout {
                truncated: if unknown {
                    None
                } else {
                    file.reaches_beyond("the segment", end)
                },
                ..Layout::default()
            });
        }
        position = body.checked_add(size)?;
    }
    None
}

/// A number of variable length, and how many bytes it takes. The marker bit stays in ids and goes from sizes.
fn number(file: &mut Bytes<'_>, position: u64, strip: bool) -> Option<(u64, u64)> {
    let first = file.array::<1>(position)?[0];
    let length = u64::from(first.leading_zeros()) + 1;
    (length <= 8).then_some(())?;
    let mut value = u64::from(first);
    if strip {
        value &= (1 << (8 - length)) - 1;
    }
    for i in 1..length {
        value = value << 8 | u64::from(file.array::<1>(position.checked_add(i)?)?[0]);
    }
    Some((value, length))
}

//! The header objects of ASF (WMV, WMA): whether the content is protected.

use super::bytes::Bytes;
use super::layout::Layout;

/// Maximum number of header objects to read. Real files have about ten.
const MAX_OBJECTS: u32 = 1000;

/// Size of the header object before its children: its GUID, size, count and two reserved bytes (ASF
/// specification 3.1).
const HEADER_BYTES: u64 = 30;

/// The GUIDs of the content encryption objects (ASF specification 3.14, 3.15 and 7), in stored byte
/// order.
const ENCRYPTION: [[u8; 16]; 3] = [
    [
        0xfb, 0xb3, 0x11, 0x22, 0x23, 0xbd, 0xd2, 0x11, 0xb4, 0xb7, 0x00, 0xa0, 0xc9, 0x55, 0xfc,
        0x6e,
    ],
    [
        0x14, 0xe6, 0x8a, 0x29, 0x22, 0x26, 0x17, 0x4c, 0xb9, 0x35, 0xda, 0xe0, 0x7e, 0xe9, 0x28,
        0x9c,
    ],
    [
        0x33, 0x85, 0x05, 0x43, 0x81, 0x69, 0xe6, 0x49, 0x9b, 0x74, 0xad, 0x12, 0xcb, 0x86, 0xd5,
        0x8c,
    ],
];

pub(super) fn outline(file: &mut Bytes<'_>) -> Option<Layout> {
    let end = u64::from_le_bytes(file.array(16)?);
    let mut layout = Layout::default();
    let mut position = HEADER_BYTES;
    for _ in 0..MAX_OBJECTS {
        if position >= end {
            break;
        }
        let guid: [u8; 16] = file.array(position)?;
        let size = u64::from_le_bytes(file.array(position.checked_add(16)?)?);
        if ENCRYPTION.contains(&guid) {
            layout.encryption = Some("ASF content encryption".to_owned());
            break;
        }
        // An object has at least its GUID and size.
        position = position.checked_add(size.max(24))?;
    }
    Some(layout)
}

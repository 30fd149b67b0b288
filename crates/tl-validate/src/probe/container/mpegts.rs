//! The packets of an MPEG transport stream: whether they are scrambled (ISO/IEC 13818-1, 2.4.3.2).

use super::bytes::Bytes;
use super::layout::Layout;

/// Number of packets to check from the start: about 75 kB, which the probe reads anyway.
const MAX_PACKETS: u64 = 400;

/// The packet sizes in use, and the offset of the sync byte in each: plain, and with the time code
/// of M2TS.
const PACKETS: [(u64, u64); 2] = [(188, 0), (192, 4)];

/// Packet identifiers below this are for tables, which are never scrambled; the last identifier is
/// for null packets.
const FIRST_CONTENT_PID: u16 = 0x20;
const STUFFING_PID: u16 = 0x1fff;

pub(super) fn outline(file: &mut Bytes<'_>) -> Option<Layout> {
    let (length, sync) = PACKETS.into_iter().find(|(length, sync)| {
        (0..3).all(|number| file.array::<1>(sync + number * length) == Some([0x47]))
    })?;
    let (mut scrambled, mut content) = (0u32, 0u32);
    for number in 0..MAX_PACKETS {
        let Some([0x47, high, low, flags]) = file.array(sync + number * length) else {
            break;
        };
        let pid = u16::from_be_bytes([high & 0x1f, low]);
        let has_payload = flags & 0x10 != 0;
        if has_payload && (FIRST_CONTENT_PID..STUFFING_PID).contains(&pid) {
            content += 1;
            scrambled += u32::from(flags & 0xc0 != 0);
        }
    }
    Some(Layout {
        encryption: (scrambled > content / 2).then(|| "scrambled transport stream".to_owned()),
        ..Layout::default()
    })
}

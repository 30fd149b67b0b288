//! The segment index of fragmented mp4: position and duration of each fragment, without reading the
//! fragments.

use super::bytes::Bytes;

/// The duration covered by a segment index in seconds, if it reaches the end of the file. `body`
/// and `end` delimit the box; the listed fragments start after it.
pub(super) fn seconds(file: &mut Bytes<'_>, body: u64, end: u64) -> Option<f64> {
    let version = file.array::<1>(body)?[0];
    let timescale = file.u32_be(body.checked_add(8)?)?;
    let (first_offset, counts) = if version == 0 {
        (u64::from(file.u32_be(body.checked_add(16)?)?), body + 20)
    } else {
        (
            u64::from_be_bytes(file.array(body.checked_add(20)?)?),
            body + 28,
        )
    };
    let [_, _, high, low] = file.array(counts)?;
    let count = u16::from_be_bytes([high, low]);
    let mut position = end.checked_add(first_offset)?;
    let mut ticks = 0u64;
    for number in 0..u64::from(count) {
        let entry: [u8; 8] = file.array(counts + 4 + 12 * number)?;
        let (size, duration) = entry.split_at(4);
        let size = u32::from_be_bytes(size.try_into().ok()?);
        // The top bit marks the entry as another index, which is not followed.
        (size >> 31 == 0).then_some(())?;
        position = position.checked_add(u64::from(size))?;
        ticks = ticks.checked_add(u64::from(u32::from_be_bytes(duration.try_into().ok()?)))?;
    }
    // Nothing follows the last fragment, except perhaps the box for random access.
    let complete = position == file.size
        || file
            .array::<8>(position)
            .is_some_and(|head| &head[4..] == b"mfra");
    // Exact below 2^53 ticks.
    (complete && count > 0 && timescale > 0).then(|| ticks as f64 / f64::from(timescale))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(version: u8, sizes: &[u32], behind: &[u8]) -> Vec<u8> {
        let mut body = vec![version, 0, 0, 0];
        body.extend([0, 0, 0, 1]);
        body.extend(1000u32.to_be_bytes());
        body.extend(vec![0; if version == 0 { 8 } else { 16 }]);
        body.extend([0, 0]);
        body.extend(u16::try_from(sizes.len()).expect("small").to_be_bytes());
        for size in sizes {
            body.extend(size.to_be_bytes());
            body.extend(2000u32.to_be_bytes());
            body.extend([0; 4]);
        }
        let total: u32 = sizes.iter().map(|s| s & 0x7fff_ffff).sum();
        body.extend(vec![0; usize::try_from(total).expect("small")]);
        body.extend(behind);
        body
    }

    fn read(version: u8, sizes: &[u32], bytes: &[u8]) -> Option<f64> {
        let end = 24 + if version == 0 { 0 } else { 8 } + 12 * sizes.len() as u64;
        let mut reader = |offset: u64, into: &mut [u8]| {
            let from = usize::try_from(offset)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let read = into.len().min(bytes.len() - from);
            into[..read].copy_from_slice(&bytes[from..from + read]);
            Ok(read)
        };
        let mut file = Bytes::new(&mut reader, bytes.len() as u64);
        seconds(&mut file, 0, end)
    }

    #[test]
    fn only_complete_segment_index_gives_a_duration() {
        for version in [0, 1] {
            let sizes = [50, 70, 30];
            let whole = index(version, &sizes, b"");
            assert_eq!(read(version, &sizes, &whole), Some(6.0), "{version}");
            assert_eq!(
                read(
                    version,
                    &sizes,
                    &index(version, &sizes, b"\0\0\0\x10mfra12345678")
                ),
                Some(6.0)
            );
            let cut = &whole[..whole.len() - 1];
            assert_eq!(read(version, &sizes, cut), None, "cut off");
            assert_eq!(
                read(
                    version,
                    &sizes,
                    &index(version, &sizes, b"\0\0\0\x10moof12345678")
                ),
                None,
                "much is not listed"
            );
            let nested = [50, 0x8000_0000 | 70];
            assert_eq!(read(version, &nested, &index(version, &nested, b"")), None);
            assert_eq!(read(version, &[], &index(version, &[], b"")), None);
        }
    }
}

//! Faulty files that no encoder writes: valid files with changed bytes, and files that are
//! expensive for demuxers.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use crate::Failure;

/// `bytes` with the `number`-th occurrence of `old`, counted from 0, replaced by `new`.
///
/// # Panics
/// There are fewer occurrences, or the lengths differ: the test is wrong.
#[must_use]
pub fn replaced(mut bytes: Vec<u8>, old: &[u8], new: &[u8], number: usize) -> Vec<u8> {
    assert_eq!(old.len(), new.len(), "a replacement moves nothing");
    let at = bytes
        .windows(old.len())
        .enumerate()
        .filter(|(_, window)| *window == old)
        .map(|(at, _)| at)
        .nth(number)
        .expect("what is to be replaced is there");
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

/// An Ogg file whose audio pages have granule positions increased by `by`. Slightly less than 2^32
/// simulates a negative granule position written in 32 bits. With `last_only`, only the last page
/// changes.
///
/// # Panics
/// `ogg` is not an Ogg file.
#[must_use]
pub fn shifted_granules(mut ogg: Vec<u8>, by: u64, last_only: bool) -> Vec<u8> {
    let mut pages = Vec::new();
    let mut at = 0;
    while at < ogg.len() {
        assert_eq!(&ogg[at..at + 4], b"OggS", "a page begins at byte {at}");
        let segments = usize::from(ogg[at + 26]);
        let content: usize = ogg[at + 27..at + 27 + segments]
            .iter()
            .map(|length| usize::from(*length))
            .sum();
        let end = at + 27 + segments + content;
        pages.push(at..end);
        at = end;
    }
    let last = pages.len().saturating_sub(1);
    for (number, page) in pages.into_iter().enumerate() {
        let place = page.start + 6..page.start + 14;
        let old = ogg[place.clone()].try_into().expect("eight bytes");
        let granule = u64::from_le_bytes(old);
        // Header pages have the granule position zero.
        if granule == 0 || (last_only && number != last) {
            continue;
        }
        ogg[place].copy_from_slice(&granule.wrapping_add(by).to_le_bytes());
        let checksum = page.start + 22..page.start + 26;
        ogg[checksum.clone()].fill(0);
        let sum = ogg_checksum(&ogg[page]);
        ogg[checksum].copy_from_slice(&sum.to_le_bytes());
    }
    ogg
}

/// The checksum of a page (RFC 3533, section 6).
fn ogg_checksum(page: &[u8]) -> u32 {
    crc(page, 0)
}

/// CRC-32 with the polynomial 0x04c11db7, most significant bit first.
fn crc(bytes: &[u8], start: u32) -> u32 {
    bytes.iter().fold(start, |mut crc, byte| {
        crc ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            crc = if crc & 0x8000_0000 == 0 {
                crc << 1
            } else {
                crc << 1 ^ 0x04c1_1db7
            };
        }
        crc
    })
}

/// A Matroska file with this many tags, each with a different name, before its first cluster.
///
/// # Panics
/// `mkv` is not as written by FFmpeg's muxer: with an eight-byte segment size.
#[must_use]
pub fn tagged_matroska(mkv: &[u8], tags: u32) -> Vec<u8> {
    let find = |id: &[u8]| {
        mkv.windows(id.len())
            .position(|window| window == id)
            .expect("the element is there")
    };
    let (segment, cluster) = (
        find(&[0x18, 0x53, 0x80, 0x67]),
        find(&[0x1f, 0x43, 0xb6, 0x75]),
    );
    let body = segment + 12;
    let mut content = Vec::new();
    for number in 0..tags {
        let mut name = [b'a'; 4];
        let mut rest = number;
        for letter in &mut name {
            *letter = b'0' + u8::try_from(rest % 64).expect("below 64");
            rest /= 64;
        }
        // SimpleTag with TagName and TagString.
        content.extend([0x67, 0xc8, 0x8b, 0x45, 0xa3, 0x84]);
        content.extend(name);
        content.extend([0x44, 0x87, 0x81, b'b']);
    }
    let tag = sized(&[0x73, 0x73], &content);
    let all = sized(&[0x12, 0x54, 0xc3, 0x67], &tag);
    let inside = [&mkv[body..cluster], &all, &mkv[cluster..]].concat();
    [&mkv[..segment], &sized(&[0x18, 0x53, 0x80, 0x67], &inside)].concat()
}

/// An element with an eight-byte size.
fn sized(id: &[u8], content: &[u8]) -> Vec<u8> {
    let size = content.len() as u64 | 1 << 56;
    [id, &size.to_be_bytes(), content].concat()
}

/// Packets of a transport stream that list this many programs.
///
/// # Panics
/// Never: the lengths are constants.
#[must_use]
pub fn programs(count: u32) -> Vec<u8> {
    const IN_ONE_PACKET: u32 = 40;
    let mut stream = Vec::new();
    for packet in 0..count.div_ceil(IN_ONE_PACKET) {
        let mut section = vec![0x00, 0xb0, 0x00, 0x00, 0x01, 0xc1, 0x00, 0x00];
        for number in packet * IN_ONE_PACKET..(packet + 1) * IN_ONE_PACKET {
            let program = u16::try_from(number % 0xffff + 1).expect("below 2^16");
            let pid = u16::try_from(0x20 + number % 0x1fd0).expect("below 2^13");
            section.extend(program.to_be_bytes());
            section.extend((0xe000 | pid).to_be_bytes());
        }
        section[2] = u8::try_from(section.len() + 4 - 3).expect("it fits one packet");
        section.extend(crc(&section, u32::MAX).to_be_bytes());
        let counter = u8::try_from(packet % 16).expect("below 16");
        let mut bytes = vec![0x47, 0x40, 0x00, 0x10 | counter, 0x00];
        bytes.extend(section);
        bytes.resize(188, 0xff);
        stream.extend(bytes);
    }
    stream
}

/// A copy of the file `of`, extended to `size` bytes with a hole that takes no disk space.
///
/// # Errors
/// The directory is not writable, or its file system does not support holes.
pub fn sparse(of: &Path, name: &str, size: u64) -> Result<PathBuf, Failure> {
    let path = of.with_file_name(name);
    let make = || {
        fs::copy(of, &path)?;
        OpenOptions::new().write(true).open(&path)?.set_len(size)
    };
    make().map_err(|error| Failure::at(&path, error))?;
    Ok(path)
}

//! Walks the boxes of ISO base media files (mp4, mov, 3gp), in a file or in memory.
//!
//! A [`Walker`] reads only the headers of boxes, and at most [`MAX_BOXES`] of them. It does not
//! descend by itself: the caller decides which boxes to enter, so that no file determines how deep
//! a call goes.

use super::bytes::Bytes;

/// Maximum number of boxes to read. A file of a few hours in one-second fragments has about 30,000.
const MAX_BOXES: u32 = 50_000;

/// Something that can be read at any offset.
pub(crate) trait ReadArray {
    /// Exactly `N` bytes, or `None` if there are fewer.
    fn array<const N: usize>(&mut self, offset: u64) -> Option<[u8; N]>;
}

impl ReadArray for &[u8] {
    fn array<const N: usize>(&mut self, offset: u64) -> Option<[u8; N]> {
        let from = usize::try_from(offset).ok()?;
        self.get(from..from.checked_add(N)?)?.try_into().ok()
    }
}

impl ReadArray for &mut Bytes<'_> {
    fn array<const N: usize>(&mut self, offset: u64) -> Option<[u8; N]> {
        Bytes::array(self, offset)
    }
}

/// One box. Offsets are those of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mp4Box {
    /// The four-character code.
    pub(crate) kind: [u8; 4],
    /// Start of the content.
    pub(crate) body: u64,
    /// End of the content. At the top level, it may be after the end of a truncated file.
    pub(crate) end: u64,
}

/// A list of boxes, and the position in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Boxes {
    position: u64,
    end: u64,
    is_top_level: bool,
}

impl Boxes {
    /// The boxes of a file of this size.
    pub(crate) fn of_file(size: u64) -> Self {
        Self {
            position: 0,
            end: size,
            is_top_level: true,
        }
    }

    /// The boxes in the content of `parent`.
    pub(crate) fn within(parent: &Mp4Box) -> Self {
        Self::after(parent, 0)
    }

    /// The boxes in the content of `parent`, after this many bytes of fields.
    pub(crate) fn after(parent: &Mp4Box, fields: u64) -> Self {
        Self {
            position: parent.body.saturating_add(fields),
            end: parent.end,
            is_top_level: false,
        }
    }

    /// The boxes in `size` bytes of memory.
    #[cfg(feature = "header")]
    fn of_memory(size: usize) -> Self {
        Self {
            is_top_level: false,
            ..Self::of_file(size as u64)
        }
    }
}

/// Reads boxes from one source, up to a maximum number over all lists.
pub(crate) struct Walker<R> {
    pub(crate) source: R,
    left: u32,
}

impl<R: ReadArray> Walker<R> {
    pub(crate) fn new(source: R) -> Self {
        Self {
            source,
            left: MAX_BOXES,
        }
    }

    /// The next box of a list. `None` at its end, at an invalid box, and after [`MAX_BOXES`].
    ///
    /// A box of size 0 extends to the end of the list (ISO/IEC 14496-12, 4.2). A box that claims to
    /// end after its parent ends with it, as in FFmpeg.
    pub(crate) fn next(&mut self, list: &mut Boxes) -> Option<Mp4Box> {
        let start = list.position;
        let room = list.end.checked_sub(start).filter(|room| *room >= 8)?;
        self.left = self.left.checked_sub(1)?;
        let [a, b, c, d, kind @ ..] = self.source.array::<8>(start)?;
        let (size, header) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (room, 8),
            1 => (
                u64::from_be_bytes(self.source.array(start.checked_add(8)?)?),
                16,
            ),
            size => (u64::from(size), 8),
        };
        let size = if list.is_top_level {
            size
        } else {
            size.min(room)
        };
        let found = Mp4Box {
            kind,
            body: start.checked_add(header)?,
            end: start.checked_add(size)?,
        };
        (found.body <= found.end).then_some(())?;
        list.position = found.end;
        Some(found)
    }

    /// The next box of a list that has this type.
    pub(crate) fn next_of(&mut self, list: &mut Boxes, kind: &[u8; 4]) -> Option<Mp4Box> {
        loop {
            let found = self.next(list)?;
            if found.kind == *kind {
                return Some(found);
            }
        }
    }

    /// Exactly `N` bytes at an offset within the content of a box.
    pub(crate) fn field<const N: usize>(&mut self, of: &Mp4Box, offset: u64) -> Option<[u8; N]> {
        let at = of.body.checked_add(offset)?;
        (at.checked_add(N as u64)? <= of.end).then_some(())?;
        self.source.array(at)
    }
}

/// The boxes in memory, as type and content.
#[cfg(feature = "header")]
pub(crate) fn in_memory(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut walker = Walker::new(bytes);
    let mut list = Boxes::of_memory(bytes.len());
    std::iter::from_fn(move || {
        let found = walker.next(&mut list)?;
        let (from, to) = (usize::try_from(found.body), usize::try_from(found.end));
        Some((found.kind, bytes.get(from.ok()?..to.ok()?)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<R: ReadArray>(walker: &mut Walker<R>, mut list: Boxes) -> Vec<Mp4Box> {
        std::iter::from_fn(|| walker.next(&mut list)).collect()
    }

    fn expected(kind: &[u8; 4], body: u64, end: u64) -> Mp4Box {
        Mp4Box {
            kind: *kind,
            body,
            end,
        }
    }

    #[test]
    fn sizes_of_all_forms_are_read() {
        let bytes = [
            &b"\0\0\0\x0afreexx"[..],
            b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x12xx",
            b"\0\0\0\0moovxxx",
        ]
        .concat();
        let size = bytes.len() as u64;
        let boxes = [
            expected(b"free", 8, 10),
            expected(b"mdat", 26, 28),
            expected(b"moov", 36, size),
        ];
        let mut walker = Walker::new(&bytes[..]);
        assert_eq!(all(&mut walker, Boxes::of_file(size)), boxes);
        let parent = expected(b"root", 0, size);
        assert_eq!(all(&mut walker, Boxes::within(&parent)), boxes);
        assert_eq!(all(&mut walker, Boxes::after(&parent, 10)), boxes[1..]);
    }

    #[test]
    fn boxes_end_with_their_parent_but_not_with_the_file() {
        let bytes = b"\0\0\0\x10trak\0\0\0\xfftkhd";
        let mut walker = Walker::new(&bytes[..]);
        let top = all(&mut walker, Boxes::of_file(12));
        assert_eq!(top, [expected(b"trak", 8, 16)]);
        let children = all(&mut walker, Boxes::within(&top[0]));
        assert_eq!(children, [expected(b"tkhd", 16, 16)]);
        // The header itself must fit.
        let short = expected(b"trak", 8, 15);
        assert!(all(&mut walker, Boxes::within(&short)).is_empty());
    }

    #[test]
    fn invalid_sizes_end_the_list() {
        for bytes in [
            &b"\0\0\0\x07free"[..],
            b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x0f",
            b"\0\0\0\x01mdat\xff\xff\xff",
            b"\0\0\0",
        ] {
            let list = Boxes::of_file(bytes.len() as u64);
            assert!(all(&mut Walker::new(bytes), list).is_empty(), "{bytes:?}");
        }
        // The offset of the next box does not overflow.
        let bytes = b"\0\0\0\x08free\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff";
        let list = Boxes::of_file(bytes.len() as u64);
        assert_eq!(all(&mut Walker::new(&bytes[..]), list).len(), 1);
    }

    #[test]
    fn number_of_boxes_is_limited_over_all_lists() {
        let bytes = b"\0\0\0\x08free".repeat(30_000);
        let mut walker = Walker::new(&bytes[..]);
        let list = Boxes::of_file(bytes.len() as u64);
        assert_eq!(all(&mut walker, list).len(), 30_000);
        assert_eq!(all(&mut walker, list).len(), 20_000);
        assert!(all(&mut walker, list).is_empty());
    }

    #[test]
    fn fields_are_read_within_their_box_only() {
        let bytes = b"\0\0\0\x0chdlrvidesoun";
        let mut walker = Walker::new(&bytes[..]);
        let found = expected(b"hdlr", 8, 12);
        assert_eq!(walker.field(&found, 0), Some(*b"vide"));
        assert_eq!(walker.field::<4>(&found, 1), None);
        assert_eq!(walker.field::<1>(&found, u64::MAX), None);
    }

    proptest::proptest! {
        #[test]
        fn lists_advance_and_stay_within_their_parent(
            bytes in proptest::collection::vec(0u8..12, 0..200),
            end in 0u64..250,
        ) {
            let parent = expected(b"root", 0, end);
            let mut last = 0;
            for found in all(&mut Walker::new(&bytes[..]), Boxes::within(&parent)) {
                assert!(found.body >= last + 8 && found.body <= found.end && found.end <= end);
                last = found.end;
            }
        }
    }
}

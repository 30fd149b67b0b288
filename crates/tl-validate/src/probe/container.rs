//! Reads the structure of a container: where it says that the file ends, and whether it is
//! fragmented, encrypted or has an edit list. Reads a few dozen bytes directly, because FFmpeg does
//! not expose these values. The prober analyzes the streams.

mod asf;
pub(crate) mod boxes;
mod bytes;
mod ebml;
#[cfg(feature = "ffmpeg")]
mod file_kind;
mod flv;
mod layout;
mod mov;
mod mpegts;
mod riff;
mod sidx;

use self::bytes::Bytes;
pub(crate) use self::bytes::ReadAt;
#[cfg(feature = "ffmpeg")]
pub(crate) use self::file_kind::FileKind;
use self::layout::Layout;
#[cfg(feature = "header")]
pub(crate) use self::mov::MovIndex;

/// Reads the structure of a container recognized by the demuxer `format`. Returns an empty layout
/// if the container has no supported structure or an invalid one. The layout adds to the demuxer's
/// result and never overrides it.
pub(crate) fn inspect(format: &str, size: u64, read: ReadAt<'_>) -> Layout {
    let mut file = Bytes::new(read, size);
    let layout = match format.split(',').next().unwrap_or_default() {
        "mov" => mov::outline(&mut file),
        "matroska" => ebml::outline(&mut file),
        "avi" | "wav" => riff::outline(&mut file),
        "flv" => flv::outline(&mut file),
        "asf" => asf::outline(&mut file),
        "mpegts" => mpegts::outline(&mut file),
        _ => None,
    };
    layout.unwrap_or_default()
}

/// Finds the movie box of an ISO base media file.
#[cfg(feature = "header")]
pub(crate) fn mov_index(size: u64, read: ReadAt<'_>) -> MovIndex {
    mov::index(&mut Bytes::new(read, size))
}

/// Identifies a file by its top-level boxes or elements; `None` for anything that may be a video.
#[cfg(feature = "ffmpeg")]
pub(crate) fn file_kind(size: u64, read: ReadAt<'_>) -> Option<FileKind> {
    let mut file = Bytes::new(read, size);
    let head: [u8; 8] = file.array(0)?;
    match head {
        [0x1a, 0x45, 0xdf, 0xa3, ..] | [0x1f, 0x43, 0xb6, 0x75, ..] => ebml::file_kind(&mut file),
        _ => mov::file_kind(&mut file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::range::RangeRead;

    fn of(format: &str, bytes: &[u8]) -> Layout {
        let mut source = bytes;
        inspect(format, source.size(), &mut |offset, into| {
            source.read_at(offset, into)
        })
    }

    #[cfg(feature = "ffmpeg")]
    fn file_kind_of(bytes: &[u8]) -> Option<FileKind> {
        let mut source = bytes;
        file_kind(source.size(), &mut |offset, into| {
            source.read_at(offset, into)
        })
    }

    #[cfg(feature = "header")]
    fn mov_index_of(bytes: &[u8]) -> MovIndex {
        let mut source = bytes;
        mov_index(source.size(), &mut |offset, into| {
            source.read_at(offset, into)
        })
    }

    fn mov_box(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).expect("small");
        [&size.to_be_bytes(), kind.as_slice(), body].concat()
    }

    #[test]
    fn truncated_mov_is_detected_at_every_length() {
        let file = [
            mov_box(b"ftyp", b"isomiso2"),
            mov_box(b"moov", &[]),
            mov_box(b"mdat", &[7; 100]),
        ]
        .concat();
        assert_eq!(of("mov,mp4", &file), Layout::default());
        for cut in 1..100 {
            let layout = of("mov,mp4", &file[..file.len() - cut]);
            assert_eq!(
                layout.truncated.and_then(|t| t.expected_bytes),
                Some(file.len() as u64),
                "cut {cut}"
            );
        }
    }

    #[test]
    fn padding_after_mov_is_not_a_truncation() {
        let mut file = [mov_box(b"ftyp", b"isom"), mov_box(b"mdat", &[7; 10])].concat();
        file.extend([0; 64]);
        assert_eq!(of("mov,mp4", &file), Layout::default());
        file.extend(*b"\xff\xff\xff\xffjunk");
        assert_eq!(of("mov,mp4", &file), Layout::default());
    }

    #[test]
    fn unknown_boxes_are_skipped_before_the_movie_only() {
        let movie = mov_box(b"moov", &mov_box(b"mvex", &[]));
        let unknown = mov_box(b"a bc", &[7; 10]);
        let before = [mov_box(b"ftyp", b"isom"), unknown.clone(), movie.clone()].concat();
        assert!(of("mov,mp4", &before).fragmented);
        #[cfg(feature = "header")]
        {
            let index = mov_index_of(&before);
            assert_eq!(index.brand, Some(*b"isom"));
            let found = index.movie.expect("a movie box");
            let end = before.len() as u64;
            assert_eq!((found.body, found.end), (end - 8, end));
        }
        let cut = [&0x1000u32.to_be_bytes(), &b"junk"[..], &movie].concat();
        let after = [mov_box(b"moov", &[]), unknown, mov_box(b"moof", &[])].concat();
        for file in [cut, after] {
            assert!(!of("mov,mp4", &file).fragmented);
        }
    }

    #[test]
    fn fragments_and_edit_lists_are_detected() {
        let mut mdhd = vec![0u8; 24];
        mdhd[12..16].copy_from_slice(&1000u32.to_be_bytes());
        let elst = |media_time: u32| {
            let entry = [
                &5000u32.to_be_bytes()[..],
                &media_time.to_be_bytes(),
                &0x1_0000u32.to_be_bytes(),
            ]
            .concat();
            [&0u32.to_be_bytes()[..], &1u32.to_be_bytes(), &entry].concat()
        };
        let trak = |media_time| {
            let edts = mov_box(b"edts", &mov_box(b"elst", &elst(media_time)));
            mov_box(
                b"trak",
                &[edts, mov_box(b"mdia", &mov_box(b"mdhd", &mdhd))].concat(),
            )
        };
        let moov =
            |media_time| mov_box(b"moov", &[trak(media_time), mov_box(b"mvex", &[])].concat());
        assert_eq!(
            of("mov,mp4", &moov(80)),
            Layout {
                fragmented: true,
                ..Layout::default()
            }
        );
        assert_eq!(
            of("mov,mp4", &moov(2000)),
            Layout {
                fragmented: true,
                edit_list: true,
                ..Layout::default()
            }
        );
    }

    #[test]
    fn only_index_before_first_fragment_covers_the_file() {
        let index = |size: u32| {
            let mut body = vec![0u8; 4];
            body.extend([0, 0, 0, 1]);
            body.extend(1000u32.to_be_bytes());
            body.extend([0; 8]);
            body.extend([0, 0, 0, 1]);
            body.extend(size.to_be_bytes());
            body.extend(2000u32.to_be_bytes());
            body.extend([0; 4]);
            mov_box(b"sidx", &body)
        };
        let fragment = [mov_box(b"moof", &[0; 16]), mov_box(b"mdat", &[0; 100])].concat();
        let size = u32::try_from(fragment.len()).expect("small");
        let whole = [index(size), fragment.clone()].concat();
        assert_eq!(of("mov,mp4", &whole).indexed_seconds, Some(2.0));
        let one_for_each = [index(size), fragment.clone(), index(size), fragment.clone()].concat();
        assert_eq!(of("mov,mp4", &one_for_each).indexed_seconds, None);
    }

    #[test]
    fn truncated_matroska_avi_and_flv_are_detected() {
        let check = |format: &str, whole: &[u8], beyond: usize| {
            assert_eq!(of(format, whole).truncated, None, "{format}");
            assert!(
                of(format, &whole[..whole.len() - beyond])
                    .truncated
                    .is_some(),
                "{format}"
            );
        };
        let ebml = [
            &[0x1a, 0x45, 0xdf, 0xa3, 0x82, 1, 2][..],
            &[0x18, 0x53, 0x80, 0x67, 0x8a],
            &[9; 10],
        ]
        .concat();
        check("matroska,webm", &ebml, 1);
        let avi = [&b"RIFF"[..], &24u32.to_le_bytes(), b"AVI ", &[9; 20]].concat();
        check("avi", &avi, 3);
        let tag = [
            &[9u8, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0][..],
            b"frame",
            &16u32.to_be_bytes(),
        ]
        .concat();
        let flv = [&b"FLV\x01\x05\0\0\0\x09\0\0\0\0"[..], &tag, &tag].concat();
        check("flv", &flv, 6);
    }

    #[test]
    fn encryption_of_matroska_and_asf_is_detected() {
        let element = |id: &[u8], body: &[u8]| {
            let size = 0x80 | u8::try_from(body.len()).expect("short");
            [id, &[size], body].concat()
        };
        let matroska = |encryption: &[u8]| {
            let encoding = element(&[0x62, 0x40], encryption);
            let track = element(&[0xae], &element(&[0x6d, 0x80], &encoding));
            let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &track);
            let header = element(&[0x1a, 0x45, 0xdf, 0xa3], &[1, 2]);
            [header, element(&[0x18, 0x53, 0x80, 0x67], &tracks)].concat()
        };
        let asf = |guid: [u8; 16]| {
            let object = [&guid[..], &24u64.to_le_bytes()].concat();
            let size = 30 + object.len() as u64;
            [&[0u8; 16][..], &size.to_le_bytes(), &[0; 6], &object].concat()
        };
        let encryption = element(&[0x50, 0x35], &[0x47, 0xe1, 0x81, 5]);
        let compression = element(&[0x50, 0x34], &[0x42, 0x54, 0x81, 3]);
        let locked = *b"\xfb\xb3\x11\x22\x23\xbd\xd2\x11\xb4\xb7\x00\xa0\xc9\x55\xfc\x6e";
        for (format, file, expected) in [
            ("matroska,webm", matroska(&encryption), true),
            ("matroska,webm", matroska(&compression), false),
            ("asf", asf(locked), true),
            ("asf", asf([7; 16]), false),
        ] {
            assert_eq!(of(format, &file).encryption.is_some(), expected, "{format}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            for format in ["mov,mp4", "matroska,webm", "avi", "flv", "asf", "mpegts"] {
                of(format, &bytes);
            }
            #[cfg(feature = "ffmpeg")]
            file_kind_of(&bytes);
            #[cfg(feature = "header")]
            mov_index_of(&bytes);
        }
    }
}

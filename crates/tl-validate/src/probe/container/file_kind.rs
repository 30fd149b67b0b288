//! Identifies files that no demuxer plays: a still image, one segment of a stream, a recording
//! without its index.

use super::{Bytes, ReadAt, ebml, mov};

/// What a file is instead of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A still image in a container of the MP4 family, with the name of its format.
    StillPicture(&'static str),
    /// The initialization segment of a DASH or HLS stream, which describes the streams and contains
    /// no frames.
    InitSegment,
    /// A part of a DASH or HLS stream that cannot be read without the initialization segment.
    MediaSegment,
    /// An MP4 or QuickTime file without the `moov` box, which locates the samples.
    NoIndex,
}

impl FileKind {
    /// The description, as a clause.
    pub(crate) fn words(self) -> String {
        match self {
            Self::StillPicture(format) => format!("this is a still picture ({format}), not a video"),
            Self::InitSegment => {
                "this is the initialization segment of a DASH or HLS stream, without any media segment"
                    .to_owned()
            }
            Self::MediaSegment => {
                "this is a media segment of a DASH or HLS stream, without its initialization segment"
                    .to_owned()
            }
            Self::NoIndex => {
                "the index of the file (the box `moov`) is missing: it is cut off, or was never finished"
                    .to_owned()
            }
        }
    }
}

/// Identifies a file by its top-level boxes or elements; `None` for anything that may be a video.
pub(crate) fn file_kind(size: u64, read: ReadAt<'_>) -> Option<FileKind> {
    let mut file = Bytes::new(read, size);
    let head: [u8; 8] = file.array(0)?;
    match head {
        [0x1a, 0x45, 0xdf, 0xa3, ..] | [0x1f, 0x43, 0xb6, 0x75, ..] => ebml::file_kind(&mut file),
        _ => mov::file_kind(&mut file),
    }
}

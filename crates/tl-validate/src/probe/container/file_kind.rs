//! Identifies files that no demuxer plays: a still image, one segment of a stream, a recording
//! without its index.

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
            Self::StillPicture(format) => format!("this is a still image ({format}), not a video"),
            Self::InitSegment => {
                "this is the initialization segment of a DASH or HLS stream, without any media segment"
                    .to_owned()
            }
            Self::MediaSegment => {
                "this is a media segment of a DASH or HLS stream, without its initialization segment"
                    .to_owned()
            }
            Self::NoIndex => {
                "the index of the file (the box `moov`) is missing: the file is truncated or was not finalized"
                    .to_owned()
            }
        }
    }
}

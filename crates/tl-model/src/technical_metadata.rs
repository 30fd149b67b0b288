//! Technical metadata of an asset's file: container, streams, image, document.
//!
//! The shorter metadata of tasks, videos and indexed assets is in `system_metadata.rs`.

use crate::Timestamp;

object! {
    /// Technical metadata of an asset's file. Every member is optional: an image has no streams, a
    /// video has no pages, and the platform may not have measured everything yet.
    pub struct TechnicalMetadata {
        /// Size of the file, in bytes.
        whole file_size_bytes: Option<u64>,
        /// The detected media type.
        lenient file_mime_type: Option<String>,
        /// The container format; several names are separated by commas (`mov,mp4,m4a,3gp,3g2,mj2`).
        lenient file_container_format: Option<String>,
        /// When the file was created, according to its container.
        lenient container_creation_time: Option<Timestamp>,

        /// Every video stream of the file.
        lenient_list video_streams: Vec<VideoStreamMetadata>,
        /// Codec of the primary video stream.
        lenient video_codec: Option<String>,
        /// Width of the primary video stream, in pixels.
        whole video_width: Option<u32>,
        /// Height of the primary video stream, in pixels.
        whole video_height: Option<u32>,
        /// Frames per second of the primary video stream.
        number video_fps: Option<f64>,
        /// Duration of the primary video stream, in seconds.
        number video_duration_seconds: Option<f64>,
        /// Bit rate of the primary video stream, in bits per second.
        whole video_bitrate_bps: Option<u64>,

        /// Every audio stream of the file.
        lenient_list audio_streams: Vec<AudioStreamMetadata>,
        /// Codec of the primary audio stream.
        lenient audio_codec: Option<String>,
        /// Sample rate of the primary audio stream, in hertz.
        whole audio_sample_rate: Option<u32>,
        /// Channels of the primary audio stream.
        whole audio_channels: Option<u32>,
        /// Duration of the primary audio stream, in seconds.
        number audio_duration_seconds: Option<f64>,

        /// The SMPTE timecode of the first frame.
        lenient start_timecode: Option<String>,
        /// The source of the timecode.
        lenient timecode_source: Option<String>,
        /// Whether the timecode is drop-frame.
        lenient drop_frame: Option<bool>,

        /// Width of the image, in pixels.
        whole image_width: Option<u32>,
        /// Height of the image, in pixels.
        whole image_height: Option<u32>,
        /// Format of the image.
        lenient image_format: Option<String>,
        /// EXIF orientation of the image, 1 to 8.
        whole image_orientation: Option<u32>,
        /// Color space of the image.
        lenient image_color_space: Option<String>,
        /// Bits per channel of the image.
        whole image_bit_depth: Option<u32>,

        /// Whether the media has a high dynamic range.
        lenient is_hdr: Option<bool>,
        /// Whether there is an audio stream.
        lenient has_audio: Option<bool>,
        /// Whether the image has transparency.
        lenient has_alpha: Option<bool>,
        /// Whether the image is animated.
        lenient is_animated: Option<bool>,
        /// Number of video streams in the file.
        whole total_video_streams: Option<u32>,
        /// Number of audio streams in the file.
        whole total_audio_streams: Option<u32>,
        /// Storage aspect ratio: width divided by height in pixels, before pixel aspect ratio and
        /// rotation.
        number storage_aspect_ratio: Option<f64>,

        /// Latitude stored in the file, in decimal degrees.
        number geospatial_latitude: Option<f64>,
        /// Longitude stored in the file, in decimal degrees.
        number geospatial_longitude: Option<f64>,
        /// Altitude stored in the file, in meters.
        number geospatial_altitude_meters: Option<f64>,

        /// Number of pages of the document.
        whole document_page_count: Option<u32>,
        /// PDF version of the document.
        lenient document_pdf_version: Option<String>,
        /// Width of the first page, in points.
        number document_page_width_pt: Option<f64>,
        /// Height of the first page, in points.
        number document_page_height_pt: Option<f64>,
        /// Whether the document is tagged for accessibility.
        lenient document_is_tagged: Option<bool>,
        /// Whether the document is encrypted.
        lenient document_is_encrypted: Option<bool>,
        /// Language of the document.
        lenient document_language: Option<String>,
        /// Title of the document.
        lenient document_title: Option<String>,
        /// Author of the document.
        lenient document_author: Option<String>,
        /// Subject of the document.
        lenient document_subject: Option<String>,
        /// Keywords of the document.
        lenient document_keywords: Option<String>,
        /// The application that the document was authored with.
        lenient document_creator_tool: Option<String>,
        /// The application that produced the file.
        lenient document_producer: Option<String>,
        /// When the document was created.
        lenient document_creation_date: Option<Timestamp>,
        /// When the document was last modified.
        lenient document_modification_date: Option<Timestamp>,
    }
}

object! {
    /// One video stream of a file.
    pub struct VideoStreamMetadata {
        /// Index of the stream in the file, from 0.
        whole index: Option<u32>,
        /// Codec.
        lenient codec: Option<String>,
        /// Width, in pixels.
        whole width: Option<u32>,
        /// Height, in pixels.
        whole height: Option<u32>,
        /// Nominal frame rate, in frames per second.
        number fps: Option<f64>,
        /// Average frame rate, in frames per second.
        number avg_fps: Option<f64>,
        /// Duration, in seconds.
        number duration_seconds: Option<f64>,
        /// Bit rate, in bits per second.
        whole bitrate_bps: Option<u64>,
        /// Display rotation, in degrees. Described as an unbounded integer; probes also report
        /// negative values.
        number rotation: Option<f64>,
        /// Pixel (sample) aspect ratio (`1:1`).
        lenient pixel_aspect_ratio: Option<String>,
        /// Display aspect ratio (`16:9`).
        lenient display_aspect_ratio: Option<String>,
        /// Progressive or interlaced.
        lenient scan_type: Option<String>,
        /// Pixel format (`yuv420p`).
        lenient pixel_format: Option<String>,
        /// Bits per color component.
        whole bit_depth: Option<u32>,
        /// Color range.
        lenient color_range: Option<String>,
        /// Transfer characteristics.
        lenient color_transfer: Option<String>,
        /// Color space.
        lenient color_space: Option<String>,
        /// Color primaries.
        lenient color_primaries: Option<String>,
    }
}

object! {
    /// One audio stream of a file.
    pub struct AudioStreamMetadata {
        /// Index of the stream in the file, from 0.
        whole index: Option<u32>,
        /// Codec.
        lenient codec: Option<String>,
        /// Long name of the codec.
        lenient codec_long: Option<String>,
        /// Sample rate, in hertz.
        whole sample_rate: Option<u32>,
        /// Bits per sample.
        whole bit_depth: Option<u32>,
        /// Number of channels.
        whole channels: Option<u32>,
        /// Channel layout (`stereo`).
        lenient channel_layout: Option<String>,
        /// Bit rate, in bits per second.
        whole bitrate_bps: Option<u64>,
        /// Language, if the stream has a tag.
        lenient language: Option<String>,
        /// Duration, in seconds.
        number duration_seconds: Option<f64>,
    }
}

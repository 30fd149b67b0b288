//! What the platform measured of the file of an asset: container, streams, image, document.
//!
//! The shorter measurements of tasks, videos and indexed assets are in `system_metadata.rs`.

use crate::Timestamp;

object! {
    /// Technical metadata of an asset's file. Everything is optional: an image has no streams, a video no pages, and the
    /// platform may not have measured all of it yet.
    pub struct TechnicalMetadata {
        /// Size of the file, in bytes.
        whole file_size_bytes: Option<u64>,
        /// The media type that was detected.
        lenient file_mime_type: Option<String>,
        /// The container format; several names are separated by commas (`mov,mp4,m4a,3gp,3g2,mj2`).
        lenient file_container_format: Option<String>,
        /// When the file was made, according to its container.
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
        /// Length of the primary video stream, in seconds.
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
        /// Length of the primary audio stream, in seconds.
        number audio_duration_seconds: Option<f64>,

        /// The SMPTE timecode of the first frame.
        lenient start_timecode: Option<String>,
        /// Where the timecode was read.
        lenient timecode_source: Option<String>,
        /// Whether the timecode counts in drop-frame numbers.
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
        /// Whether the image moves.
        lenient is_animated: Option<bool>,
        /// How many video streams the file has.
        whole total_video_streams: Option<u32>,
        /// How many audio streams the file has.
        whole total_audio_streams: Option<u32>,
        /// Width in pixels divided by height in pixels, as stored: before pixel aspect ratio and rotation.
        number storage_aspect_ratio: Option<f64>,

        /// Latitude that the file carries, in decimal degrees.
        number geospatial_latitude: Option<f64>,
        /// Longitude that the file carries, in decimal degrees.
        number geospatial_longitude: Option<f64>,
        /// Altitude that the file carries, in meters.
        number geospatial_altitude_meters: Option<f64>,

        /// Pages of the document.
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
        /// The application that the document was written with.
        lenient document_creator_tool: Option<String>,
        /// The application that made the file.
        lenient document_producer: Option<String>,
        /// When the document was created.
        lenient document_creation_date: Option<Timestamp>,
        /// When the document was last changed.
        lenient document_modification_date: Option<Timestamp>,
    }
}

object! {
    /// One video stream of a file.
    pub struct VideoStreamMetadata {
        /// Place of the stream in the file, from 0.
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
        /// Length, in seconds.
        number duration_seconds: Option<f64>,
        /// Bit rate, in bits per second.
        whole bitrate_bps: Option<u64>,
        /// Rotation for display, in degrees. Described as an integer without bounds; probes also report it as negative.
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
        /// Place of the stream in the file, from 0.
        whole index: Option<u32>,
        /// Codec.
        lenient codec: Option<String>,
        /// Codec, in words.
        lenient codec_long: Option<String>,
        /// Sample rate, in hertz.
        whole sample_rate: Option<u32>,
        /// Bits per sample.
        whole bit_depth: Option<u32>,
        /// Channels.
        whole channels: Option<u32>,
        /// Channel layout (`stereo`).
        lenient channel_layout: Option<String>,
        /// Bit rate, in bits per second.
        whole bitrate_bps: Option<u64>,
        /// Language, where the stream names one.
        lenient language: Option<String>,
        /// Length, in seconds.
        number duration_seconds: Option<f64>,
    }
}

//! Metadata that the platform measures of a video.

object! {
    /// System-generated metadata of a video. Every member is optional: tasks have four of them,
    /// videos all six.
    pub struct SystemMetadata {
        /// Duration of the video, in seconds.
        number duration: Option<f64>,
        /// Name of the uploaded file.
        lenient filename: Option<String>,
        /// Frames per second.
        number fps: Option<f64>,
        /// Height of a frame, in pixels.
        whole height: Option<u32>,
        /// Width of a frame, in pixels.
        whole width: Option<u32>,
        /// Size of the file: bytes in the samples and filters, kilobytes according to an older
        /// page. The API description types it as any number, so a fraction is valid.
        number size: Option<f64>,
    }
}

//! Renders streams and thumbnails with `ffmpeg`: arguments, limits and error messages.
//!
//! [`crate::platform`] decides which renditions an object has; `files.rs` serves the files.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tl_validate::{
    MediaFacts, ProbeError,
    program::{Cancel, Ffmpeg, Job, ProgramErrorKind},
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    media::renditions::{PLAYLIST, thumbnail_name},
    platform::StaticFile,
};

/// The media playlist. There is a single quality.
pub(super) const MEDIA_PLAYLIST: &str = "stream.m3u8";
/// The stream: fragmented MP4, which also plays as a plain file.
pub(crate) const MEDIA_FILE: &str = "stream.mp4";
/// Maximum number of concurrent `ffmpeg` processes.
const MAX_CONCURRENT: usize = 2;
/// Maximum size of a file whose video is copied, in bytes. Encoded streams have less than 80 KB per
/// second.
const MAX_COPIED: u64 = 4 << 30;
/// Maximum duration of an encoded stream in seconds: the longest video that any rule pack accepts.
const MAX_SECONDS: f64 = 4.0 * 3600.0;
/// Positions of the thumbnails, as fractions of the duration.
const THUMBNAIL_POSITIONS: [f64; 3] = [0.1, 0.5, 0.9];
/// Maximum size of an image that gets a thumbnail, in pixels: the models' limit for images
/// (official Python client of October 2026).
const MAX_PIXELS: u64 = 16_777_216;
/// Maximum width and height of the encoded stream, in pixels.
const MAX_STREAM_SIDE: u32 = 640;
/// Maximum width and height of a thumbnail, in pixels.
const MAX_THUMBNAIL_SIDE: u32 = 320;

/// Runs `ffmpeg` with limited concurrency.
#[derive(Debug)]
pub(crate) struct Renderer {
    /// The program, or why it is unavailable.
    program: Result<Ffmpeg, String>,
    permits: Semaphore,
    cancel: Cancel,
}

impl Renderer {
    /// Creates a renderer with the program at `path`, or with the installed one.
    pub(crate) fn new(path: Option<&Path>) -> Self {
        let program = match path {
            Some(path) => Ffmpeg::at(path),
            None => Ffmpeg::find(),
        };
        Self {
            // The input is untrusted, so `ffmpeg` runs in a sandbox if the helper is installed.
            program: match (program, launcher()) {
                (Ok(program), Some(launcher)) => Ok(program.confined_by(launcher, false)),
                (Ok(program), None) => Ok(program),
                (Err(error), _) => Err(error.to_string()),
            },
            permits: Semaphore::new(MAX_CONCURRENT),
            cancel: Cancel::new(),
        }
    }

    /// Why rendering is unavailable. `None` if it is available.
    pub(crate) fn unavailable_reason(&self) -> Option<&str> {
        self.program.as_ref().err().map(String::as_str)
    }

    /// Cancels running jobs. The next run with the same state starts them again.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }
}

/// The helper that sandboxes the program, if it is installed.
#[cfg(all(unix, feature = "worker"))]
fn launcher() -> Option<PathBuf> {
    tl_validate::worker::find_helper(None).ok()
}

#[cfg(not(all(unix, feature = "worker")))]
fn launcher() -> Option<PathBuf> {
    None
}

/// A stored file to make renditions of.
#[derive(Debug)]
pub(super) struct RenderJob {
    pub(super) source: PathBuf,
    /// The result of probing the file as media.
    pub(super) facts: Result<MediaFacts, ProbeError>,
    /// Set if the file is an image.
    pub(super) image: Option<StaticFile>,
    pub(super) stream: bool,
    pub(super) thumbnails: bool,
    /// The folder to create.
    pub(super) target: PathBuf,
    /// How long the program may run.
    pub(super) limit: Duration,
}

impl Renderer {
    /// Waits until a job may start. Returns `None` if rendering was canceled.
    pub(super) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        let permit = self.permits.acquire().await.ok()?;
        (!self.is_canceled()).then_some(permit)
    }

    /// Whether running jobs were canceled.
    pub(super) fn is_canceled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Renders the outputs on a blocking thread. Returns whether there is a stream, and the number
    /// of thumbnails. The error is text for the user.
    pub(super) async fn render(&self, job: RenderJob) -> Result<(bool, u32), String> {
        let (program, cancel) = (self.program.clone(), self.cancel.clone());
        let rendering = tokio::task::spawn_blocking(move || {
            let ffmpeg = program?;
            if let Some(image) = job.image.as_ref().filter(|_| job.thumbnails) {
                return render_image(&ffmpeg, &job, image, &cancel);
            }
            let facts = job.facts.as_ref().map_err(ToString::to_string)?;
            render_video(&ffmpeg, &job, facts, &cancel)
        });
        match rendering.await {
            Ok(outcome) => outcome,
            Err(error) => Err(format!("making it failed ({error})")),
        }
    }
}

/// Renders the thumbnail of an image.
fn render_image(
    ffmpeg: &Ffmpeg,
    job: &RenderJob,
    image: &StaticFile,
    cancel: &Cancel,
) -> Result<(bool, u32), String> {
    let (source, folder, limit) = (job.source.as_path(), job.target.as_path(), job.limit);
    let technical = &image.technical;
    // Name the demuxer, so that `ffmpeg` does not try any other on the file.
    let reader = match technical.image_format.as_deref() {
        Some("png") => "png_pipe",
        Some("jpeg") => "jpeg_pipe",
        Some("webp") => "webp_pipe",
        Some("gif") => "gif",
        Some("bmp") => "bmp_pipe",
        _ => return Err("no pictures are made of documents".to_owned()),
    };
    let side = |side: Option<u32>| u64::from(side.unwrap_or(0));
    let pixels = side(technical.image_width) * side(technical.image_height);
    if pixels > MAX_PIXELS {
        return Err(format!(
            "the image has {pixels} pixels; of more than {MAX_PIXELS} no thumbnail is made"
        ));
    }
    let mut address = OsString::from("file:");
    address.push(source);
    let job = Job::new()
        .deadline(limit)
        .cancelled_by(cancel)
        .args(["-protocol_whitelist", "file", "-f", reader, "-i"])
        .arg(address)
        .reads(source)
        .args([
            "-frames:v",
            "1",
            "-q:v",
            "5",
            "-vf",
            &scale_filter(MAX_THUMBNAIL_SIDE),
        ])
        .args(["-f", "image2", "-update", "1"])
        .arg(thumbnail_name(1));
    ffmpeg
        .write_folder(&job, folder, &mut |_| {})
        .map_err(|error| error.to_string())?;
    finish(folder, &MediaFacts::default(), false)
}

/// Renders a video. Returns whether there is a stream, and the number of thumbnails.
fn render_video(
    ffmpeg: &Ffmpeg,
    job: &RenderJob,
    facts: &MediaFacts,
    cancel: &Cancel,
) -> Result<(bool, u32), String> {
    let (source, folder, limit) = (job.source.as_path(), job.target.as_path(), job.limit);
    let has_stream = job.stream && (has_video(facts) || has_audio(facts));
    let has_thumbnails = job.thumbnails && has_video(facts);
    if !has_stream && !has_thumbnails {
        return Err(
            "it has neither pictures nor sound of which something could be made".to_owned(),
        );
    }
    let run = |copies| {
        let mut job = Job::new()
            .deadline(limit)
            .cancelled_by(cancel)
            .expects_seconds(facts.duration_seconds().unwrap_or(0.0))
            .input(source);
        if has_thumbnails {
            job = thumbnail_args(job, source, facts);
        }
        if has_stream {
            job = stream_args(job, facts, copies);
        }
        ffmpeg.write_folder(&job, folder, &mut |_| {})
    };
    let made = match run(true) {
        // Some files misreport their codecs, so copying fails although decoding works.
        Err(error) if error.kind() == ProgramErrorKind::Failed && has_stream => run(false),
        made => made,
    };
    made.map_err(|error| error.to_string())?;
    let first = folder.join(thumbnail_name(1));
    if has_thumbnails && !first.is_file() {
        // There is no key frame after this position. Use the start of the video, which always has
        // one. If even that fails, there is no thumbnail.
        let job = Job::new()
            .deadline(limit)
            .cancelled_by(cancel)
            .input(source);
        let job = job
            .args(["-map", "0:V:0", "-frames:v", "1", "-q:v", "5", "-vf"])
            .arg(format!(
                "thumbnail=n=50,{}",
                scale_filter(MAX_THUMBNAIL_SIDE)
            ))
            .args(["-f", "image2", "-update", "1"]);
        _ = ffmpeg.write(&job, &first, &mut |_| {});
    }
    let finished = finish(folder, facts, has_stream);
    if finished.is_err() {
        // Nothing refers to this directory. If it cannot be deleted now, the next run deletes it.
        _ = fs::remove_dir_all(folder);
    }
    finished
}

fn has_video(facts: &MediaFacts) -> bool {
    facts.video().is_some()
}

fn has_audio(facts: &MediaFacts) -> bool {
    facts.audio_codec.is_some() || !facts.audio_streams.is_empty()
}

/// Adds the inputs and arguments of the thumbnails.
fn thumbnail_args(mut job: Job, source: &Path, facts: &MediaFacts) -> Job {
    let seconds = facts.duration_seconds().unwrap_or(0.0);
    // A separate input for each thumbnail, so that `ffmpeg` seeks in the input instead of decoding
    // it from the start.
    for share in THUMBNAIL_POSITIONS {
        job = job
            .args(["-ss", &format!("{:.3}", seconds * share)])
            .input(source);
    }
    for number in (1..).take(THUMBNAIL_POSITIONS.len()) {
        job = job
            .args(["-map", &format!("{number}:V:0"), "-frames:v", "1"])
            .args(["-vf", &scale_filter(MAX_THUMBNAIL_SIDE), "-q:v", "5"])
            .args(["-f", "image2", "-update", "1"])
            .arg(thumbnail_name(number));
    }
    job
}

/// A filter that scales the frame to fit into a square of `side` pixels, without upscaling.
fn scale_filter(side: u32) -> String {
    format!(
        "scale=w='min({side},iw)':h='min({side},ih)':force_original_aspect_ratio=decrease:force_divisible_by=2,setsar=1"
    )
}

/// Adds the arguments of the stream. With `copies`, video and audio that every player supports are
/// copied; anything else is encoded at a low bit rate.
fn stream_args(mut job: Job, facts: &MediaFacts, copies: bool) -> Job {
    let copies = copies && facts.file_size_bytes <= MAX_COPIED;
    let video = facts.video();
    let is_web_safe = video.is_some_and(|video| {
        let format = video.pixel_format.as_deref();
        video.codec == "h264" && matches!(format, Some("yuv420p" | "yuvj420p"))
    });
    if has_video(facts) {
        job = job.args(["-map", "0:V:0"]);
        if is_web_safe && copies {
            job = job.args(["-c:v", "copy"]);
        } else {
            job = job
                .args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "28"])
                .args(["-maxrate", "500k", "-bufsize", "1000k"])
                .args([
                    "-vf",
                    &scale_filter(MAX_STREAM_SIDE),
                    "-pix_fmt",
                    "yuv420p",
                    "-fpsmax",
                    "30",
                ])
                .args(["-force_key_frames", "expr:gte(t,n_forced*4)"])
                .args(["-t", &MAX_SECONDS.to_string()]);
        }
    }
    if has_audio(facts) {
        job = job.args(["-map", "0:a:0"]);
        let codec = facts
            .audio_streams
            .first()
            .map(|audio| audio.codec.as_str());
        if codec == Some("aac") && copies {
            // AAC in a transport stream has ADTS framing, which MP4 does not allow. The filter
            // passes other AAC through.
            job = job.args(["-c:a", "copy", "-bsf:a", "aac_adtstoasc"]);
        } else {
            job = job.args(["-c:a", "aac", "-b:a", "96k", "-ac", "2"]);
        }
    }
    job.args(["-sn", "-dn", "-map_metadata", "-1", "-threads", "2"])
        .args(["-f", "hls", "-hls_time", "4", "-hls_playlist_type", "vod"])
        .args(["-hls_segment_type", "fmp4", "-hls_flags", "single_file"])
        .args(["-hls_segment_filename", MEDIA_FILE])
        .arg(MEDIA_PLAYLIST)
}

/// Counts the thumbnails and writes the master playlist.
fn finish(folder: &Path, facts: &MediaFacts, has_stream: bool) -> Result<(bool, u32), String> {
    // A position beyond the last frame yields no thumbnail, and the ones after it are not counted.
    let exists = |number: &u32| folder.join(thumbnail_name(*number)).is_file();
    let max = u32::try_from(THUMBNAIL_POSITIONS.len()).unwrap_or(u32::MAX);
    let thumbnails = (1..=max).take_while(exists).count();
    let thumbnails = u32::try_from(thumbnails).unwrap_or(0);
    if has_stream {
        let failed = |error: std::io::Error| format!("the playlist could not be written ({error})");
        let segments = fs::read_to_string(folder.join(MEDIA_PLAYLIST)).map_err(failed)?;
        let text = master_playlist(&segments, facts);
        fs::write(folder.join(PLAYLIST), text).map_err(failed)?;
    }
    Ok((has_stream, thumbnails))
}

/// The master playlist (RFC 8216, 4.3.4). FFmpeg omits its only entry if the source has no bit
/// rate.
fn master_playlist(segments: &str, facts: &MediaFacts) -> String {
    let mut seconds = 0.0;
    let mut peak = 1.0_f64;
    for line in segments.lines() {
        if let Some(length) = line.strip_prefix("#EXTINF:") {
            seconds = length.trim_end_matches(',').parse().unwrap_or(0.0);
        } else if let Some(range) = line.strip_prefix("#EXT-X-BYTERANGE:")
            && let Ok(bytes) = range.split('@').next().unwrap_or_default().parse::<f64>()
            && seconds > 0.0
        {
            peak = peak.max(bytes * 8.0 / seconds);
        }
    }
    let resolution = facts.video().map_or_else(String::new, |video| {
        format!(",RESOLUTION={}x{}", video.width, video.height)
    });
    format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH={peak:.0}{resolution}\n{MEDIA_PLAYLIST}\n"
    )
}

#[cfg(test)]
mod tests {
    use tl_validate::VideoStream;

    use super::*;

    fn facts(codec: &str, format: &str, size: u64) -> MediaFacts {
        MediaFacts::default().with(|facts| {
            facts.file_size_bytes = size;
            facts.video_streams = vec![VideoStream::default().with(|video| {
                video.codec = codec.to_owned();
                video.width = 640;
                video.height = 360;
                video.pixel_format = Some(format.to_owned());
            })];
        })
    }

    #[test]
    fn web_safe_video_is_copied_and_other_video_encoded() {
        for (codec, format, size, copied) in [
            ("h264", "yuv420p", 1000, true),
            ("h264", "yuv422p10le", 1000, false),
            ("hevc", "yuv420p", 1000, false),
            ("mpeg4", "yuv420p", 1000, false),
            ("h264", "yuv420p", MAX_COPIED + 1, false),
        ] {
            let job = stream_args(Job::new(), &facts(codec, format, size), true);
            let argv: Vec<_> = job
                .argv()
                .iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect();
            let has = |pair: [&str; 2]| argv.windows(2).any(|two| two == pair);
            assert_eq!(has(["-c:v", "copy"]), copied, "{codec} {format} {size}");
            assert_eq!(has(["-c:v", "libx264"]), !copied, "{codec} {format} {size}");
        }
    }

    #[test]
    fn bandwidth_is_the_peak_of_all_segments() {
        let segments = "#EXTM3U\n#EXT-X-MAP:URI=\"stream.mp4\",BYTERANGE=\"1373@0\"\n#EXTINF:10.0,\n\
                        #EXT-X-BYTERANGE:1000@1373\nstream.mp4\n#EXTINF:2.0,\n#EXT-X-BYTERANGE:1000@2373\nstream.mp4\n";
        let text = master_playlist(segments, &facts("h264", "yuv420p", 1));
        assert!(
            text.contains("BANDWIDTH=4000,RESOLUTION=640x360\nstream.m3u8\n"),
            "{text}"
        );
        assert!(master_playlist("", &MediaFacts::default()).contains("BANDWIDTH=1\n"));
    }
}

//! Writes a change as an `ffmpeg` call, with its estimated cost.

use super::change::{AUDIO_BITRATE, Change, Frame, longest};
use super::tracks::{Tracks, keeps_ten_bits, picture_encoder};
use super::{Fix, FixKind, FixOptions};
use crate::facts::MediaFacts;

/// Pixels per second that libx264 encodes with its default preset on one CPU core of 2020. For
/// estimates shown to users.
const ENCODED_PIXELS_PER_SECOND: f64 = 60e6;

/// How many times slower libx265 is with its default preset. For estimates shown to users.
const TEN_BIT_FACTOR: f64 = 4.0;

/// Converts PQ or HLG to BT.709: linear light at 100 nits, tone curve, then 8 bits. Source: FFmpeg
/// filters documentation, `tonemap`.
const TONE_MAP: &str = "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,\
                        zscale=t=bt709:m=bt709:r=tv,format=yuv420p";

/// Bytes per second when copying from disk to disk. For estimates shown to users.
const COPIED_BYTES_PER_SECOND: f64 = 300e6;

/// Bits per pixel of libx264 at the quality used here, for camera footage. For estimates shown to
/// users.
const BITS_PER_PIXEL: f64 = 0.12;

/// Audio codecs that an mp4 file can contain without re-encoding.
const MP4_AUDIO: [&str; 6] = ["aac", "mp3", "ac3", "eac3", "alac", "opus"];

/// Video codecs that an mp4 file can contain without re-encoding.
const MP4_VIDEO: [&str; 6] = ["h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video"];

/// Whether an mp4 file can contain all kept streams without re-encoding.
pub(crate) fn fits_mp4(facts: &MediaFacts) -> bool {
    facts
        .video()
        .is_none_or(|video| MP4_VIDEO.contains(&video.codec.as_str()))
        && sound_fits_mp4(facts)
}

fn sound_fits_mp4(facts: &MediaFacts) -> bool {
    facts
        .known_audio()
        .all(|audio| MP4_AUDIO.contains(&audio.codec.as_str()))
}

pub(super) fn write(change: &Change, facts: &MediaFacts, options: &FixOptions) -> Option<Fix> {
    let video = facts.video()?;
    let tracks = Tracks::of(facts);
    let has_sound = tracks.audio > 0;
    let encodes_video = change.frame.is_some()
        || change.extend.is_some()
        || change.shrink.is_some()
        || change.tone_map;
    let copies_video = !encodes_video && MP4_VIDEO.contains(&video.codec.as_str());
    let copies_sound = change.extend.is_none() && change.shrink.is_none() && sound_fits_mp4(facts);

    let mut argv: Vec<String> = Vec::new();
    let mut push = |words: &[&str]| argv.extend(words.iter().map(|w| (*w).to_owned()));
    push(&["ffmpeg", "-nostdin", "-n", "-i", Fix::INPUT]);
    let adds_silence = change.silence && !has_sound;
    if adds_silence {
        push(&[
            "-f",
            "lavfi",
            "-i",
            "anullsrc=channel_layout=stereo:sample_rate=48000",
        ]);
    }
    let map: Vec<&str> = tracks.map.iter().map(String::as_str).collect();
    if adds_silence {
        // The video track comes first, and there is no audio after it.
        push(map.get(..2).unwrap_or_default());
        push(&["-map", "1:a"]);
    } else {
        push(&map);
    }

    let mut filters = Vec::new();
    if change.tone_map {
        filters.push(TONE_MAP.to_owned());
    }
    filters.extend(change.frame.map(frame_filters).unwrap_or_default());
    if let Some(seconds) = change.extend {
        let missing = seconds - facts.duration_seconds().unwrap_or(0.0);
        filters.push(format!(
            "tpad=stop_mode=clone:stop_duration={}",
            number(missing.max(0.0))
        ));
    }
    if !filters.is_empty() {
        push(&["-vf", &filters.join(",")]);
    }
    if let Some(seconds) = change.extend.filter(|_| has_sound) {
        // Pads audio that is shorter, and does not cut audio that is longer.
        push(&["-af", &format!("apad=whole_dur={}", number(seconds))]);
    }
    if copies_video {
        push(&["-c:v", "copy"]);
    } else {
        push(&picture_encoder(video, change.tone_map));
        if video.variable_frame_rate {
            // The default rounds timestamps to whole frames of the nominal rate, which drops frames
            // of a variable one.
            push(&["-fps_mode", "passthrough", "-enc_time_base", "1:90000"]);
        }
        match change.shrink {
            Some(rate) => {
                let (rate, buffer) = (rate.to_string(), (rate.saturating_mul(2)).to_string());
                push(&["-b:v", &rate, "-maxrate", &rate, "-bufsize", &buffer]);
            }
            None => push(&["-crf", "18"]),
        }
    }
    if adds_silence {
        // The silent source is endless; `-shortest` ends the file with the video.
        push(&["-c:a", "aac", "-b:a", "64k", "-shortest"]);
    } else if has_sound && copies_sound {
        push(&["-c:a", "copy"]);
    } else if has_sound {
        push(&["-c:a", "aac", "-b:a", &AUDIO_BITRATE.to_string()]);
    }
    if let Some(seconds) = change.trim {
        push(&["-t", &number(seconds)]);
    }
    push(&["-movflags", "+faststart", "-f", "mp4", Fix::OUTPUT]);

    let all = longest(facts, options);
    let cuts_off = change.trim.filter(|end| all > *end);
    let lossless = copies_video && (copies_sound || !has_sound) && cuts_off.is_none();
    let mut losses = tracks.left_out;
    if let Some(end) = cuts_off {
        losses.push(format!(
            "the last {} s of {} s",
            number(all - end),
            number(all)
        ));
    }
    let seconds = change.trim.or(change.extend).or(facts.duration_seconds());
    let (estimated_bytes, estimated_seconds) = estimate(change, facts, copies_video, seconds);
    Some(Fix {
        kind: kind(change),
        summary: summary(change, video),
        argv,
        lossless,
        losses,
        cut_at_seconds: cuts_off,
        estimated_bytes,
        estimated_seconds,
    })
}

/// The call for a file whose format is not opened here, so that no facts are known.
pub(crate) fn transcode(format: &str) -> Fix {
    let words = [
        "ffmpeg",
        "-nostdin",
        "-n",
        "-i",
        Fix::INPUT,
        "-map",
        "0:V:0",
        "-map",
        "0:a?",
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
        "-crf",
        "18",
        "-c:a",
        "aac",
        "-b:a",
    ];
    let mut argv: Vec<String> = words.map(str::to_owned).to_vec();
    argv.push(AUDIO_BITRATE.to_string());
    argv.extend(["-movflags", "+faststart", "-f", "mp4", Fix::OUTPUT].map(str::to_owned));
    Fix {
        kind: FixKind::Transcode,
        summary: format!("convert {format} to MP4"),
        argv,
        lossless: false,
        losses: Vec::new(),
        cut_at_seconds: None,
        estimated_bytes: None,
        estimated_seconds: None,
    }
}

fn frame_filters(frame: Frame) -> Vec<String> {
    let mut filters = vec![format!("scale={}:{}", frame.scaled.0, frame.scaled.1)];
    if frame.padded != frame.scaled {
        filters.push(format!(
            "pad={}:{}:(ow-iw)/2:(oh-ih)/2",
            frame.padded.0, frame.padded.1
        ));
    }
    filters.push("setsar=1".to_owned());
    filters
}

fn kind(change: &Change) -> FixKind {
    let parts = [
        (change.shrink.is_some(), FixKind::Shrink),
        (
            change.frame.is_some_and(|f| f.padded != f.scaled),
            FixKind::Pad,
        ),
        (change.frame.is_some(), FixKind::Scale),
        (change.extend.is_some(), FixKind::Extend),
        (change.trim.is_some(), FixKind::Trim),
        (change.silence, FixKind::AddSilence),
    ];
    parts
        .into_iter()
        .find(|(wanted, _)| *wanted)
        .map_or(FixKind::Remux, |(_, kind)| kind)
}

fn summary(change: &Change, video: &crate::facts::VideoStream) -> String {
    let mut parts = Vec::new();
    if let Some(frame) = change.frame {
        let (width, height) = frame.scaled;
        if (video.width, video.height) != frame.scaled {
            parts.push(format!("scale to {width}x{height}"));
        }
        if frame.padded != frame.scaled {
            parts.push(format!(
                "add bars up to {}x{}",
                frame.padded.0, frame.padded.1
            ));
        }
        if parts.is_empty() {
            parts.push("store square pixels".to_owned());
        }
    }
    if let Some(seconds) = change.trim {
        parts.push(format!(
            "keep only the first {} s (`tl split` keeps everything)",
            number(seconds)
        ));
    }
    if let Some(seconds) = change.extend {
        parts.push(format!("hold the last frame until {} s", number(seconds)));
    }
    if change.silence {
        parts.push("add a silent audio track".to_owned());
    }
    if let Some(rate) = change.shrink {
        parts.push(format!("encode at {} kbit/s", rate / 1000));
    }
    if change.tone_map {
        parts.push("convert HDR to standard range".to_owned());
    }
    if change.remux {
        parts.push("keep the readable part".to_owned());
    }
    parts.join(", ")
}

fn estimate(
    change: &Change,
    facts: &MediaFacts,
    copies_video: bool,
    seconds: Option<f64>,
) -> (Option<u64>, Option<f64>) {
    let whole = facts.file_size_bytes as f64;
    if copies_video {
        let share = seconds
            .zip(facts.duration_seconds())
            .filter(|(_, all)| *all > 0.0)
            .map_or(1.0, |(kept, all)| (kept / all).min(1.0));
        // The casts saturate; the numbers are positive.
        return (
            Some((whole * share) as u64),
            Some(rounded(whole * share / COPIED_BYTES_PER_SECOND)),
        );
    }
    let (Some(video), Some(seconds)) = (facts.video(), seconds) else {
        return (None, None);
    };
    let (width, height) = change
        .frame
        .map_or((video.width, video.height), |f| f.padded);
    let pixels = f64::from(width)
        * f64::from(height)
        * video.avg_fps.or(video.fps).unwrap_or(25.0)
        * seconds;
    let slower = if keeps_ten_bits(video, change.tone_map) {
        TEN_BIT_FACTOR
    } else {
        1.0
    };
    let sound = if facts.audio_streams.is_empty() {
        0.0
    } else {
        f64::from(AUDIO_BITRATE) * seconds
    };
    let bits = change
        .shrink
        .map_or(pixels * BITS_PER_PIXEL, |rate| rate as f64 * seconds)
        + sound;
    (
        Some((bits / 8.0) as u64),
        Some(rounded(pixels * slower / ENCODED_PIXELS_PER_SECOND)),
    )
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 10.0).ceil() / 10.0
}

fn number(value: f64) -> String {
    crate::text::plain(value)
}

#[cfg(test)]
mod tests;

//! Output formats of ranges of videos: subtitles, chapters and cut lists. Search results, segments
//! and transcripts are all exported here.

mod chapters;
mod cut_list;
mod subtitles;

use serde_json::Value;

/// A range of a video. Times are in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Clip {
    pub(crate) start: f64,
    pub(crate) end: f64,
    /// The text of a subtitle and the title of a chapter.
    pub(crate) text: String,
    /// Who speaks, in subtitles.
    pub(crate) speaker: Option<String>,
    /// The name in a timeline.
    pub(crate) name: String,
    /// The file or the URL of the video, in cut lists.
    pub(crate) path: String,
    /// Frames per second of the video.
    pub(crate) fps: Option<f64>,
    /// Our data about the range, in formats that have a place for it.
    pub(crate) metadata: Value,
}

/// An export format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    /// Subtitles (SubRip)
    Srt,
    /// Subtitles (WebVTT)
    Vtt,
    /// Chapters for FFmpeg (FFMETADATA)
    Chapters,
    /// Start times and titles, as in video descriptions
    Timestamps,
    /// A cut list (CMX 3600)
    Edl,
    /// A cut list (OpenTimelineIO)
    Otio,
    /// A list of parts for FFmpeg
    Ffconcat,
}

impl ExportFormat {
    /// Whether the format describes one video: its times are those of a player.
    pub(crate) fn is_of_one_video(self) -> bool {
        matches!(
            self,
            Self::Srt | Self::Vtt | Self::Chapters | Self::Timestamps
        )
    }
}

/// The clips in a format, with a line break at the end. Formats of one video list the clips by their
/// start; cut lists keep the order.
pub(crate) fn render(format: ExportFormat, title: &str, clips: &[Clip]) -> String {
    let mut clips: Vec<&Clip> = clips.iter().collect();
    if format.is_of_one_video() {
        clips.sort_by(|one, two| one.start.total_cmp(&two.start));
    }
    match format {
        ExportFormat::Srt => subtitles::srt(&clips),
        ExportFormat::Vtt => subtitles::vtt(&clips),
        ExportFormat::Chapters => chapters::ffmetadata(&clips),
        ExportFormat::Timestamps => chapters::timestamps(&clips),
        ExportFormat::Edl => cut_list::edl(title, &clips),
        ExportFormat::Otio => cut_list::otio(title, &clips),
        ExportFormat::Ffconcat => cut_list::ffconcat(&clips),
    }
}

/// `hh:mm:ss.mmm`.
pub(crate) fn clock(seconds: f64, point: char) -> String {
    let (seconds, millis) = millis(seconds);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    format!(
        "{:02}:{:02}:{seconds:02}{point}{millis:03}",
        minutes / 60,
        minutes % 60
    )
}

/// Whole seconds and milliseconds. Times are at most days.
fn millis(seconds: f64) -> (u64, u64) {
    let millis = (seconds.max(0.0) * 1000.0).round() as u64;
    (millis / 1000, millis % 1000)
}

/// A text on one line: a line break or an empty line would end a subtitle or a chapter.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clips() -> Vec<Clip> {
        let clip = |start, end, text: &str, speaker: Option<&str>| Clip {
            start,
            end,
            text: text.to_owned(),
            speaker: speaker.map(str::to_owned),
            name: format!("{start} match's.mp4"),
            path: "in/match's.mp4".to_owned(),
            fps: Some(25.0),
            metadata: serde_json::json!({"rank": 1}),
        };
        vec![
            clip(3661.0, 3661.01, "a = b; #1 <i>\\", None),
            clip(12.4, 16.4, "What a\n\ngoal --> end", Some("Ada & Bob")),
        ]
    }

    #[test]
    fn formats() {
        let mut text = String::new();
        for format in <ExportFormat as clap::ValueEnum>::value_variants() {
            let rendered = render(*format, "A match", &clips());
            assert!(rendered.ends_with('\n'), "{format:?}");
            text.push_str(&format!("== {format:?}\n{rendered}"));
        }
        insta::assert_snapshot!(text.replace('\r', "<CR>"));
    }

    #[test]
    fn times_have_hours_and_milliseconds() {
        assert_eq!(clock(3725.0625, '.'), "01:02:05.063");
        assert_eq!(clock(59.9996, ','), "00:01:00,000");
        assert_eq!(clock(-1.0, '.'), "00:00:00.000");
    }
}

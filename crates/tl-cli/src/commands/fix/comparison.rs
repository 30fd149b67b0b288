//! Compares a copy with its source: duration of each kept stream, number of frames, and
//! decodability.

use std::path::Path;

use tl_client::checker::Checked;
use tl_validate::Fix;
use tl_validate::split::PacketReader;

use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ffmpeg::output_dir::OutputDir;
use crate::ffmpeg::packets;

/// A stream of a copy may be shorter than in the source by this much, because of packet rounding
/// and encoder priming.
const TOLERANCE_SECONDS: f64 = 0.1;

/// Without re-encoding, a truncated end is exact only to the frames that a decoder holds back, in
/// seconds.
const CUT_TOLERANCE_SECONDS: f64 = 1.0;

/// Number of frames to decode at the start of a copy.
const START_FRAMES: u64 = 16;

/// A file and the packets of its kept streams.
pub(super) struct Side {
    pub(super) checked: Checked,
    pub(super) listed: PacketReader,
}

/// A source and its copy.
pub(super) struct Comparison<'a> {
    pub(super) source: &'a Path,
    /// `-map` arguments of the kept streams of the source.
    pub(super) map: &'a [String],
    pub(super) before: &'a Side,
    pub(super) copy: &'a Path,
    pub(super) after: &'a Side,
    pub(super) fix: &'a Fix,
}

impl Comparison<'_> {
    /// # Errors
    /// If the copy lacks something that the fix does not declare as lost.
    pub(super) fn run(&self, output_dir: &OutputDir<'_>) -> Result<(), Failure> {
        self.streams()?;
        if self.fix.cut_at_seconds.is_none() {
            self.frames(output_dir)?;
        }
        self.start(output_dir)
    }

    /// Checks that no kept stream is missing or shorter than in the source.
    fn streams(&self) -> Result<(), Failure> {
        for (stream, source) in self.before.listed.streams() {
            let what = match stream {
                0 => "the video stream".to_owned(),
                number => format!("audio stream {number}"),
            };
            let Some(copy) = self.after.listed.streams().get(stream) else {
                return Err(incomplete_copy(&format!("{what} is missing")));
            };
            let (least, tolerance) = match self.fix.cut_at_seconds {
                Some(end) => (source.seconds().min(end), CUT_TOLERANCE_SECONDS),
                None => (source.seconds(), TOLERANCE_SECONDS),
            };
            if copy.seconds() < least - tolerance {
                return Err(incomplete_copy(&format!(
                    "{what} lasts {:.2} s, but {:.2} s in the source",
                    copy.seconds(),
                    source.seconds()
                )));
            }
        }
        Ok(())
    }

    /// Checks that no frame is lost, and that no hidden frame is shown.
    fn frames(&self, output_dir: &OutputDir<'_>) -> Result<(), Failure> {
        let shown = |side: &Side| side.listed.streams().get(&0).map_or(0, |s| s.shown);
        let (planned, made) = (shown(self.before), shown(self.after));
        let enough = |planned: u64| match self.copies_picture() {
            true => made == planned,
            // Held frames are added.
            false => made >= planned,
        };
        if enough(planned) {
            return Ok(());
        }
        // Two packets may contain one frame (two fields), and one packet none: decode to count
        // frames.
        let decoded = packets::frames(output_dir, self.source, self.picture(), None)?.len() as u64;
        if enough(decoded) {
            return Ok(());
        }
        Err(incomplete_copy(&format!(
            "it has {made} frames, the source {decoded}"
        )))
    }

    /// Checks that the start of the copy decodes; without re-encoding, to the frames of the source.
    fn start(&self, output_dir: &OutputDir<'_>) -> Result<(), Failure> {
        let frames =
            |file: &Path, map: &[&str]| packets::frames(output_dir, file, map, Some(START_FRAMES));
        let made = frames(self.copy, &["-map", "0:V:0"])?;
        let source = self.picture();
        let source = packets::frames(output_dir, self.source, source, Some(START_FRAMES))?;
        if made.len() < source.len() {
            return Err(incomplete_copy(&format!(
                "only {} of its first {} frames can be decoded",
                made.len(),
                source.len()
            )));
        }
        let hashes = |frames: &[(f64, String)]| -> Vec<String> {
            frames.iter().map(|(_, hash)| hash.clone()).collect()
        };
        if self.copies_picture() && hashes(&made) != hashes(&source) {
            return Err(incomplete_copy(
                "its first frames differ from those of the source",
            ));
        }
        Ok(())
    }

    fn copies_picture(&self) -> bool {
        self.fix
            .argv
            .windows(2)
            .any(|words| words == ["-c:v", "copy"])
    }

    fn picture(&self) -> &[String] {
        self.map.get(..2).unwrap_or_default()
    }
}

fn incomplete_copy(what: &str) -> Failure {
    Failure::new(
        Exit::RefusedLocally,
        "not_fixed",
        format!("the converted copy is incomplete and was discarded: {what}"),
    )
    .hint("convert the file with another program first, then run `tl fix` on the result")
}

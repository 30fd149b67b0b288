//! Writes the parts of a file with FFmpeg, without re-encoding, and checks them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tl_validate::program::Job;
use tl_validate::split::{PacketReader, PlannedPart};

use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ffmpeg::error::ffmpeg_failure;
use crate::ffmpeg::output_dir::{JobProgress, OutputDir};
use crate::ffmpeg::packets::{self, ALL_STREAMS};

/// Number of parts per FFmpeg process. Each output file stays open until the process ends.
const PARTS_PER_CALL: usize = 16;

/// Number of packets at the start of each part that are also decoded after the start of the source.
const SAMPLE_PACKETS: u64 = 32;

/// Number of those frames to compare. A decoder holds back at most 16 frames (H.264, annex A:
/// `MaxDpbFrames`), so the first 32 packets contain all of the first 16 frames.
const SAMPLE_FRAMES: usize = 16;

/// Maximum difference between two times of the same frame: Matroska timestamps are in milliseconds.
const SAME_TIME_SECONDS: f64 = 0.0015;

/// Input for writing the parts of a file.
pub(super) struct Division<'a> {
    pub(super) file: &'a Path,
    /// `-map` arguments of the kept streams; the stream that is cut comes first.
    pub(super) map: &'a [String],
    pub(super) has_video: bool,
    /// Name of the muxer.
    pub(super) format: &'a str,
    pub(super) ending: &'a str,
    pub(super) listed: &'a PacketReader,
    pub(super) parts: &'a [PlannedPart],
}

/// A part that was written.
pub(super) struct Written {
    pub(super) path: PathBuf,
    /// Start of the part in the source.
    pub(super) start_seconds: f64,
}

impl Division<'_> {
    /// Writes the parts below `folder`, and checks each of them.
    pub(super) fn write(
        &self,
        output_dir: &OutputDir<'_>,
        folder: &Path,
        line: &JobProgress,
    ) -> Result<Vec<Written>, Failure> {
        let mut written = Vec::with_capacity(self.parts.len());
        let mut sound = BTreeMap::new();
        for (call, parts) in self.parts.chunks(PARTS_PER_CALL).enumerate() {
            let folder = folder.join(format!("call{call}"));
            let job = self.job(parts).cancelled_by(&output_dir.cancel);
            output_dir
                .ffmpeg
                .write_folder(&job, &folder, &mut |progress| line.update(&progress))
                .map_err(|error| ffmpeg_failure(&error))?;
            let sample = match self.has_video {
                true => packets::frames(
                    output_dir,
                    &folder.join(self.sample_name()),
                    &["-map", "0:V:0"],
                    None,
                )?,
                false => Vec::new(),
            };
            for (number, part) in parts.iter().enumerate() {
                let path = folder.join(self.part_name(number));
                let listed = packets::list(output_dir, &path, &ALL_STREAMS)?;
                for (stream, tally) in listed.streams().iter().filter(|(stream, _)| **stream > 0) {
                    *sound.entry(*stream).or_insert(0) += tally.packets;
                }
                written.push(self.checked(output_dir, path, &listed, part, &sample)?);
            }
        }
        self.check_sound(&sound)?;
        Ok(written)
    }

    fn part_name(&self, number: usize) -> String {
        format!("part{number:06}.{}", self.ending)
    }

    fn sample_name(&self) -> String {
        format!("sample.{}", self.ending)
    }

    /// Builds one FFmpeg job that reads the file once and writes each part to its own output. The
    /// first stream is cut by packet number, the others by time, so that every packet is in exactly
    /// one part.
    fn job(&self, parts: &[PlannedPart]) -> Job {
        let mut job = Job::new().input(self.file);
        let streams = self.listed.streams().len().max(1);
        for (number, part) in parts.iter().enumerate() {
            job = job
                .args(self.map)
                .args(["-c", "copy", "-map_chapters", "-1"]);
            let mut drop = format!("lt(n\\,{})", part.first_packet);
            if let Some(end) = part.end_packet {
                drop.push_str(&format!("+gte(n\\,{end})"));
            }
            job = job.args(["-bsf:0", &format!("noise=drop={drop}")]);
            let is_first = part.first_packet == 0;
            let mut bounds = Vec::new();
            if !is_first {
                bounds.push(format!("lt(pts*tb\\,{:.6})", part.start_seconds));
            }
            if let Some(end) = part.end_seconds {
                bounds.push(format!("gte(pts*tb\\,{end:.6})"));
            }
            for stream in 1..streams {
                if !bounds.is_empty() {
                    let bounds = bounds.join("+");
                    job = job.args([format!("-bsf:{stream}"), format!("noise=drop={bounds}")]);
                }
            }
            if !is_first {
                // Frames that are decoded before they are shown have negative decoding timestamps,
                // which is harmless.
                job = job
                    .args(["-output_ts_offset", &format!("{:.6}", -part.start_seconds)])
                    .args(["-avoid_negative_ts", "disabled"]);
            }
            job = self.muxer(job).arg(self.part_name(number));
        }
        if self.has_video {
            let runs: Vec<String> = parts
                .iter()
                .map(|part| {
                    let hidden = part.packets - part.shown;
                    let last = part.first_packet + (SAMPLE_PACKETS + hidden).min(part.packets) - 1;
                    format!("between(n\\,{}\\,{last})", part.first_packet)
                })
                .collect();
            let kept = format!("noise=drop=not(eq(n\\,0)+{})", runs.join("+"));
            job = job.args(self.map.get(..2).unwrap_or_default()).args([
                "-c",
                "copy",
                "-map_chapters",
                "-1",
                "-bsf:0",
                &kept,
            ]);
            job = self.muxer(job).arg(self.sample_name());
        }
        job.expects_seconds(self.listed.outline().duration_seconds())
    }

    fn muxer(&self, job: Job) -> Job {
        let job = job.args(["-f", self.format]);
        match self.format {
            "mp4" | "mov" => job.args(["-movflags", "+faststart"]),
            _ => job,
        }
    }

    /// Checks a part against the plan and the source: the number of packets, and that its first
    /// frames equal those decoded with the start of the source.
    fn checked(
        &self,
        output_dir: &OutputDir<'_>,
        path: PathBuf,
        listed: &PacketReader,
        part: &PlannedPart,
        sample: &[(f64, String)],
    ) -> Result<Written, Failure> {
        let cut = listed.streams().get(&0).copied().unwrap_or_default();
        if (cut.packets, cut.shown) != (part.packets, part.shown) {
            return Err(invalid_part(&format!(
                "the part at {} has {} of {} frames",
                at(part.start_seconds),
                cut.shown,
                part.shown
            )));
        }
        if self.has_video {
            let until = part.end_seconds.unwrap_or(f64::INFINITY) - SAME_TIME_SECONDS;
            let from = part.first_shown_seconds - SAME_TIME_SECONDS;
            let mut run: Vec<_> = sample
                .iter()
                .filter(|(time, _)| (from..until).contains(time))
                .collect();
            run.truncate(SAMPLE_FRAMES);
            let shown = packets::frames(
                output_dir,
                &path,
                &["-map", "0:V:0"],
                Some(run.len().max(1) as u64),
            )?;
            if !begins_alike(&run, &shown) {
                return Err(invalid_part(&format!(
                    "the part at {} differs from the source when it is decoded by itself",
                    at(part.start_seconds)
                )));
            }
        }
        let first = listed.outline().first_shown_seconds().unwrap_or(0.0);
        Ok(Written {
            path,
            start_seconds: part.first_shown_seconds - first,
        })
    }

    /// Checks that every audio packet is in exactly one part; `sound` counts the packets of all
    /// parts by stream.
    fn check_sound(&self, sound: &BTreeMap<u32, u64>) -> Result<(), Failure> {
        for (stream, source) in self
            .listed
            .streams()
            .iter()
            .filter(|(stream, _)| **stream > 0)
        {
            let packets = sound.get(stream).copied().unwrap_or_default();
            if packets != source.packets {
                return Err(invalid_part(&format!(
                    "the parts contain {packets} of {} audio packets",
                    source.packets
                )));
            }
        }
        Ok(())
    }
}

/// Whether both start with the same frames at the same times relative to the first frame.
fn begins_alike(expected: &[&(f64, String)], seen: &[(f64, String)]) -> bool {
    let (Some(start), Some((seen_start, _))) = (expected.first(), seen.first()) else {
        return false;
    };
    expected.len() == seen.len()
        && expected
            .iter()
            .zip(seen)
            .all(|((time, hash), (seen_time, seen_hash))| {
                let apart = (time - start.0) - (seen_time - seen_start);
                hash == seen_hash && apart.abs() <= SAME_TIME_SECONDS
            })
}

fn at(seconds: f64) -> String {
    format!("{seconds:.3} s")
}

fn invalid_part(what: &str) -> Failure {
    Failure::new(
        Exit::RefusedLocally,
        "not_split",
        format!("{what}; all parts were discarded"),
    )
}

#[cfg(test)]
mod tests {
    use super::begins_alike;

    #[test]
    fn detects_lost_changed_and_late_frames() {
        let frames = |frames: &[(f64, &str)]| -> Vec<(f64, String)> {
            frames
                .iter()
                .map(|(time, hash)| (*time, (*hash).to_owned()))
                .collect()
        };
        let expected = frames(&[(8.0, "a"), (8.04, "b"), (8.08, "c")]);
        let expected: Vec<_> = expected.iter().collect();
        let alike = |seen: &[(f64, &str)]| begins_alike(&expected, &frames(seen));
        assert!(alike(&[(0.0, "a"), (0.04, "b"), (0.08, "c")]));
        assert!(alike(&[(0.08, "a"), (0.121, "b"), (0.16, "c")]));
        assert!(!alike(&[(0.0, "a"), (0.04, "b")]));
        assert!(!alike(&[(0.0, "a"), (0.04, "x"), (0.08, "c")]));
        assert!(!alike(&[(0.0, "a"), (0.08, "b"), (0.12, "c")]));
        assert!(!alike(&[]) && !begins_alike(&[], &[]));
    }
}

//! Cuts a file into parts in a temporary directory, with or without re-encoding.

use std::fs;
use std::path::Path;

use tl_validate::split::{Limits, PacketReader, PlannedPart, container, cuts};
use tl_validate::{MediaFacts, Tracks};

use super::encode::encode;
use super::error::cannot_split;
use super::parts::{Division, Written};
use crate::failure::Failure;
use crate::ffmpeg::output_dir::{JobProgress, OutputDir};
use crate::ffmpeg::packets;

/// The parts in the temporary directory.
pub(super) struct Cut {
    pub(super) written: Vec<Written>,
    pub(super) ending: &'static str,
    pub(super) reencoded: bool,
}

/// A file to cut, with its facts.
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) facts: &'a MediaFacts,
    pub(super) tracks: &'a Tracks,
    pub(super) listed: &'a PacketReader,
    pub(super) limits: &'a Limits,
}

impl Source<'_> {
    /// Cuts the file without re-encoding.
    pub(super) fn copy(
        &self,
        output_dir: &OutputDir<'_>,
        starts: &[f64],
        folder: &Path,
        line: &JobProgress,
    ) -> Result<Cut, Failure> {
        let (format, ending) = match container(self.facts) {
            "mp4" => ("mp4", "mp4"),
            "mov" => ("mov", "mov"),
            other => (other, "mkv"),
        };
        let parts = planned(self.listed, starts)?;
        let division = Division {
            file: self.file,
            map: &self.tracks.map,
            has_video: self.facts.video().is_some(),
            format,
            ending,
            listed: self.listed,
            parts: &parts,
        };
        let folder = folder.join("parts");
        fs::create_dir(&folder).map_err(|error| unwritable(&folder, &error))?;
        let written = division
            .write(output_dir, &folder, line)
            .map_err(|failure| failure.hint("pass --reencode to re-encode the file"))?;
        Ok(Cut {
            written,
            ending,
            reencoded: false,
        })
    }

    /// Re-encodes the file with key frames at the cuts, then cuts the result.
    pub(super) fn encode(
        &self,
        output_dir: &OutputDir<'_>,
        folder: &Path,
        line: &JobProgress,
    ) -> Result<Cut, Failure> {
        let name = self.file.to_string_lossy();
        let outline = self.listed.outline().clone();
        let wished = outline
            .with_measured_duration(self.facts.duration_seconds())
            .reencoded(1.0);
        // A frame may come up to one frame after the requested time, and audio priming shifts it.
        let late = 0.05
            + self
                .facts
                .video()
                .and_then(|video| video.avg_fps)
                .map_or(0.0, |fps| 1.0 / fps);
        let early = self
            .limits
            .with_max_seconds(self.limits.max_seconds.map(|max| max - late));
        let wished = cuts(&wished, &early)
            .or_else(|_| cuts(&wished, self.limits))
            .map_err(|error| cannot_split(&name, &error, true))?;
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        let times = wished.get(1..).unwrap_or_default();
        let encoded = encode(
            output_dir,
            self.file,
            self.facts,
            self.listed,
            times,
            folder,
            line,
        )?;
        let starts = cuts(encoded.listed.outline(), self.limits)
            .map_err(|error| cannot_split(&name, &error, true))?;
        let parts = planned(&encoded.listed, &starts)?;
        let map = packets::ALL_STREAMS.map(str::to_owned);
        let division = Division {
            file: &encoded.path,
            map: &map,
            has_video: self.facts.video().is_some(),
            format: "mp4",
            ending: "mp4",
            listed: &encoded.listed,
            parts: &parts,
        };
        let folder = folder.join("parts");
        fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        let mut written = division
            .write(output_dir, &folder, line)
            .map_err(|failure| failure.hint("convert the file with another program first"))?;
        // The encoded file starts with its first frame or audio packet. The source may start with a
        // dropped stream, and only decoding gives the times of frames without timestamps.
        let shift = match self.facts.video() {
            Some(_) => packets::first_frame(output_dir, self.file, &self.tracks.map)?
                .zip(packets::first_frame(output_dir, &encoded.path, &map)?)
                .map_or(0.0, |(source, encoded)| source - encoded),
            None => 0.0,
        };
        for part in &mut written {
            part.start_seconds += shift;
        }
        Ok(Cut {
            written,
            ending: "mp4",
            reencoded: true,
        })
    }
}

fn planned(listed: &PacketReader, starts: &[f64]) -> Result<Vec<PlannedPart>, Failure> {
    listed
        .outline()
        .parts(starts)
        .ok_or_else(|| Failure::usage("a part does not start at a key frame; this is a bug in tl"))
}

fn unwritable(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!(
        "failed to write to the directory `{}`",
        folder.display()
    ))
    .with_source(error)
}

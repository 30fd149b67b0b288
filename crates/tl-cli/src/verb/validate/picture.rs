//! A small picture of each video for the HTML report, taken by the program `ffmpeg`.

use std::path::Path;
use std::time::Duration;

use tl_validate::MediaFacts;
use tl_validate::program::{Cancel, Ffmpeg, Job};

use crate::args::Context;

/// A picture of 320 pixels takes 5 to 20 kB.
const MAX_BYTES: u64 = 200_000;

/// What one picture may take; a report without it is still a report.
const DEADLINE: Duration = Duration::from_secs(10);

/// Takes pictures.
pub(super) struct Pictures {
    ffmpeg: Ffmpeg,
    cancel: Cancel,
}

impl Pictures {
    /// Where there is no `ffmpeg`, a note says so and the report goes without.
    pub(super) fn new(context: &Context, cancel: &Cancel) -> Option<Self> {
        match Ffmpeg::find() {
            Ok(ffmpeg) => Some(Self {
                ffmpeg,
                cancel: cancel.clone(),
            }),
            Err(error) => {
                context.output.note(&format!("no pictures: {error}"));
                None
            }
        }
    }

    /// The picture at a tenth of the video, where black openings are over; `None` where none can be taken.
    pub(super) fn of(&self, path: &Path, facts: &MediaFacts) -> Option<Vec<u8>> {
        facts.video()?;
        let at = facts.duration_seconds().unwrap_or(0.0) / 10.0;
        let job = Job::new()
            .args(["-ss", &format!("{at:.3}")])
            .input(path)
            .args(["-map", "0:V:0", "-frames:v", "1", "-vf"])
            .arg("scale=w=320:h=180:force_original_aspect_ratio=decrease:force_divisible_by=2,setsar=1")
            .args(["-threads", "1", "-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "6", "-f", "image2", "-update", "1"])
            .deadline(DEADLINE)
            .cancelled_by(&self.cancel);
        self.ffmpeg.bytes(&job, MAX_BYTES).ok()
    }
}

//! The demo's video clips, made by `ffmpeg`: one that the platform takes, one too small, one too short.

use std::path::Path;
use std::time::Duration;

use crate::failure::Failure;
use crate::machine::Machine;

/// Making a clip takes a second; what takes this long hangs.
const DEADLINE: Duration = Duration::from_secs(120);

struct Clip {
    file: &'static str,
    size: &'static str,
    seconds: u32,
    about: &'static str,
}

const CLIPS: &[Clip] = &[
    Clip {
        file: "good.mp4",
        size: "640x360",
        seconds: 8,
        about: "within every limit",
    },
    Clip {
        file: "small.mp4",
        size: "320x180",
        seconds: 8,
        about: "too few pixels",
    },
    Clip {
        file: "short.mp4",
        size: "640x360",
        seconds: 2,
        about: "too short",
    },
];

/// Video encoders by preference, with the options that make them quick. Builds of `ffmpeg` differ in what they may include.
const VIDEO_ENCODERS: &[(&str, &[&str])] = &[
    ("libx264", &["-preset", "veryfast", "-crf", "28"]),
    ("libopenh264", &["-b:v", "800k"]),
    ("mpeg4", &["-q:v", "5"]),
];

const AUDIO_ENCODERS: &[(&str, &[&str])] = &[
    ("aac", &["-b:a", "96k"]),
    ("libmp3lame", &["-b:a", "96k"]),
    ("ac3", &["-b:a", "96k"]),
];

/// Makes every clip in the folder, each with moving pictures and a tone.
///
/// # Errors
/// `ffmpeg` does not run, has no encoder that an MP4 file takes, or fails.
pub(crate) fn make(machine: &Machine, folder: &Path) -> Result<(), Failure> {
    let list = machine
        .ask("ffmpeg", &["-hide_banner", "-encoders"])
        .ok_or_else(|| Failure::new("`ffmpeg -encoders` does not run"))?;
    let video = choose(&list, VIDEO_ENCODERS)?;
    let audio = choose(&list, AUDIO_ENCODERS)?;
    for clip in CLIPS {
        eprintln!(
            "clip {}: {}, {} s, {} and {}: {}",
            clip.file, clip.size, clip.seconds, video.0, audio.0, clip.about
        );
        let seconds = clip.seconds.to_string();
        let pictures = format!("testsrc2=size={}:rate=25:duration={seconds}", clip.size);
        let tone = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
        machine
            .program("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"])
            .args(["-f", "lavfi", "-i", &pictures, "-f", "lavfi", "-i", &tone])
            .args(["-c:v", video.0, "-pix_fmt", "yuv420p"])
            .args(video.1)
            .args(["-c:a", audio.0])
            .args(audio.1)
            .args(["-t", &seconds, "-movflags", "+faststart"])
            .arg(folder.join(clip.file))
            .deadline(DEADLINE)
            .read()?;
    }
    Ok(())
}

type Encoder = (&'static str, &'static [&'static str]);

/// The first of the candidates that `ffmpeg -encoders` lists.
fn choose(list: &str, candidates: &[Encoder]) -> Result<Encoder, Failure> {
    let has = |name: &str| {
        list.lines()
            .any(|line| line.split_whitespace().nth(1) == Some(name))
    };
    candidates
        .iter()
        .copied()
        .find(|(name, _)| has(name))
        .ok_or_else(|| {
            let names: Vec<&str> = candidates.iter().map(|(name, _)| *name).collect();
            Failure::new(format!(
                "this `ffmpeg` has none of the encoders {}",
                names.join(", ")
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::System;
    use crate::simulated::Simulated;

    #[test]
    fn the_best_listed_encoder_is_chosen() {
        let full =
            " V....D libx264   libx264 H.264\n V.S... mpeg4   MPEG-4 part 2\n A....D aac   AAC\n";
        let free = " ------\n V.S... mpeg4   MPEG-4 part 2 (not libx264)\n A....D aac   AAC\n";
        assert_eq!(choose(full, VIDEO_ENCODERS).unwrap().0, "libx264");
        assert_eq!(choose(free, VIDEO_ENCODERS).unwrap().0, "mpeg4");
        let failure = choose("", AUDIO_ENCODERS).unwrap_err().to_string();
        assert_eq!(
            failure,
            "this `ffmpeg` has none of the encoders aac, libmp3lame, ac3"
        );
    }

    #[test]
    fn the_clips_are_what_they_are_named_for() {
        let machine = Machine::this();
        let folder = Simulated::new(System::Other, &[]);
        make(&machine, &folder.dir).unwrap();
        for clip in CLIPS {
            let path = folder.dir.join(clip.file);
            let text = machine
                .program("ffprobe")
                .args(["-v", "error", "-of", "csv=p=0"])
                .args([
                    "-show_entries",
                    "stream=codec_type,width,height:format=duration",
                ])
                .arg(&path)
                .read()
                .unwrap();
            let video = format!("video,{}", clip.size.replace('x', ","));
            let duration = text.lines().last().unwrap().parse::<f64>().unwrap();
            assert!(
                text.contains(&video) && text.contains("audio"),
                "{}: {text}",
                clip.file
            );
            assert!(
                (duration - f64::from(clip.seconds)).abs() < 0.2,
                "{}: {text}",
                clip.file
            );
        }
    }
}

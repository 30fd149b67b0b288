//! The clips of the demo: one valid, one too small, one too short.

use std::path::Path;

use crate::make::{Failure, clip};

/// Name, frame size and duration in seconds of each clip.
const CLIPS: [(&str, &str, u32); 3] = [
    ("good.mp4", "640x360", 8),
    ("small.mp4", "320x180", 8),
    ("short.mp4", "640x360", 2),
];

/// Video encoders by preference. Builds of `ffmpeg` include different ones for license reasons.
const ENCODERS: [&str; 3] = [
    "libx264 -preset veryfast -crf 28",
    "libopenh264 -b:v 800k",
    "mpeg4 -q:v 5",
];

/// Creates the missing clips, each with moving video and a tone.
///
/// # Errors
/// No encoder works (the error of the last one), or the directory is not writable.
pub fn demo_clips(folder: &Path) -> Result<(), Failure> {
    for (name, size, seconds) in CLIPS {
        let mut made = Err(Failure::new("no encoder"));
        for encoder in ENCODERS {
            made = clip(folder, name, &arguments(size, seconds, encoder));
            if made.is_ok() {
                break;
            }
        }
        made?;
    }
    Ok(())
}

fn arguments(size: &str, seconds: u32, encoder: &str) -> String {
    format!(
        "-f lavfi -i testsrc2=size={size}:rate=25:duration={seconds} \
         -f lavfi -i sine=frequency=440:sample_rate=48000:duration={seconds} \
         -c:v {encoder} -pix_fmt yuv420p -c:a aac -b:a 96k -t {seconds} -movflags +faststart"
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn clips_have_their_size_duration_and_sound() {
        let folder = std::env::temp_dir().join(format!("tl-corpus-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        demo_clips(&folder).unwrap();
        for (name, size, seconds) in CLIPS {
            let output = Command::new("ffprobe")
                .args(["-v", "error", "-of", "csv=p=0", "-show_entries"])
                .arg("stream=codec_type,width,height:format=duration")
                .arg(folder.join(name))
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let video = format!("video,{}", size.replace('x', ","));
            assert!(
                text.contains(&video) && text.contains("audio"),
                "{name}: {text}"
            );
            let duration: f64 = text.lines().last().unwrap().parse().unwrap();
            assert!(
                (duration - f64::from(seconds)).abs() < 0.2,
                "{name}: {text}"
            );
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

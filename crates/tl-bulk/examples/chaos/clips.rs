//! Small clips that differ in content and size.

use std::path::Path;

/// Writes `count` clips named `clip-N.mp4`, of about `size` bytes. Each is the same movie and a
/// `free` box of another size and content, so that size and name identify it.
pub(crate) fn write(folder: &Path, count: u32, size: u32, seed: u64) {
    let template = folder.join("template.mp4");
    let arguments = "-nostdin -loglevel error -f lavfi -i testsrc2=s=640x360:r=10:d=5 -f lavfi -i \
                     sine=d=5 -c:v libx264 -preset ultrafast -c:a aac";
    let made = std::process::Command::new("ffmpeg")
        .args(arguments.split_whitespace())
        .arg(&template)
        .status();
    assert!(made.is_ok_and(|status| status.success()), "ffmpeg failed");
    let movie = std::fs::read(&template).unwrap();
    std::fs::remove_file(&template).unwrap();
    for number in 0..count {
        let filler = size.saturating_sub(u32::try_from(movie.len()).unwrap());
        let length = 16 + filler + number;
        let mut clip = movie.clone();
        clip.extend(length.to_be_bytes());
        clip.extend(b"free");
        let mut value = seed ^ (u64::from(number) << 32) ^ 0x9e37_79b9_7f4a_7c15;
        for _ in 8..length {
            value = value
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            clip.push(value.to_be_bytes()[0]);
        }
        std::fs::write(folder.join(format!("clip-{number}.mp4")), clip).unwrap();
    }
}

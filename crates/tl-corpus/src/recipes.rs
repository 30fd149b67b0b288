//! Entries created by `ffmpeg`: the arguments of every file.
//!
//! Expected values are not defined here: the tests determine them with another program.

use crate::{Entry, Kind, Recipe};

fn picture(size: &str, rate: &str, seconds: f64) -> String {
    format!("-f lavfi -i testsrc=size={size}:rate={rate}:duration={seconds}")
}

const X264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";

/// Ten seconds with a single key frame, the source of a cut.
pub(super) const SOURCE: &str = "source-long-gop.mp4";

/// Adds every entry created by `ffmpeg`; derived ones come after their sources.
pub(super) fn add_to(all: &mut Vec<Entry>) {
    formats(&mut adding(all, Kind::Format));
    sizes(&mut adding(all, Kind::Size));
    durations(&mut adding(all, Kind::Duration));
    structures(&mut adding(all, Kind::Structure));
    sounds(&mut adding(all, Kind::SoundOnly));
}

fn adding(all: &mut Vec<Entry>, kind: Kind) -> impl FnMut(&str, String) {
    move |name, arguments| {
        all.push(Entry {
            name: format!("c-{name}"),
            kind,
            recipe: Recipe::Ffmpeg(arguments),
        });
    }
}

/// Containers and codecs, with and without audio.
fn formats(add: &mut dyn FnMut(&str, String)) {
    let x265 = "-c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p";
    let codecs: [(&str, &str); 12] = [
        ("h264", X264),
        (
            "h264-bframes",
            "-c:v libx264 -preset veryfast -bf 3 -pix_fmt yuv420p",
        ),
        ("hevc", x265),
        ("mpeg4", "-c:v mpeg4 -bf 2 -q:v 5"),
        ("mpeg2", "-c:v mpeg2video -bf 2 -q:v 5"),
        ("mjpeg", "-c:v mjpeg -pix_fmt yuvj420p -q:v 5"),
        ("vp8", "-c:v libvpx -deadline realtime -cpu-used 8"),
        ("vp9", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8"),
        ("av1", "-c:v libaom-av1 -usage realtime -cpu-used 8"),
        ("prores", "-c:v prores_ks -profile:v 0"),
        ("theora", "-c:v libtheora"),
        ("wmv2", "-c:v wmv2"),
    ];
    let containers: [(&str, &str, &[&str]); 12] = [
        (
            "mp4",
            "-c:a aac",
            &[
                "h264",
                "h264-bframes",
                "hevc",
                "mpeg4",
                "mpeg2",
                "mjpeg",
                "vp9",
                "av1",
            ],
        ),
        (
            "mov",
            "-c:a pcm_s16le",
            &[
                "h264",
                "h264-bframes",
                "hevc",
                "mpeg4",
                "mpeg2",
                "mjpeg",
                "prores",
            ],
        ),
        (
            "mkv",
            "-c:a libopus",
            &[
                "h264",
                "h264-bframes",
                "hevc",
                "mpeg4",
                "mpeg2",
                "mjpeg",
                "vp8",
                "vp9",
                "av1",
                "prores",
                "theora",
            ],
        ),
        ("webm", "-c:a libopus", &["vp8", "vp9", "av1"]),
        (
            "avi",
            "-c:a libmp3lame",
            &["h264", "mpeg4", "mpeg2", "mjpeg"],
        ),
        ("ts", "-c:a aac", &["h264", "h264-bframes", "hevc", "mpeg2"]),
        ("m2ts", "-c:a ac3", &["h264"]),
        ("flv", "-c:a aac", &["h264"]),
        ("3gp", "-c:a aac", &["h264", "mpeg4"]),
        ("asf", "-c:a wmav2", &["wmv2", "mpeg4"]),
        ("ogv", "-c:a libvorbis", &["theora"]),
        ("mpg", "-c:a mp2", &["mpeg2"]),
    ];
    for (container, sound, kinds) in containers {
        for kind in kinds {
            let codec = codecs
                .iter()
                .find(|c| c.0 == *kind)
                .expect("listed above")
                .1;
            let source = picture("384x360", "25", 4.5);
            add(
                &format!("{kind}-silent.{container}"),
                format!("{source} {codec} -an"),
            );
            add(
                &format!("{kind}-sound.{container}"),
                format!(
                    "{source} -f lavfi -i sine=sample_rate=48000:duration=4.5 {codec} {sound} -ac 2"
                ),
            );
        }
    }
    add(
        "flv1.flv",
        format!("{} -c:v flv1", picture("384x360", "25", 4.5)),
    );
    add(
        "mpeg2.mxf",
        format!(
            "{} -c:v mpeg2video -bf 2 -q:v 5",
            picture("384x360", "25", 4.5)
        ),
    );
    add("animated.gif", picture("384x360", "10", 4.5));
    add(
        "raw.h264",
        format!("{} {X264} -f h264", picture("384x360", "25", 4.0)),
    );
    add(
        "raw.hevc",
        format!("{} {x265} -f hevc", picture("384x360", "25", 4.0)),
    );
    add(
        "raw.m2v",
        format!(
            "{} -c:v mpeg2video -f mpeg2video",
            picture("384x360", "25", 4.0)
        ),
    );
    add(
        "raw.m4v",
        format!("{} -c:v mpeg4 -f m4v", picture("384x360", "25", 4.0)),
    );
    add(
        "vp8.ivf",
        format!(
            "{} -c:v libvpx -deadline realtime -cpu-used 8",
            picture("384x360", "25", 4.0)
        ),
    );
}

/// Frame sizes, aspect ratios, scan types and bit depths.
fn sizes(add: &mut dyn FnMut(&str, String)) {
    for size in [
        "358x360",
        "360x358",
        "360x360",
        "362x362",
        "864x360",
        "866x360",
        "360x864",
        "640x362",
        "1920x1080",
        "1080x1920",
        "1920x800",
        "1920x798",
        "2160x2160",
    ] {
        add(
            &format!("size-{size}.mp4"),
            format!("{} {X264}", picture(size, "5", 4.4)),
        );
    }
    for size in [
        "3840x2160",
        "4096x2160",
        "5184x2160",
        "5186x2160",
        "2160x3840",
    ] {
        add(
            &format!("size-{size}.mp4"),
            format!("-f lavfi -i color=gray:size={size}:rate=1:duration=5 {X264}"),
        );
    }
    add(
        "size-odd.mkv",
        "-f lavfi -i testsrc=size=361x361:rate=5:duration=4.4 -c:v ffv1".to_owned(),
    );
    add(
        "sar-16-11.mp4",
        format!("{} -vf setsar=16/11 {X264}", picture("720x576", "25", 4.4)),
    );
    add(
        "sar-4-3.mkv",
        format!("{} -vf setsar=4/3 {X264}", picture("480x360", "25", 4.4)),
    );
    add(
        "interlaced.ts",
        format!(
            "{} -c:v mpeg2video -flags +ildct+ilme -top 1 -q:v 5",
            picture("720x576", "25", 4.4)
        ),
    );
    add(
        "ten-bit.mkv",
        format!(
            "{} -c:v libx264 -preset ultrafast -pix_fmt yuv420p10le",
            picture("384x360", "25", 4.4)
        ),
    );
    add(
        "hdr.mp4",
        format!(
            "{} -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le \
             -x265-params log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
            picture("384x360", "25", 4.4)
        ),
    );
}

/// Durations and frame rates.
fn durations(add: &mut dyn FnMut(&str, String)) {
    for seconds in ["0.9", "1", "3.9", "4", "4.04", "5", "10"] {
        add(
            &format!("lasts-{seconds}.mp4"),
            format!(
                "{} {X264}",
                picture("384x360", "25", seconds.parse().expect("a number"))
            ),
        );
    }
    for hours in [1u32, 2, 4] {
        for (name, difference) in [("less", -1i64), ("exact", 0), ("more", 1)] {
            let seconds = i64::from(hours) * 3600 + difference;
            let source = format!("-f lavfi -i color=gray:size=360x360:rate=1:duration={seconds}");
            add(
                &format!("hours-{hours}-{name}.mp4"),
                format!("{source} {X264} -tune stillimage -g 600"),
            );
        }
    }
    add(
        "hours-1.ts",
        format!("-f lavfi -i color=gray:size=360x360:rate=1:duration=3600 {X264} -g 60"),
    );
    add(
        "hours-1.mkv",
        format!("-f lavfi -i color=gray:size=360x360:rate=1:duration=3600 {X264} -g 600"),
    );
    for rate in ["24000/1001", "30000/1001", "60", "12", "1"] {
        let name = rate.replace('/', "-");
        add(
            &format!("rate-{name}.mp4"),
            format!("{} {X264}", picture("384x360", rate, 5.0)),
        );
    }
}

/// Arrangement of the streams: order, fragments, indexes, edit lists, several streams.
fn structures(add: &mut dyn FnMut(&str, String)) {
    let five = picture("384x360", "25", 5.0);
    let tone = "-f lavfi -i sine=sample_rate=48000:duration=5";
    add(
        "faststart.mp4",
        format!("{five} {tone} {X264} -c:a aac -movflags +faststart"),
    );
    add(
        "faststart.mov",
        format!("{five} {tone} {X264} -c:a pcm_s16le -movflags +faststart"),
    );
    add(
        "fragmented.mp4",
        format!("{five} {tone} {X264} -g 25 -c:a aac -movflags +frag_keyframe+empty_moov"),
    );
    add(
        "fragmented-sidx.mp4",
        format!("{five} {X264} -g 25 -movflags +frag_keyframe+empty_moov+dash"),
    );
    add(
        "fragmented-default-base.mp4",
        format!("{five} {X264} -g 25 -movflags +frag_keyframe+default_base_moof"),
    );
    add(
        "live.mkv",
        format!("{five} {tone} {X264} -c:a libopus -live 1"),
    );
    add(
        "live.webm",
        format!("{five} -c:v libvpx -deadline realtime -cpu-used 8 -live 1"),
    );
    add(
        "no-cues.mkv",
        format!("{five} {X264} -write_crc32 0 -cues_to_front 0 -cluster_time_limit 200"),
    );
    add(
        "no-duration.flv",
        format!("{five} {X264} -flvflags no_duration_filesize"),
    );
    add(
        "two-videos.mp4",
        format!(
            "{five} {} -map 0 -map 1 {X264}",
            picture("640x480", "25", 5.0)
        ),
    );
    add(
        "two-sounds.mkv",
        format!(
            "{five} {tone} {tone} -map 0 -map 1 -map 2 {X264} -c:a aac -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu"
        ),
    );
    add(
        "surround.mp4",
        format!(
            "{five} -f lavfi -i anullsrc=channel_layout=5.1:sample_rate=48000 -shortest {X264} -c:a aac"
        ),
    );
    add(
        "short-sound.mp4",
        format!("{five} -f lavfi -i sine=duration=2 {X264} -c:a aac"),
    );
    add(
        "long-sound.mp4",
        format!("{five} -f lavfi -i sine=duration=7 {X264} -c:a aac"),
    );
    add(
        "cover.m4v.mp4",
        format!(
            "{five} -f lavfi -i color=red:size=400x400:duration=0.04 -map 0 -map 1 {X264} -c:v:1 png -disposition:v:1 attached_pic"
        ),
    );
    add(
        "vfr.mp4",
        format!(
            "{} -vf select='not(mod(n\\,3))+not(mod(n\\,7))' -fps_mode vfr {X264}",
            picture("384x360", "25", 6.0)
        ),
    );
    add(
        "vfr.mkv",
        format!(
            "{} -vf select='not(mod(n\\,3))+not(mod(n\\,7))' -fps_mode vfr {X264}",
            picture("384x360", "25", 6.0)
        ),
    );
    add(
        "negative-start.mp4",
        format!("{five} -vf setpts=PTS-1/TB {X264} -avoid_negative_ts disabled"),
    );
    add(
        "late-start.mp4",
        format!("{five} -vf setpts=PTS+3/TB {X264}"),
    );
    add(
        "late-start.ts",
        format!("{five} {X264} -output_ts_offset 1000"),
    );
    add(
        "timecode.mov",
        format!("{five} {X264} -timecode 01:00:00:00"),
    );
    add(
        "created.mp4",
        format!(
            "{five} {X264} -metadata creation_time=2022-12-11T11:20:58Z -metadata location=+52.5186+013.4080/"
        ),
    );
    add("subtitled.mkv", format!("{five} {X264} -metadata title=x"));
    add(
        SOURCE,
        format!("{} {X264} -g 250", picture("384x360", "25", 10.0)),
    );
}

/// Files without video.
fn sounds(add: &mut dyn FnMut(&str, String)) {
    let tone = "-f lavfi -i sine=sample_rate=48000:duration=5";
    add("sound-only.m4a", format!("{tone} -c:a aac"));
    add("sound-only.mp3", format!("{tone} -c:a libmp3lame"));
    add("sound-only.wav", tone.to_owned());
    add("sound-only.flac", format!("{tone} -c:a flac"));
    add("sound-only.ogg", format!("{tone} -c:a libvorbis"));
}

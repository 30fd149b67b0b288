//! Parses the output of FFmpeg's `framecrc` and `framehash` muxers: one line for each packet or
//! decoded frame of every stream.

use std::collections::BTreeMap;

use super::outline::Outline;

/// Flags of a packet in `framecrc`; libavcodec `packet.h`: `AV_PKT_FLAG_KEY` and
/// `AV_PKT_FLAG_DISCARD`.
const FLAG_KEY: u32 = 1;
const FLAG_DISCARD: u32 = 4;

/// Parses a `framecrc` list of packets. Stream 0 is the one that is cut; the others are divided by
/// time.
#[derive(Debug, Clone, Default)]
pub struct PacketReader {
    /// Time base of each stream in seconds.
    units: BTreeMap<u32, f64>,
    outline: Outline,
    streams: BTreeMap<u32, StreamPackets>,
}

/// Totals of one stream in a list of packets. Times are in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct StreamPackets {
    /// All packets.
    pub packets: u64,
    /// Packets that are presented, not only decoded.
    pub shown: u64,
    /// The earliest presentation time of a presented packet.
    pub start: Option<f64>,
    /// End of the last presented packet.
    pub end: f64,
}

impl StreamPackets {
    /// Duration of the stream, in seconds.
    pub fn seconds(&self) -> f64 {
        self.start.map_or(0.0, |start| (self.end - start).max(0.0))
    }
}

impl PacketReader {
    /// Creates an empty reader.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses one line. Unknown lines are ignored.
    pub fn line(&mut self, line: &str) {
        if let Some((stream, unit)) = unit(line) {
            self.units.insert(stream, unit);
            self.streams.entry(stream).or_default();
            return;
        }
        let mut fields = line.split(',').map(str::trim);
        let mut field = || fields.next();
        let (Some(stream), Some(_dts), Some(pts), Some(duration), Some(size)) =
            (field(), field(), field(), field(), field())
        else {
            return;
        };
        let (Ok(stream), Ok(size)) = (stream.parse::<u32>(), size.parse::<u64>()) else {
            return;
        };
        let Some(unit) = self.units.get(&stream) else {
            return;
        };
        // Flags are written only if they differ from those of a plain key frame.
        let flags = fields
            .find_map(|field| field.strip_prefix("F=0x"))
            .map_or(FLAG_KEY, |flags| {
                u32::from_str_radix(flags, 16).unwrap_or(0)
            });
        let hidden = flags & FLAG_DISCARD != 0;
        let seconds = stamp(pts).map_or(f64::NAN, |pts| pts * unit);
        let duration = stamp(duration).unwrap_or(0.0) * unit;
        let tally = self.streams.entry(stream).or_default();
        tally.packets += 1;
        if !hidden {
            tally.shown += 1;
            if seconds.is_finite() {
                tally.start = Some(tally.start.map_or(seconds, |start| start.min(seconds)));
                tally.end = tally.end.max(seconds + duration);
            }
        }
        match (stream, hidden) {
            (0, true) => self.outline.hidden_packet(seconds, size),
            (0, false) => self
                .outline
                .packet(seconds, duration, size, flags & FLAG_KEY != 0),
            (_, true) => self.outline.other_packet(f64::NAN, 0.0, size),
            (_, false) => self.outline.other_packet(seconds, duration, size),
        }
    }

    /// The outline for cutting the listed file.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// Totals of each stream, by its number in the list.
    pub fn streams(&self) -> &BTreeMap<u32, StreamPackets> {
        &self.streams
    }
}

/// Parses the decoded frames of stream 0 in a `framehash` list. Other streams are ignored.
#[derive(Debug, Clone, Default)]
pub struct FrameReader {
    unit: f64,
    frames: Vec<(f64, String)>,
}

impl FrameReader {
    /// Creates an empty reader.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses one line. Unknown lines are ignored.
    pub fn line(&mut self, line: &str) {
        if let Some((stream, unit)) = unit(line) {
            if stream == 0 {
                self.unit = unit;
            }
            return;
        }
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        if let [stream, _dts, pts, _duration, _size, hash, ..] = fields[..]
            && stream == "0"
            && let Some(pts) = stamp(pts)
        {
            self.frames.push((pts * self.unit, hash.to_owned()));
        }
    }

    /// Presentation time in seconds and hash of every frame, in display order.
    pub fn frames(&self) -> &[(f64, String)] {
        &self.frames
    }
}

/// Stream and time base in seconds of a line such as `#tb 0: 1/12800`.
fn unit(line: &str) -> Option<(u32, f64)> {
    let (stream, unit) = line.strip_prefix("#tb ")?.split_once(':')?;
    let (num, den) = unit.trim().split_once('/')?;
    let unit = num.parse::<f64>().ok()? / den.parse::<f64>().ok()?;
    (unit.is_finite() && unit > 0.0).then_some((stream.trim().parse().ok()?, unit))
}

/// A timestamp, if there is one: `AV_NOPTS_VALUE` is the smallest 64-bit number, and later versions
/// write `NOPTS`.
fn stamp(text: &str) -> Option<f64> {
    let value = text.parse::<i64>().ok()?;
    // The conversion is exact for every timestamp below 2^53.
    (value != i64::MIN).then_some(value as f64)
}

#[cfg(test)]
mod tests {
    use super::super::cuts::{CannotSplit, Limits, cuts};
    use super::*;

    const LIST: &str = "#software: Lavf59\n#tb 0: 1/10\n#media_type 0: video\n#tb 1: 1/1000\n#media_type 1: audio\n\
                        0,         -5,         -5,        5,      100, 0x1, F=0x5\n\
                        0,          0,          0,        5,      100, 0x1\n\
                        1,          0,          0,      500,       10, 0x2\n\
                        0,          5,         10,        5,       50, 0x3, F=0x0\n\
                        0,         15,         20,       10,      100, 0x4\n\
                        nonsense\n9, 1, 1, 1, 1, 0x5\n";

    fn read(text: &str) -> PacketReader {
        let mut reader = PacketReader::new();
        text.lines().for_each(|line| reader.line(line));
        reader
    }

    #[test]
    fn framecrc_output_is_parsed() {
        let reader = read(LIST);
        let outline = reader.outline();
        assert_eq!(
            (
                outline.key_frames(),
                outline.shown(),
                outline.duration_seconds(),
                outline.bytes()
            ),
            (1, 3, 3.0, 360)
        );
        assert!(outline.begins_hidden());
        let video = StreamPackets {
            packets: 4,
            shown: 3,
            start: Some(0.0),
            end: 3.0,
        };
        assert_eq!(reader.streams()[&0], video);
        assert_eq!(reader.streams()[&1].seconds(), 0.5);
    }

    #[test]
    fn packets_without_times_prevent_cutting() {
        let nothing = format!("0, 25, {}, 5, 1, 0x1, F=0x0\n", i64::MIN);
        for more in [nothing.as_str(), "0, 25, NOPTS, 5, 1, 0x1, F=0x0\n"] {
            let reader = read(&format!("{LIST}{more}"));
            let limits = Limits {
                max_seconds: Some(2.0),
                ..Default::default()
            };
            assert_eq!(cuts(reader.outline(), &limits), Err(CannotSplit::NoTimes));
        }
    }

    #[test]
    fn framehash_output_is_parsed() {
        let mut reader = FrameReader::new();
        for line in [
            "#format: frame checksums",
            "#tb 0: 1/25",
            "#tb 1: 1/1000",
            "0, 0, 50, 1, 9, abc",
            "1, 0, 50, 1, 9, def",
            "x",
            "0, 1",
        ] {
            reader.line(line);
        }
        assert_eq!(reader.frames(), [(2.0, "abc".to_owned())]);
    }
}

//! Parser for HTTP Live Streaming playlists (RFC 8216): which files in which order make up a
//! recording, and how long it is. The platform accepts URLs of recordings (VOD) and rejects live
//! streams (official Python client 1.3.6, `assets.create`). It does no I/O.

use std::fmt;

/// Maximum number of segments of a recording: 4 hours, the longest video that any rule pack
/// accepts, in segments of one second.
const MAX_SEGMENTS: usize = 4 * 3600;

/// A parsed playlist.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Playlist {
    /// A master playlist: the same recording in several qualities.
    Master {
        /// The URI of the quality with the highest bandwidth, relative to the playlist.
        best: String,
    },
    /// A media playlist: a recording.
    Media {
        /// Its segments in order.
        segments: Vec<Segment>,
        /// The sum of the durations of the segments, in seconds.
        seconds: f64,
    },
}

/// Why a text is not the playlist of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaylistError {
    is_encrypted: bool,
    reason: String,
}

impl fmt::Display for PlaylistError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for PlaylistError {}

impl PlaylistError {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            is_encrypted: false,
            reason: reason.into(),
        }
    }

    /// Whether the playlist is valid, but the segments cannot be read without a key.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }
}

/// A file, or a byte range of one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// URI, relative to the playlist.
    pub uri: String,
    /// Offset and length in bytes, for a byte range.
    pub range: Option<(u64, u64)>,
}

/// Parses a playlist.
///
/// ```
/// use tl_validate::playlist::{self, Playlist};
///
/// let text = "#EXTM3U\n#EXTINF:4.5,\na.ts\n#EXTINF:2,\nb.ts\n#EXT-X-ENDLIST";
/// let Playlist::Media { segments, seconds } = playlist::parse(text)? else { unreachable!() };
/// assert_eq!((segments.len(), seconds), (2, 6.5));
/// # Ok::<(), tl_validate::playlist::PlaylistError>(())
/// ```
///
/// # Errors
/// If the text is no playlist, or that of a live stream or of an encrypted recording.
pub fn parse(text: &str) -> Result<Playlist, PlaylistError> {
    let mut lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    if lines.next() != Some("#EXTM3U") {
        return Err(PlaylistError::new(
            "it is no playlist: it does not begin with #EXTM3U",
        ));
    }
    let mut best: Option<(u64, String)> = None;
    let mut segments: Vec<Segment> = Vec::new();
    let mut bandwidth = None;
    let mut range = None;
    let (mut has_end, mut is_segment, mut seconds) = (false, false, 0.0);
    for line in lines {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-STREAM-INF" => {
                let value = attribute(value, "BANDWIDTH").and_then(|value| value.parse().ok());
                bandwidth = Some(value.unwrap_or(0));
            }
            "#EXT-X-KEY" if attribute(value, "METHOD") != Some("NONE") => {
                return Err(PlaylistError {
                    is_encrypted: true,
                    ..PlaylistError::new("the recording is encrypted")
                });
            }
            "#EXT-X-MAP" => {
                let uri = attribute(value, "URI")
                    .ok_or_else(|| PlaylistError::new("#EXT-X-MAP has no URI"))?
                    .to_owned();
                let range = match attribute(value, "BYTERANGE") {
                    Some(value) => Some(byte_range(value, &uri, &segments)?),
                    None => None,
                };
                add(&mut segments, Segment { uri, range })?;
            }
            "#EXT-X-BYTERANGE" => range = Some(value.to_owned()),
            "#EXTINF" => {
                is_segment = true;
                let length = value.split(',').next().unwrap_or_default();
                let length: Option<f64> = length.trim().parse().ok();
                seconds += length
                    .filter(|length| *length > 0.0 && length.is_finite())
                    .unwrap_or(0.0);
            }
            "#EXT-X-ENDLIST" => has_end = true,
            _ if line.starts_with('#') => {}
            _ => {
                let uri = line.to_owned();
                if let Some(bandwidth) = bandwidth.take() {
                    if best
                        .as_ref()
                        .is_none_or(|(highest, _)| bandwidth > *highest)
                    {
                        best = Some((bandwidth, uri));
                    }
                } else if std::mem::take(&mut is_segment) {
                    let range = match range.take() {
                        Some(value) => Some(byte_range(&value, &uri, &segments)?),
                        None => None,
                    };
                    add(&mut segments, Segment { uri, range })?;
                }
            }
        }
    }
    match best {
        Some((_, best)) => Ok(Playlist::Master { best }),
        None if segments.is_empty() => Err(PlaylistError::new("the playlist is empty")),
        None if !has_end => Err(PlaylistError::new(
            "the playlist is that of a live stream; only recordings are taken, which end with #EXT-X-ENDLIST",
        )),
        None => Ok(Playlist::Media { segments, seconds }),
    }
}

fn add(segments: &mut Vec<Segment>, segment: Segment) -> Result<(), PlaylistError> {
    if segments.len() == MAX_SEGMENTS {
        return Err(PlaylistError::new(format!(
            "the playlist has more than {MAX_SEGMENTS} pieces"
        )));
    }
    segments.push(segment);
    Ok(())
}

/// Parses `n@o`, or `n` alone: a range that follows the previous segment of the same file.
fn byte_range(value: &str, uri: &str, before: &[Segment]) -> Result<(u64, u64), PlaylistError> {
    let wrong = || {
        PlaylistError::new(format!(
            "`{}` is no byte range",
            value.chars().take(40).collect::<String>()
        ))
    };
    let (count, start) = match value.split_once('@') {
        Some((count, start)) => (count, start.parse::<u64>().map_err(|_| wrong())?),
        None => {
            let last = before.last().filter(|last| last.uri == uri);
            let (start, count) = last.and_then(|last| last.range).ok_or_else(wrong)?;
            (value, start.checked_add(count).ok_or_else(wrong)?)
        }
    };
    let count = count.parse::<u64>().map_err(|_| wrong())?;
    match start.checked_add(count) {
        Some(_) if count > 0 => Ok((start, count)),
        _ => Err(wrong()),
    }
}

/// The value of an attribute in an attribute list. Commas in quotation marks do not separate.
fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = list;
    loop {
        let (key, more) = rest.split_once('=')?;
        let (value, more) = match more.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => more.split_at(more.find(',').unwrap_or(more.len())),
        };
        if key.trim() == name {
            return Some(value);
        }
        rest = more.strip_prefix(',')?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(uri: &str, range: Option<(u64, u64)>) -> Segment {
        Segment {
            uri: uri.to_owned(),
            range,
        }
    }

    #[test]
    fn parses_master_and_media_playlists() {
        let master = "#EXTM3U\n#EXT-X-STREAM-INF:CODECS=\"a,b\",BANDWIDTH=100\nlow.m3u8\n\n#EXT-X-STREAM-INF:BANDWIDTH=900\nhigh.m3u8\n";
        let best = "high.m3u8".to_owned();
        assert_eq!(parse(master), Ok(Playlist::Master { best }));
        let parts = "#EXTM3U\r\n#EXT-X-KEY:METHOD=NONE\r\n#EXT-X-MAP:URI=\"s.mp4\",BYTERANGE=\"10@0\"\r\n#EXTINF:4.0,\r\n#EXT-X-BYTERANGE:5@10\r\ns.mp4\r\n#EXTINF:4.0,\r\n#EXT-X-BYTERANGE:7\r\ns.mp4\r\n#EXT-X-ENDLIST\r\n";
        let segments = vec![
            segment("s.mp4", Some((0, 10))),
            segment("s.mp4", Some((10, 5))),
            segment("s.mp4", Some((15, 7))),
        ];
        let seconds = 8.0;
        assert_eq!(parse(parts), Ok(Playlist::Media { segments, seconds }));
        let whole = "#EXTM3U\n#EXTINF:4,\na.ts\n#EXTINF:4,\nb.ts\n#EXT-X-ENDLIST";
        let segments = vec![segment("a.ts", None), segment("b.ts", None)];
        assert_eq!(parse(whole), Ok(Playlist::Media { segments, seconds }));
    }

    #[test]
    fn invalid_playlists_are_rejected_with_a_reason() {
        for (text, value) in [
            ("", "no playlist"),
            ("<html>", "no playlist"),
            ("#EXTM3U\n#EXT-X-ENDLIST", "empty"),
            ("#EXTM3U\n#EXTINF:4,\na.ts\n", "live stream"),
            (
                "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:4,\na.ts\n#EXT-X-ENDLIST",
                "encrypted",
            ),
            ("#EXTM3U\n#EXT-X-MAP:X=1\n", "no URI"),
            (
                "#EXTM3U\n#EXTINF:4,\n#EXT-X-BYTERANGE:5\na.ts\n#EXT-X-ENDLIST",
                "no byte range",
            ),
            (
                "#EXTM3U\n#EXTINF:4,\n#EXT-X-BYTERANGE:5@18446744073709551615\na.ts\n",
                "no byte range",
            ),
            (
                "#EXTM3U\n#EXTINF:4,\n#EXT-X-BYTERANGE:0@1\na.ts\n",
                "no byte range",
            ),
        ] {
            let reason = parse(text).unwrap_err().to_string();
            assert!(reason.contains(value), "{text}: {reason}");
        }
        let many = format!("#EXTM3U\n{}", "#EXTINF:1,\na.ts\n".repeat(MAX_SEGMENTS + 1));
        assert!(parse(&many).unwrap_err().to_string().contains("more than"));
    }
}

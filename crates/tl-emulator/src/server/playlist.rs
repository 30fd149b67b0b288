//! Parser for HTTP Live Streaming playlists (RFC 8216), as far as the emulator needs it: which
//! files in which order make up the recording. It does no I/O.

/// Maximum number of segments of a recording: 4 hours, the longest video that any rule pack
/// accepts, in segments of one second.
const MAX_SEGMENTS: usize = 4 * 3600;

/// A parsed playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Playlist {
    /// A master playlist: the same recording in several qualities. `best` has the highest
    /// bandwidth.
    Master { best: String },
    /// A media playlist: the segments of a recording in order.
    Media { segments: Vec<Segment> },
}

/// A file, or a byte range of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// URI, relative to the playlist.
    pub(super) uri: String,
    /// Offset and length in bytes, for a byte range.
    pub(super) range: Option<(u64, u64)>,
}

/// Parses a playlist.
///
/// # Errors
/// Returns a reason for humans.
pub(super) fn parse(text: &str) -> Result<Playlist, String> {
    let mut lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    if lines.next() != Some("#EXTM3U") {
        return Err("it is no playlist: it does not begin with #EXTM3U".to_owned());
    }
    let mut best: Option<(u64, String)> = None;
    let mut segments: Vec<Segment> = Vec::new();
    let mut bandwidth = None;
    let mut range = None;
    let (mut has_end, mut is_segment) = (false, false);
    for line in lines {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-STREAM-INF" => {
                let value = attribute(value, "BANDWIDTH").and_then(|value| value.parse().ok());
                bandwidth = Some(value.unwrap_or(0));
            }
            "#EXT-X-KEY" if attribute(value, "METHOD") != Some("NONE") => {
                return Err("the recording is encrypted".to_owned());
            }
            "#EXT-X-MAP" => {
                let uri = attribute(value, "URI")
                    .ok_or_else(|| "#EXT-X-MAP has no URI".to_owned())?
                    .to_owned();
                let range = match attribute(value, "BYTERANGE") {
                    Some(value) => Some(byte_range(value, &uri, &segments)?),
                    None => None,
                };
                add(&mut segments, Segment { uri, range })?;
            }
            "#EXT-X-BYTERANGE" => range = Some(value.to_owned()),
            "#EXTINF" => is_segment = true,
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
        None if segments.is_empty() => Err("the playlist is empty".to_owned()),
        None if !has_end => Err(
            "the playlist is that of a live stream; only recordings are taken, which end with #EXT-X-ENDLIST"
                .to_owned(),
        ),
        None => Ok(Playlist::Media { segments }),
    }
}

fn add(segments: &mut Vec<Segment>, segment: Segment) -> Result<(), String> {
    if segments.len() == MAX_SEGMENTS {
        return Err(format!("the playlist has more than {MAX_SEGMENTS} pieces"));
    }
    segments.push(segment);
    Ok(())
}

/// Parses `n@o`, or `n` alone: a range that follows the previous segment of the same file.
fn byte_range(value: &str, uri: &str, before: &[Segment]) -> Result<(u64, u64), String> {
    let wrong = || {
        format!(
            "`{}` is no byte range",
            value.chars().take(40).collect::<String>()
        )
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
        assert_eq!(parse(parts), Ok(Playlist::Media { segments }));
        let whole = "#EXTM3U\n#EXTINF:4,\na.ts\n#EXTINF:4,\nb.ts\n#EXT-X-ENDLIST";
        let segments = vec![segment("a.ts", None), segment("b.ts", None)];
        assert_eq!(parse(whole), Ok(Playlist::Media { segments }));
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
            let reason = parse(text).unwrap_err();
            assert!(reason.contains(value), "{text}: {reason}");
        }
        let many = format!("#EXTM3U\n{}", "#EXTINF:1,\na.ts\n".repeat(MAX_SEGMENTS + 1));
        assert!(parse(&many).unwrap_err().contains("more than"));
    }
}

//! Maps boxes of mp4 and mov to facts.

use mp4_atom::{
    Atom, Codec, Decode, DecodeAtom, Elst, Esds, Hdlr, Header, Mdhd, Mehd, Mvhd, Pasp, Stsd, Stts,
    Tkhd, Visual,
};

use super::source::Source;
use crate::facts::{self, AudioStream, MediaFacts, VideoStream};
use crate::probe::container::boxes::in_memory;
use crate::probe::{ProbeError, ProbeErrorKind, container, media_type};

const FORMAT: &str = "mov,mp4,m4a,3gp,3g2,mj2";

/// Maximum number of tracks, as for a full probe.
const MAX_TRACKS: usize = 64;

/// Size of a visual sample entry before its child boxes.
const VISUAL_BYTES: usize = 78;

/// Seconds from 1904, the epoch of mov, to 1970.
const EPOCH_SECONDS: i64 = 2_082_844_800;

pub(super) fn facts(source: &mut Source<'_>) -> Result<MediaFacts, ProbeError> {
    let (brand, movie) = movie(source)?;
    let outline = container::inspect(FORMAT, source.size(), &mut |offset, into| {
        source.peek(offset, into)
    });
    if outline.external_data {
        let seen = "the file refers to another file for its video or audio";
        return Err(ProbeError::new(ProbeErrorKind::Nested, "", seen).with_format(FORMAT));
    }
    let header: Option<Mvhd> = child(&movie, b"mvhd");
    let timescale = header
        .as_ref()
        .map_or(0.0, |header| f64::from(header.timescale));
    let fragments = inside(&movie, &[b"mvex"]).and_then(|mvex| child::<Mehd>(mvex, b"mehd"));
    let scaled = |ticks: u64| {
        // All ones, in 32 or 64 bits, mean "unknown".
        (timescale > 0.0 && ticks != u64::from(u32::MAX) && ticks != u64::MAX)
            .then(|| ticks as f64 / timescale)
            .filter(|seconds| *seconds > 0.0)
    };
    // The header of a fragmented file covers only its first fragment.
    let whole = if outline.fragmented {
        outline
            .indexed_seconds
            .or_else(|| scaled(fragments?.fragment_duration))
    } else {
        header.as_ref().and_then(|header| scaled(header.duration))
    };
    let mut facts = MediaFacts {
        file_container_format: Some(FORMAT.to_owned()),
        container_creation_time: header.as_ref().and_then(|h| creation_time(h.creation_time)),
        container_duration_seconds: whole,
        truncated: outline.truncated,
        fragmented: outline.fragmented,
        edit_list: outline.edit_list,
        ..MediaFacts::default()
    };
    let tracks = in_memory(&movie).filter(|(kind, _)| kind == b"trak");
    for (index, (_, track)) in tracks.take(MAX_TRACKS).enumerate() {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let track = Track {
            index,
            body: track,
            movie_timescale: timescale,
            whole: whole.filter(|_| outline.fragmented),
            fragmented: outline.fragmented,
        };
        match track.handler().as_ref() {
            Some(b"vide") => facts.video_streams.extend(track.video()),
            Some(b"soun") => facts.audio_streams.extend(track.audio()),
            _ => {}
        }
    }
    facts.file_mime_type = Some(media_type::of_mov(&brand, facts.video().is_some()));
    Ok(facts)
}

/// The major brand and the content of the movie box.
fn movie(source: &mut Source<'_>) -> Result<(String, Vec<u8>), ProbeError> {
    let broken = |seen: &str| ProbeError::new(ProbeErrorKind::Broken, "", seen).with_format(FORMAT);
    let index = container::mov_index(source.size(), &mut |offset, into| source.peek(offset, into));
    let movie = index.movie.ok_or_else(|| {
        broken("the index of the file (the box `moov`) is missing: the file is truncated or was not finalized")
    })?;
    let content = source
        .bytes(movie.body, movie.end - movie.body)
        .ok_or_else(|| broken("the file ends within its index (the box `moov`)"))?;
    let brand = index.brand.unwrap_or_default();
    Ok((String::from_utf8_lossy(&brand).into_owned(), content))
}

/// The content of the box at a path.
fn inside<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, wanted| {
        in_memory(bytes)
            .find(|(kind, _)| kind == *wanted)
            .map(|(_, body)| body)
    })
}

/// Decodes the first box of a type.
fn child<T: Atom>(bytes: &[u8], kind: &[u8; 4]) -> Option<T> {
    let mut body = inside(bytes, &[kind])?;
    let header = Header {
        kind: T::KIND,
        size: Some(body.len()),
    };
    T::decode_atom(&header, &mut body).ok()
}

fn creation_time(since_1904: u64) -> Option<String> {
    let seconds = i64::try_from(since_1904).ok().filter(|s| *s > 0)? - EPOCH_SECONDS;
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

struct Track<'a> {
    index: u32,
    body: &'a [u8],
    movie_timescale: f64,
    /// The duration of the whole file, if it is fragmented and contains it.
    whole: Option<f64>,
    fragmented: bool,
}

impl Track<'_> {
    fn media(&self) -> Option<&[u8]> {
        inside(self.body, &[b"mdia"])
    }

    fn handler(&self) -> Option<[u8; 4]> {
        let handler: Hdlr = child(self.media()?, b"hdlr")?;
        Some(handler.handler.into())
    }

    fn samples(&self) -> Option<&[u8]> {
        inside(self.media()?, &[b"minf", b"stbl"])
    }

    fn media_header(&self) -> Option<Mdhd> {
        child(self.media()?, b"mdhd")
    }

    /// Number of samples and their total duration in seconds.
    fn table(&self) -> Option<(u64, f64)> {
        let timescale = f64::from(self.media_header()?.timescale);
        let table: Stts = child(self.samples()?, b"stts")?;
        let (mut count, mut ticks) = (0u64, 0f64);
        for entry in &table.entries {
            count = count.saturating_add(u64::from(entry.sample_count));
            ticks += f64::from(entry.sample_count) * f64::from(entry.sample_delta);
        }
        (count > 0 && ticks > 0.0 && timescale > 0.0).then(|| (count, ticks / timescale))
    }

    fn seconds(&self) -> Option<f64> {
        if self.fragmented {
            return self.whole;
        }
        self.edited().or_else(|| Some(self.table()?.1)).or_else(|| {
            let header = self.media_header()?;
            let seconds = header.duration as f64 / f64::from(header.timescale);
            (seconds.is_finite() && seconds > 0.0).then_some(seconds)
        })
    }

    /// The duration that the edit list presents.
    fn edited(&self) -> Option<f64> {
        let list: Elst = child(inside(self.body, &[b"edts"])?, b"elst")?;
        let shown = list
            .entries
            .iter()
            .filter(|entry| entry.media_time.is_some());
        let ticks: f64 = shown.map(|entry| entry.segment_duration as f64).sum();
        (ticks > 0.0 && self.movie_timescale > 0.0).then(|| ticks / self.movie_timescale)
    }

    /// The first sample entry: its type, its bytes after the header, and the decoded codec.
    fn entry(&self) -> Option<([u8; 4], &[u8], Option<Codec>)> {
        let table = inside(self.samples()?, &[b"stsd"])?;
        // Version, flags and count precede the entries.
        let (kind, body) = in_memory(table.get(8..)?).next()?;
        let decoded: Option<Stsd> = child(self.samples()?, b"stsd");
        Some((
            kind,
            body,
            decoded.and_then(|all| all.codecs.into_iter().next()),
        ))
    }

    fn video(&self) -> Option<VideoStream> {
        let (kind, body, codec) = self.entry()?;
        let visual = match codec.as_ref().and_then(Codec::visual) {
            Some(visual) => visual.clone(),
            None => Visual::decode(&mut &*body).ok()?,
        };
        let track: Option<Tkhd> = child(self.body, b"tkhd");
        let (width, height) = (u32::from(visual.width), u32::from(visual.height));
        let boxes = body.get(VISUAL_BYTES..).unwrap_or_default();
        let sample_aspect = child::<Pasp>(boxes, b"pasp")
            .map(|aspect| (aspect.h_spacing, aspect.v_spacing))
            .filter(|(h, v)| *h > 0 && *v > 0);
        let table = self.table();
        let fps = table.map(|(count, seconds)| count as f64 / seconds);
        Some(VideoStream {
            index: self.index,
            codec: match (&kind, object_type(boxes)) {
                (b"mp4v", Some(0x60..=0x65)) => "mpeg2video".to_owned(),
                (b"mp4v", Some(0x6a)) => "mpeg1video".to_owned(),
                (b"mp4v", Some(0x6c)) => "mjpeg".to_owned(),
                _ => video_codec(kind),
            },
            codec_tag: tag(kind),
            width,
            height,
            fps,
            avg_fps: fps,
            frames: table.map(|(count, _)| count),
            duration_seconds: self.seconds(),
            rotation: track.as_ref().and_then(rotation),
            default: track.is_some_and(|track| track.enabled),
            pixel_aspect_ratio: sample_aspect.map(|(n, d)| format!("{n}:{d}")),
            display_aspect_ratio: facts::display_aspect(width, height, sample_aspect),
            sample_aspect,
            ..VideoStream::default()
        })
    }

    fn audio(&self) -> Option<AudioStream> {
        let (kind, _, codec) = self.entry()?;
        let audio = codec.as_ref().and_then(Codec::audio);
        // For AAC the sample entry always contains two channels; the decoder configuration has the
        // actual number.
        let (object_type, channels) = match &codec {
            Some(Codec::Mp4a(entry)) => {
                let config = &entry.esds.es_desc.dec_config;
                let channels = config.dec_specific.as_ref().map_or(0, |d| d.chan_conf);
                (Some(config.object_type_indication), channels)
            }
            _ => (None, 0),
        };
        let channels = match channels {
            1..=6 => Some(u32::from(channels)),
            7 => Some(8),
            _ => audio
                .map(|audio| u32::from(audio.channel_count))
                .filter(|count| *count > 0),
        };
        let language = self.media_header().map(|header| header.language);
        Some(AudioStream {
            index: self.index,
            codec: match object_type {
                Some(0x69 | 0x6b) => "mp3".to_owned(),
                _ => audio_codec(kind),
            },
            sample_rate: audio
                .map(|audio| u32::from(audio.sample_rate.integer()))
                .filter(|rate| *rate > 0),
            channels,
            language: language.filter(|l| l != "und" && l.bytes().all(|b| b.is_ascii_lowercase())),
            duration_seconds: self.seconds(),
            ..AudioStream::default()
        })
    }
}

/// The object type of an MPEG-4 sample entry, as numbered in ISO/IEC 14496-1.
fn object_type(boxes: &[u8]) -> Option<u8> {
    let descriptor: Esds = child(boxes, b"esds")?;
    Some(descriptor.es_desc.dec_config.object_type_indication)
}

/// The clockwise rotation of a track's matrix, if any.
fn rotation(track: &Tkhd) -> Option<i32> {
    let (a, b) = (f64::from(track.matrix.a), f64::from(track.matrix.b));
    let degrees = b.atan2(a).to_degrees().round() as i32;
    Some(degrees.rem_euclid(360)).filter(|degrees| *degrees != 0)
}

fn tag(kind: [u8; 4]) -> Option<String> {
    let plain = kind.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    plain.then(|| String::from_utf8_lossy(&kind).trim_end().to_owned())
}

/// FFmpeg's name of the codec if known, otherwise the four-character code in the file.
fn video_codec(kind: [u8; 4]) -> String {
    let known = match &kind {
        b"avc1" | b"avc3" => "h264",
        b"hvc1" | b"hev1" => "hevc",
        b"vp08" => "vp8",
        b"vp09" => "vp9",
        b"av01" => "av1",
        b"mp4v" => "mpeg4",
        b"jpeg" | b"mjpa" | b"mjpb" => "mjpeg",
        b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4h" | b"ap4x" => "prores",
        b"s263" => "h263",
        b"m2v1" | b"mp2v" => "mpeg2video",
        kind => return tag(*kind).unwrap_or_default(),
    };
    known.to_owned()
}

fn audio_codec(kind: [u8; 4]) -> String {
    let known = match &kind {
        b"mp4a" => "aac",
        b".mp3" => "mp3",
        b"Opus" => "opus",
        b"fLaC" => "flac",
        b"ac-3" => "ac3",
        b"ec-3" => "eac3",
        b"samr" => "amr_nb",
        b"sowt" => "pcm_s16le",
        b"twos" => "pcm_s16be",
        b"in24" => "pcm_s24be",
        kind => return tag(*kind).unwrap_or_default(),
    };
    known.to_owned()
}

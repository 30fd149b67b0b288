//! Identifies images and documents by their first bytes and their names. The platform accepts them
//! as assets, but the prober only reads video and audio.
//!
//! Images are JPEG, PNG, WebP, GIF and BMP (the formats of the models of October 2026); documents
//! are PDF, text and Markdown. A document whose content does not match its extension is rejected,
//! as on the platform.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use tl_model::TechnicalMetadata;

use crate::platform::StaticFile;

/// Maximum number of bytes of an image that are read; the platform accepts 32 MB.
const MAX_IMAGE_BYTES: u64 = 64 << 20;
/// Where the markers of a PDF are: in its first and last bytes (ISO 32000-1, annex H).
const PDF_MARKER_WINDOW: usize = 1024;

/// Identifies a file. Returns an error if it is a broken image or document, and `None` if it is
/// neither.
pub(super) fn identify(path: &Path, filename: &str) -> Option<Result<StaticFile, String>> {
    // The prober reports files that cannot be read.
    read(path, filename).unwrap_or_default()
}

fn read(path: &Path, filename: &str) -> io::Result<Option<Result<StaticFile, String>>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut head = Vec::new();
    (&mut file)
        .take(PDF_MARKER_WINDOW as u64)
        .read_to_end(&mut head)?;
    file.rewind()?;
    let extension = filename
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension)
        .to_ascii_lowercase();
    if let Some(format) = Image::of(&head) {
        let mut bytes = Vec::new();
        file.take(MAX_IMAGE_BYTES).read_to_end(&mut bytes)?;
        return Ok(Some(image(format, &bytes, size)));
    }
    let is_pdf = head.windows(5).any(|five| five == b"%PDF-");
    match extension.as_str() {
        "pdf" if is_pdf => Ok(Some(pdf(&mut file, &head, size)?)),
        "pdf" => Ok(Some(Err(
            "its name says PDF, and its content is none".to_owned()
        ))),
        "txt" | "md" => {
            let kind = if extension == "md" {
                "text/markdown"
            } else {
                "text/plain"
            };
            Ok(Some(match is_text(file)? {
                true if size > 0 => Ok(static_file(kind, size)),
                true => Err("it is empty".to_owned()),
                false => Err("its name says text, and its content is none".to_owned()),
            }))
        }
        _ if is_pdf && head.starts_with(b"%PDF-") => Ok(Some(Err(
            "its content is a PDF, and its name says something else".to_owned(),
        ))),
        _ => Ok(None),
    }
}

fn static_file(kind: &str, size: u64) -> StaticFile {
    let mut technical = TechnicalMetadata::default();
    technical.file_size_bytes = Some(size);
    technical.file_mime_type = Some(kind.to_owned());
    StaticFile::new(technical)
}

fn pdf(file: &mut File, head: &[u8], size: u64) -> io::Result<Result<StaticFile, String>> {
    let margin = (PDF_MARKER_WINDOW as u64).min(size);
    file.seek(SeekFrom::Start(size - margin))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    if !tail.windows(5).any(|five| five == b"%%EOF") {
        return Ok(Err("the PDF has no end: it is cut off".to_owned()));
    }
    let mut found = static_file("application/pdf", size);
    let version = head
        .windows(8)
        .find_map(|eight| eight.strip_prefix(b"%PDF-"));
    found.technical.document_pdf_version = version
        .and_then(|version| std::str::from_utf8(version).ok())
        .filter(|version| {
            version
                .chars()
                .all(|sign| sign.is_ascii_digit() || sign == '.')
        })
        .map(str::to_owned);
    found.technical.document_is_encrypted = Some(tail.windows(8).any(|eight| eight == b"/Encrypt"));
    Ok(Ok(found))
}

/// Whether a file is UTF-8 text without NUL bytes.
fn is_text(file: File) -> io::Result<bool> {
    let mut reader = BufReader::new(file);
    let mut rest = Vec::new();
    let mut piece = [0; 64 * 1024];
    loop {
        let read = reader.read(&mut piece)?;
        if read == 0 {
            return Ok(rest.is_empty());
        }
        rest.extend_from_slice(&piece[..read]);
        let valid = match std::str::from_utf8(&rest) {
            Ok(text) => text.len(),
            // A character may continue in the next piece.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Ok(false),
        };
        if rest[..valid].contains(&0) {
            return Ok(false);
        }
        rest.drain(..valid);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Image {
    Jpeg,
    Png,
    WebP,
    Gif,
    Bmp,
}

impl Image {
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            // Check the header length as well: two letters alone are ambiguous.
            [
                b'B',
                b'M',
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                12 | 40 | 52 | 56 | 64 | 108 | 124,
                0,
                0,
                0,
                ..,
            ] => Some(Self::Bmp),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
        }
    }
}

/// Fields of an image header.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    width: u32,
    height: u32,
    bits: Option<u32>,
    alpha: bool,
    animated: bool,
    orientation: Option<u32>,
}

fn image(format: Image, bytes: &[u8], size: u64) -> Result<StaticFile, String> {
    let header = match format {
        Image::Jpeg => jpeg(bytes),
        Image::Png => png(bytes),
        Image::WebP => webp(bytes),
        Image::Gif => gif(bytes),
        Image::Bmp => bmp(bytes),
    };
    let name = format.name();
    let header = header
        .filter(|header| header.width > 0 && header.height > 0)
        .ok_or_else(|| format!("the {} is broken or cut off", name.to_ascii_uppercase()))?;
    let mut found = static_file(&format!("image/{name}"), size);
    let technical = &mut found.technical;
    technical.image_format = Some(name.to_owned());
    technical.image_width = Some(header.width);
    technical.image_height = Some(header.height);
    technical.image_bit_depth = header.bits;
    technical.image_orientation = header.orientation;
    technical.has_audio = Some(false);
    technical.has_alpha = Some(header.alpha);
    technical.is_animated = Some(header.animated);
    Ok(found)
}

/// The `N` bytes at offset `at`.
fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Parses the segments of a JPEG (ITU-T T.81, annex B), including the end marker.
fn jpeg(bytes: &[u8]) -> Option<Header> {
    let mut header = Header::default();
    let mut position = 2;
    loop {
        let [marker, code] = bytes_at(bytes, position)?;
        if marker != 0xff {
            return None;
        }
        position += 1;
        match code {
            // Fill bytes, and markers without a length.
            0xff => continue,
            0x01 | 0xd0..=0xd7 => {
                position += 1;
                continue;
            }
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes(bytes_at(bytes, position + 1)?));
        if length < 2 {
            return None;
        }
        let body = bytes.get(position + 3..position + 1 + length)?;
        match code {
            0xc0..=0xcf if !matches!(code, 0xc4 | 0xc8 | 0xcc) => {
                header.bits = Some(u32::from(*body.first()?));
                header.height = u32::from(u16::from_be_bytes(bytes_at(body, 1)?));
                header.width = u32::from(u16::from_be_bytes(bytes_at(body, 3)?));
            }
            0xe1 => header.orientation = header.orientation.or_else(|| orientation(body)),
            0xda => {
                let scans = &bytes[position + 1 + length..];
                let has_end = scans.windows(2).any(|two| two == [0xff, 0xd9]);
                return has_end.then_some(header);
            }
            0xd9 => return None,
            _ => {}
        }
        position += 1 + length;
    }
}

/// The orientation in an Exif segment (tag 0x0112 of the first directory), 1 to 8.
fn orientation(segment: &[u8]) -> Option<u32> {
    let tiff = segment.strip_prefix(b"Exif\0\0")?;
    let is_little = match tiff.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let short = |position: usize| {
        let two = bytes_at(tiff, position)?;
        Some(if is_little {
            u16::from_le_bytes(two)
        } else {
            u16::from_be_bytes(two)
        })
    };
    let four: [u8; 4] = bytes_at(tiff, 4)?;
    let directory = if is_little {
        u32::from_le_bytes(four)
    } else {
        u32::from_be_bytes(four)
    };
    let directory = usize::try_from(directory).ok()?;
    let count = usize::from(short(directory)?);
    (0..count).find_map(|entry| {
        let position = directory.checked_add(2 + entry * 12)?;
        if short(position)? != 0x0112 {
            return None;
        }
        let value = u32::from(short(position + 8)?);
        (1..=8).contains(&value).then_some(value)
    })
}

/// Parses the chunks of a PNG (PNG specification, 5.3) up to the last one.
fn png(bytes: &[u8]) -> Option<Header> {
    let mut header = Header::default();
    let mut position = 8_usize;
    loop {
        let length = usize::try_from(u32::from_be_bytes(bytes_at(bytes, position)?)).ok()?;
        let kind: [u8; 4] = bytes_at(bytes, position + 4)?;
        let body = bytes.get(position + 8..(position + 8).checked_add(length)?)?;
        match &kind {
            b"IHDR" => {
                header.width = u32::from_be_bytes(bytes_at(body, 0)?);
                header.height = u32::from_be_bytes(bytes_at(body, 4)?);
                header.bits = Some(u32::from(*body.get(8)?));
                header.alpha = matches!(body.get(9)?, 4 | 6);
            }
            b"acTL" => header.animated = true,
            b"tRNS" => header.alpha = true,
            b"IEND" => return bytes.get(position + 8..position + 12).map(|_| header),
            _ => {}
        }
        // Skip the checksum.
        position = (position + 8).checked_add(length)?.checked_add(4)?;
    }
}

/// Parses the first chunk of a WebP (RFC 9649).
fn webp(bytes: &[u8]) -> Option<Header> {
    let declared = usize::try_from(u32::from_le_bytes(bytes_at(bytes, 4)?)).ok()?;
    if declared.checked_add(8)? > bytes.len() {
        return None;
    }
    let kind: [u8; 4] = bytes_at(bytes, 12)?;
    let mut header = Header {
        bits: Some(8),
        ..Header::default()
    };
    match &kind {
        b"VP8 " => {
            let [a, b, c, d] = bytes_at(bytes, 26)?;
            header.width = u32::from(u16::from_le_bytes([a, b]) & 0x3fff);
            header.height = u32::from(u16::from_le_bytes([c, d]) & 0x3fff);
        }
        b"VP8L" => {
            let bits = u32::from_le_bytes(bytes_at(bytes, 21)?);
            header.width = (bits & 0x3fff) + 1;
            header.height = ((bits >> 14) & 0x3fff) + 1;
            header.alpha = bits >> 28 & 1 == 1;
        }
        b"VP8X" => {
            let [flags] = bytes_at(bytes, 20)?;
            let [a, b, c, d, e, f] = bytes_at(bytes, 24)?;
            header.width = u32::from_le_bytes([a, b, c, 0]) + 1;
            header.height = u32::from_le_bytes([d, e, f, 0]) + 1;
            header.animated = flags & 0x02 != 0;
            header.alpha = flags & 0x10 != 0;
        }
        _ => return None,
    }
    Some(header)
}

/// Parses the blocks of a GIF (GIF89a specification) up to the trailer.
fn gif(bytes: &[u8]) -> Option<Header> {
    let [a, b, c, d, flags] = bytes_at(bytes, 6)?;
    let mut header = Header {
        width: u32::from(u16::from_le_bytes([a, b])),
        height: u32::from(u16::from_le_bytes([c, d])),
        bits: Some(8),
        ..Header::default()
    };
    let colors = |flags: u8| match flags & 0x80 {
        0 => 0,
        _ => 3 << (usize::from(flags & 7) + 1),
    };
    let mut position = 13 + colors(flags);
    let mut frames = 0;
    let skip = |mut position: usize| loop {
        let length = usize::from(*bytes.get(position)?);
        position += 1 + length;
        if length == 0 {
            return Some(position);
        }
    };
    loop {
        match *bytes.get(position)? {
            0x3b => {
                header.animated = frames > 1;
                return (frames > 0).then_some(header);
            }
            0x21 => {
                // A graphic control extension may define a transparent color.
                if bytes.get(position + 1) == Some(&0xf9) {
                    header.alpha |= bytes.get(position + 3)? & 1 == 1;
                }
                position = skip(position + 2)?;
            }
            0x2c => {
                frames += 1;
                let flags = *bytes.get(position + 9)?;
                position = skip(position + 11 + colors(flags))?;
            }
            _ => return None,
        }
    }
}

/// Parses the header of a BMP.
fn bmp(bytes: &[u8]) -> Option<Header> {
    let declared = usize::try_from(u32::from_le_bytes(bytes_at(bytes, 2)?)).ok()?;
    if declared > bytes.len() {
        return None;
    }
    let (width, height, depth) = match bytes.get(14)? {
        12 => (
            i32::from(u16::from_le_bytes(bytes_at(bytes, 18)?)),
            i32::from(u16::from_le_bytes(bytes_at(bytes, 20)?)),
            u16::from_le_bytes(bytes_at(bytes, 24)?),
        ),
        _ => (
            i32::from_le_bytes(bytes_at(bytes, 18)?),
            i32::from_le_bytes(bytes_at(bytes, 22)?),
            u16::from_le_bytes(bytes_at(bytes, 28)?),
        ),
    };
    Some(Header {
        width: width.unsigned_abs(),
        // A negative height means that the rows are stored top-down.
        height: height.unsigned_abs(),
        bits: Some(match depth {
            16 => 5,
            _ => 8,
        }),
        alpha: depth == 32,
        ..Header::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minimal PNG. Checksums are not verified.
    fn png_bytes() -> Vec<u8> {
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, body) in [
            (b"IHDR", &b"\0\0\x02\x80\0\0\x01\x68\x08\x06\0\0\0"[..]),
            (b"IDAT", b"xyz"),
            (b"IEND", b""),
        ] {
            png.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
            png.extend(kind);
            png.extend(body);
            png.extend([0; 4]);
        }
        png
    }

    fn jpeg_bytes() -> Vec<u8> {
        let mut jpeg = vec![0xff, 0xd8];
        jpeg.extend([0xff, 0xe1, 0, 34]);
        jpeg.extend(b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0");
        jpeg.extend([0xff, 0xc0, 0, 11, 8, 0x01, 0x68, 0x02, 0x80, 1, 1, 0x11, 0]);
        jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
        jpeg.extend([1, 2, 3, 0xff, 0xd9]);
        jpeg
    }

    fn gif_bytes(frames: usize) -> Vec<u8> {
        let mut gif = b"GIF89a\x80\x02\x68\x01\x80\0\0".to_vec();
        gif.extend([0; 6]);
        for _ in 0..frames {
            gif.extend([0x2c, 0, 0, 0, 0, 0x80, 2, 0x68, 1, 0, 2, 2, 0x44, 1, 0]);
        }
        gif.push(0x3b);
        gif
    }

    fn bmp_bytes() -> Vec<u8> {
        let mut bmp = b"BM\x38\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        bmp.extend(640_i32.to_le_bytes());
        bmp.extend((-360_i32).to_le_bytes());
        bmp.extend([1, 0, 24, 0]);
        bmp.resize(0x38, 0);
        bmp
    }

    fn webp_bytes() -> Vec<u8> {
        let mut webp = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x12\0\0\0".to_vec();
        webp.extend([0x7f, 2, 0, 0x67, 1, 0]);
        webp
    }

    #[test]
    fn image_headers_are_parsed() {
        for (bytes, kind) in [
            (png_bytes(), "image/png"),
            (jpeg_bytes(), "image/jpeg"),
            (gif_bytes(1), "image/gif"),
            (bmp_bytes(), "image/bmp"),
            (webp_bytes(), "image/webp"),
        ] {
            let format = Image::of(&bytes).unwrap();
            let found = image(format, &bytes, 7).unwrap().technical;
            assert_eq!(found.file_mime_type.as_deref(), Some(kind));
            assert_eq!(
                (found.image_width, found.image_height),
                (Some(640), Some(360)),
                "{kind}"
            );
            assert_eq!(found.file_size_bytes, Some(7));
            // A file cut at any offset is unknown or broken; the parser never panics.
            for end in 0..bytes.len() {
                let cut = &bytes[..end];
                if let Some(format) = Image::of(cut) {
                    assert!(image(format, cut, 7).is_err(), "{kind} cut at {end}");
                }
            }
        }
        assert_eq!(jpeg(&jpeg_bytes()).unwrap().orientation, Some(6));
        assert!(png(&png_bytes()).unwrap().alpha && !gif(&gif_bytes(1)).unwrap().animated);
        assert!(gif(&gif_bytes(2)).unwrap().animated && webp(&webp_bytes()).unwrap().animated);
    }

    #[test]
    fn document_content_must_match_its_extension() {
        let pdf = b"%PDF-1.7\n1 0 obj\ntrailer\n%%EOF\n";
        let folder = tempfile::tempdir().unwrap();
        let identified = |name: &str, bytes: &[u8]| {
            let path = folder.path().join("file");
            std::fs::write(&path, bytes).unwrap();
            identify(&path, name).map(|found| found.map(|file| file.kind().to_owned()))
        };
        let is = |kind: &str| Some(Ok(kind.to_owned()));
        assert_eq!(identified("a.PDF", pdf), is("application/pdf"));
        assert_eq!(
            identified("a.txt", "grüß Gott".as_bytes()),
            is("text/plain")
        );
        assert_eq!(identified("a.md", b"# A"), is("text/markdown"));
        assert_eq!(identified("face.bin", &png_bytes()), is("image/png"));
        assert_eq!(identified("a.mp4", b"no video"), None);
        for (name, bytes) in [
            ("a.pdf", &b"no pdf"[..]),
            ("a.pdf", b"%PDF-1.7 cut"),
            ("a.mp4", pdf),
            ("a.txt", b"a\0b"),
            ("a.txt", b"\xff\xfe"),
            ("a.md", b""),
            ("a.txt", &png_bytes()[..8]),
        ] {
            assert!(
                matches!(identified(name, bytes), Some(Err(_))),
                "{name} {bytes:?}"
            );
        }
    }
}

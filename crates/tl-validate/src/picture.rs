//! The local check of images: format, size in bytes, width and height, read from the first bytes
//! without FFmpeg.
//!
//! The limits are data with a source and a date: `rules/images-2026-10.toml`.

use std::{collections::BTreeMap, fmt, sync::LazyLock};

use serde::Deserialize;

/// The number of bytes of a file that [`check_bytes`] needs at most. The size of a JPEG is behind
/// its metadata, which may have a preview image.
pub const HEAD_BYTES: u64 = 1 << 20;

/// The rules, parsed.
static RULES: LazyLock<BTreeMap<String, toml::Value>> = LazyLock::new(|| {
    toml::from_str(include_str!("../rules/images-2026-10.toml")).expect("the file is TOML")
});

/// The source of the rules, for findings.
pub(crate) const SOURCE: &str = "API reference of July 2026 and documentation in the official Python client 1.3.6 of October 2026";

/// The first day on which the rules apply.
pub(crate) fn date() -> Option<jiff::civil::Date> {
    RULES.get("date")?.as_str()?.parse().ok()
}

/// Whether a file is an image by its first bytes.
pub(crate) fn is_image(head: &[u8]) -> bool {
    format_of(head).is_some()
}

/// The format of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PictureFormat {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
    /// GIF.
    Gif,
    /// Windows bitmap.
    Bmp,
}

impl fmt::Display for PictureFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Webp => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
        })
    }
}

/// What an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PictureFacts {
    /// The format.
    pub format: PictureFormat,
    /// Width, in pixels as stored.
    pub width: u32,
    /// Height, in pixels as stored.
    pub height: u32,
    /// Size of the file.
    pub bytes: u64,
}

/// What the platform accepts for one use of images.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PictureRules {
    /// The formats.
    pub formats: Vec<PictureFormat>,
    /// The largest file, in bytes.
    pub max_bytes: u64,
    /// The smallest width, in pixels.
    #[serde(default)]
    pub min_width: u32,
    /// The smallest height, in pixels.
    #[serde(default)]
    pub min_height: u32,
    /// The largest number of pixels.
    #[serde(default)]
    pub max_pixels: Option<u64>,
}

impl PictureRules {
    /// The rules for images of entities and of searches.
    #[must_use]
    pub fn of_entities() -> Self {
        Self::of("entities")
    }

    /// The rules for images of an analysis.
    #[must_use]
    pub fn of_analysis() -> Self {
        Self::of("analysis")
    }

    /// The rules for images as assets, and as items of knowledge stores.
    #[must_use]
    pub fn of_assets() -> Self {
        Self::of("assets")
    }

    fn of(name: &str) -> Self {
        let rules = RULES.get(name).cloned().map(toml::Value::try_into);
        rules
            .expect("the file has rules for each use")
            .expect("the rules have the members of the type")
    }

    /// Checks an image.
    ///
    /// # Errors
    /// The first rule that it violates, with what was seen and what is allowed.
    pub fn check(&self, facts: &PictureFacts) -> Result<(), PictureFault> {
        if !self.formats.contains(&facts.format) {
            return Err(self.wrong_format(&facts.format.to_string()));
        }
        let (width, height) = (facts.width, facts.height);
        if facts.bytes > self.max_bytes {
            return Err(PictureFault::new(
                &format!("{} bytes", facts.bytes),
                &format!("at most {} bytes", self.max_bytes),
            ));
        }
        if width < self.min_width || height < self.min_height {
            return Err(PictureFault::new(
                &format!("{width}x{height} pixels"),
                &format!("at least {}x{}", self.min_width, self.min_height),
            ));
        }
        let pixels = u64::from(width) * u64::from(height);
        match self.max_pixels {
            Some(max) if pixels > max => Err(PictureFault::new(
                &format!("{width}x{height} pixels"),
                &format!("at most {max} pixels"),
            )),
            _ => Ok(()),
        }
    }

    fn wrong_format(&self, seen: &str) -> PictureFault {
        let formats: Vec<String> = self.formats.iter().map(ToString::to_string).collect();
        PictureFault::new(seen, &formats.join(", "))
    }
}

/// Why an image cannot be used: what was seen, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PictureFault {
    /// What was seen.
    pub observed: String,
    /// What is allowed. Empty if the file cannot be read.
    pub allowed: String,
}

impl PictureFault {
    /// A file that cannot be read, and why.
    #[must_use]
    pub fn unreadable(reason: &str) -> Self {
        Self::new(&format!("cannot be read: {reason}"), "")
    }

    fn new(observed: &str, allowed: &str) -> Self {
        Self {
            observed: observed.to_owned(),
            allowed: allowed.to_owned(),
        }
    }
}

impl fmt::Display for PictureFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.allowed.as_str() {
            "" => f.write_str(&self.observed),
            allowed => write!(f, "{}; allowed: {allowed}", self.observed),
        }
    }
}

impl std::error::Error for PictureFault {}

/// Checks an image of `bytes` bytes that begins with `head`: [`HEAD_BYTES`] of it, or all.
///
/// # Errors
/// The first rule that it violates.
pub fn check_bytes(
    head: &[u8],
    bytes: u64,
    rules: &PictureRules,
) -> Result<PictureFacts, PictureFault> {
    let Some(format) = format_of(head) else {
        return Err(rules.wrong_format("not an image"));
    };
    let size = match format {
        PictureFormat::Png => png(head),
        PictureFormat::Jpeg => jpeg(head),
        PictureFormat::Gif => gif(head),
        PictureFormat::Bmp => bmp(head),
        PictureFormat::Webp => webp(head),
    };
    let Some((width, height)) = size.filter(|(width, height)| *width > 0 && *height > 0) else {
        return Err(PictureFault::new(
            &format!("a {format} without a readable size"),
            "a complete image",
        ));
    };
    let facts = PictureFacts {
        format,
        width,
        height,
        bytes,
    };
    rules.check(&facts).map(|()| facts)
}

fn format_of(head: &[u8]) -> Option<PictureFormat> {
    let is_webp = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP");
    let formats = [
        (head.starts_with(b"\x89PNG\r\n\x1a\n"), PictureFormat::Png),
        (head.starts_with(b"\xff\xd8\xff"), PictureFormat::Jpeg),
        (
            head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a"),
            PictureFormat::Gif,
        ),
        (is_webp, PictureFormat::Webp),
        (
            head.starts_with(b"BM") && head.len() > 26,
            PictureFormat::Bmp,
        ),
    ];
    formats.into_iter().find(|(is, _)| *is).map(|(_, of)| of)
}

fn bytes_at<const N: usize>(head: &[u8], at: usize) -> Option<[u8; N]> {
    head.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn be16(head: &[u8], at: usize) -> Option<u32> {
    bytes_at(head, at).map(|bytes| u16::from_be_bytes(bytes).into())
}

fn le16(head: &[u8], at: usize) -> Option<u32> {
    bytes_at(head, at).map(|bytes| u16::from_le_bytes(bytes).into())
}

/// The size is in the first chunk, `IHDR` (W3C, PNG 11.2.1).
fn png(head: &[u8]) -> Option<(u32, u32)> {
    (head.get(12..16)? == b"IHDR").then_some(())?;
    let width = bytes_at(head, 16).map(u32::from_be_bytes)?;
    Some((width, bytes_at(head, 20).map(u32::from_be_bytes)?))
}

/// The size is in the frame header, `SOF0` to `SOF15` without `DHT`, `JPG` and `DAC` (ITU-T T.81,
/// B.2.2).
fn jpeg(head: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        if *head.get(at)? != 0xff {
            return None;
        }
        let marker = *head.get(at + 1)?;
        match marker {
            // A fill byte before a marker.
            0xff => at += 1,
            // Markers without a segment.
            0x01 | 0xd0..=0xd7 => at += 2,
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                return Some((be16(head, at + 7)?, be16(head, at + 5)?));
            }
            // The image data or the end: there was no frame header.
            0xd9 | 0xda => return None,
            _ => {
                let length = be16(head, at + 2).filter(|length| *length >= 2)?;
                at = at.checked_add(2)?.checked_add(length as usize)?;
            }
        }
    }
}

/// The logical screen descriptor (GIF89a, 18).
fn gif(head: &[u8]) -> Option<(u32, u32)> {
    Some((le16(head, 6)?, le16(head, 8)?))
}

/// The header of the bitmap: with 16-bit sizes if it has 12 bytes, else with 32-bit sizes. A
/// negative height means that the rows are stored from the top.
fn bmp(head: &[u8]) -> Option<(u32, u32)> {
    if bytes_at(head, 14).map(u32::from_le_bytes)? == 12 {
        return Some((le16(head, 18)?, le16(head, 20)?));
    }
    let width = bytes_at(head, 18).map(i32::from_le_bytes)?;
    let height = bytes_at(head, 22).map(i32::from_le_bytes)?;
    Some((u32::try_from(width).ok()?, height.unsigned_abs()))
}

/// The first chunk: `VP8 `, `VP8L` or `VP8X` (WebP container specification).
fn webp(head: &[u8]) -> Option<(u32, u32)> {
    match head.get(12..16)? {
        b"VP8 " => {
            (head.get(23..26)? == b"\x9d\x01\x2a").then_some(())?;
            // The two upper bits are a scale.
            Some((le16(head, 26)? & 0x3fff, le16(head, 28)? & 0x3fff))
        }
        b"VP8L" => {
            (*head.get(20)? == 0x2f).then_some(())?;
            let bits = bytes_at(head, 21).map(u32::from_le_bytes)?;
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        b"VP8X" => {
            let of = |at: usize| {
                let [low, middle, high] = bytes_at(head, at)?;
                Some(u32::from_le_bytes([low, middle, high, 0]) + 1)
            };
            Some((of(24)?, of(27)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of a 640x480 image in each format.
    fn heads() -> Vec<(PictureFormat, Vec<u8>)> {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\0\0\0\0".to_vec();
        // A comment segment, a fill byte, and a progressive frame.
        let jpeg = b"\xff\xd8\xff\xfe\0\x04hi\xff\xff\xc2\0\x11\x08\x01\xe0\x02\x80\x03".to_vec();
        let gif = b"GIF89a\x80\x02\xe0\x01\0\0\0".to_vec();
        let mut bmp = b"BM".to_vec();
        bmp.resize(14, 0);
        bmp.extend(40_u32.to_le_bytes());
        bmp.extend(640_i32.to_le_bytes());
        bmp.extend((-480_i32).to_le_bytes());
        bmp.push(0);
        let mut webp = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
        webp.extend([0x7f, 0x02, 0, 0xdf, 0x01, 0]);
        let mut lossless = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f".to_vec();
        lossless.extend((639_u32 | 479 << 14).to_le_bytes());
        let mut lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a".to_vec();
        lossy.extend([0x80, 0x02, 0xe0, 0x01]);
        vec![
            (PictureFormat::Png, png),
            (PictureFormat::Jpeg, jpeg),
            (PictureFormat::Gif, gif),
            (PictureFormat::Bmp, bmp),
            (PictureFormat::Webp, webp),
            (PictureFormat::Webp, lossless),
            (PictureFormat::Webp, lossy),
        ]
    }

    #[test]
    fn format_and_size_of_each_format_are_read() {
        for (format, head) in heads() {
            let facts = check_bytes(&head, 1000, &PictureRules::of_assets()).unwrap();
            let size = (facts.width, facts.height);
            assert_eq!(
                (facts.format, size, facts.bytes),
                (format, (640, 480), 1000)
            );
        }
    }

    #[test]
    fn cut_images_have_no_size_and_never_panic() {
        for (format, head) in heads() {
            for length in 0..head.len() {
                let result = check_bytes(&head[..length], 1000, &PictureRules::of_assets());
                if let Ok(facts) = result {
                    assert_eq!(facts.format, format);
                }
            }
        }
        // Segments that lead nowhere.
        for head in [
            &b"\xff\xd8\xff\xe0\0\0"[..],
            b"\xff\xd8\xff\xe0\xff\xff",
            b"\xff\xd8\xff\xda",
        ] {
            let fault = check_bytes(head, 6, &PictureRules::of_assets()).unwrap_err();
            assert_eq!(fault.observed, "a JPEG without a readable size");
        }
    }

    #[test]
    fn violations_say_what_is_allowed() {
        let facts = |format, width, height, bytes| PictureFacts {
            format,
            width,
            height,
            bytes,
        };
        let check = |rules: PictureRules, facts| rules.check(&facts).unwrap_err().to_string();
        let png = PictureFormat::Png;
        assert_eq!(
            [
                check(
                    PictureRules::of_entities(),
                    facts(PictureFormat::Gif, 640, 480, 1)
                ),
                check(PictureRules::of_entities(), facts(png, 127, 480, 1)),
                check(
                    PictureRules::of_entities(),
                    facts(png, 640, 480, (32 << 20) + 1)
                ),
                check(PictureRules::of_analysis(), facts(png, 4097, 4096, 1)),
            ],
            [
                "GIF; allowed: JPEG, PNG",
                "127x480 pixels; allowed: at least 128x128",
                "33554433 bytes; allowed: at most 33554432 bytes",
                "4097x4096 pixels; allowed: at most 16777216 pixels",
            ]
        );
        assert!(
            PictureRules::of_entities()
                .check(&facts(png, 128, 128, 32 << 20))
                .is_ok()
        );
    }
}

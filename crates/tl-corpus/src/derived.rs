//! Entries derived from other files of the corpus: cut, truncated, with false headers,
//! concatenated.

use crate::{Change, Entry, Kind, Recipe, recipes::SOURCE};

/// Adds all derived entries. Their sources must already be in the list.
pub(super) fn add_to(all: &mut Vec<Entry>) {
    // Starts between two key frames, so that an edit list hides the frames before.
    all.push(Entry {
        name: "c-edit-list.mp4".to_owned(),
        kind: Kind::Structure,
        recipe: Recipe::Cut(format!("c-{SOURCE}"), "-ss 2.2", "-c copy"),
    });
    let mut derive = |name: &str, from: &str, change: Change| {
        all.push(Entry {
            name: format!("c-{name}"),
            kind: Kind::Damaged,
            recipe: Recipe::Derived(format!("c-{from}"), change),
        });
    };
    let cut: Change = |b| Some(b[..b.len() * 7 / 10].to_vec());
    derive("truncated.mp4", "faststart.mp4", cut);
    derive("truncated-fragmented.mp4", "fragmented.mp4", cut);
    derive("truncated.mov", "faststart.mov", cut);
    derive("truncated.mkv", "h264-sound.mkv", cut);
    derive("truncated.webm", "vp8-sound.webm", cut);
    derive("truncated.avi", "mpeg4-sound.avi", cut);
    derive("truncated.flv", "h264-sound.flv", cut);
    derive("cut.ts", "h264-sound.ts", |b| {
        Some(b[..b.len() * 7 / 10 / 188 * 188].to_vec())
    });
    derive("cut.mpg", "mpeg2-sound.mpg", cut);
    // The sample description says 3840x2160, the stream 384x360.
    derive("lying-size.mp4", "h264-silent.mp4", |b| {
        replace(
            b,
            &[0x01, 0x80, 0x01, 0x68, 0x00, 0x48],
            &[0x0f, 0x00, 0x08, 0x70, 0x00, 0x48],
        )
    });
    // The segment header says 4,500 s.
    derive("lying-duration.mkv", "h264-silent.mkv", |b| {
        let (id, claim) = ([0x44, 0x89, 0x88], 4_500_000f64.to_be_bytes());
        replace(b, &id, &[&id[..], &claim].concat())
    });
    all.push(Entry {
        name: "c-joined.ts".to_owned(),
        kind: Kind::Structure,
        recipe: Recipe::Joined(vec![
            "c-h264-silent.ts".to_owned(),
            "c-h264-silent.ts".to_owned(),
        ]),
    });
}

fn replace(mut bytes: Vec<u8>, old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let at = bytes.windows(old.len()).position(|w| w == old)?;
    bytes.get_mut(at..at + new.len())?.copy_from_slice(new);
    Some(bytes)
}

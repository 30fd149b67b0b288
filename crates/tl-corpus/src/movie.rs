//! MP4 files built box by box, which no encoder writes.

/// A box of an MP4 file.
///
/// # Panics
/// `body` does not fit into a box (4 GiB).
#[must_use]
pub fn mov_box(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).expect("a box made by hand is far below 4 GiB");
    [&size.to_be_bytes(), kind.as_slice(), body].concat()
}

/// Numbers in the byte order of MP4.
#[must_use]
pub fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_be_bytes()).collect()
}

/// A handmade video track. `dref` is its data reference; `tables` replaces its sample tables.
#[must_use]
pub fn movie(dref: &[u8], tables: &[Vec<u8>], width: u16, height: u16) -> Vec<u8> {
    let mut entry = vec![0u8; 6];
    entry.extend([0, 1]);
    entry.extend([0; 16]);
    entry.extend(width.to_be_bytes());
    entry.extend(height.to_be_bytes());
    entry.extend(words(&[0x0048_0000, 0x0048_0000, 0]));
    entry.extend([0, 1]);
    entry.extend([0; 32]);
    entry.extend([0, 24, 0xff, 0xff]);
    let stsd = mov_box(
        b"stsd",
        &[words(&[0, 1]), mov_box(b"avc1", &entry)].concat(),
    );
    let stbl = mov_box(b"stbl", &[vec![stsd], tables.to_vec()].concat().concat());
    let dinf = mov_box(
        b"dinf",
        &mov_box(b"dref", &[words(&[0, 1]), dref.to_vec()].concat()),
    );
    let minf = mov_box(b"minf", &[mov_box(b"vmhd", &[0; 12]), dinf, stbl].concat());
    let mdhd = mov_box(b"mdhd", &words(&[0, 0, 0, 1000, 5000, 0]));
    let hdlr = mov_box(
        b"hdlr",
        &[words(&[0, 0]), b"vide".to_vec(), vec![0; 13]].concat(),
    );
    let mdia = mov_box(b"mdia", &[mdhd, hdlr, minf].concat());
    let tkhd = mov_box(
        b"tkhd",
        &[words(&[7, 0, 0, 1, 0, 5000]), vec![0; 60]].concat(),
    );
    let trak = mov_box(b"trak", &[tkhd, mdia].concat());
    let mvhd = mov_box(
        b"mvhd",
        &[words(&[0, 0, 0, 1000, 5000, 0x1_0000]), vec![0; 76]].concat(),
    );
    [
        mov_box(b"ftyp", b"qt  \0\0\0\0qt  "),
        mov_box(b"moov", &[mvhd, trak].concat()),
        mov_box(b"mdat", &[0; 4096]),
    ]
    .concat()
}

/// Sample tables of five frames.
#[must_use]
pub fn usual_tables() -> Vec<Vec<u8>> {
    vec![
        mov_box(b"stts", &words(&[0, 1, 5, 1000])),
        mov_box(b"stsc", &words(&[0, 1, 1, 5, 1])),
        mov_box(b"stsz", &words(&[0, 100, 5])),
        mov_box(b"stco", &words(&[0, 1, 40])),
    ]
}

/// Decompression bombs by name: tables that claim far more than the file contains.
#[must_use]
pub fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    // The data is in the same file.
    let own = mov_box(b"url ", &words(&[1]));
    let with = |kind: &[u8; 4], table: Vec<u8>| {
        let mut tables: Vec<Vec<u8>> = usual_tables()
            .into_iter()
            .filter(|t| &t[4..8] != kind)
            .collect();
        tables.push(table);
        movie(&own, &tables, 640, 360)
    };
    let many: Vec<u32> = (0..60_000).flat_map(|i| [i + 1, 1_400, 1]).collect();
    let chunks: Vec<u32> = (0..60_000).map(|i| 40 + i).collect();
    let tables = [
        mov_box(b"stts", &words(&[0, 1, 80_000_000, 1])),
        mov_box(b"stsc", &[words(&[0, 60_000]), words(&many)].concat()),
        mov_box(b"stsz", &words(&[0, 1, 80_000_000])),
        mov_box(b"stco", &[words(&[0, 60_000]), words(&chunks)].concat()),
    ];
    vec![
        (
            "bomb-stsz",
            with(b"stsz", mov_box(b"stsz", &words(&[0, 1, 0x7fff_ffff]))),
        ),
        (
            "bomb-stts",
            with(b"stts", mov_box(b"stts", &words(&[0, 1, 0x7fff_ffff, 1]))),
        ),
        ("bomb-80m-samples", movie(&own, &tables, 640, 360)),
        ("bomb-no-sizes", movie(&own, &tables[..2], 640, 360)),
    ]
}

//! Hostile files: playlists that refer to other files, bombs, and files that are not media.

use std::fs;
use std::path::{Path, PathBuf};

use tl_corpus::movie::{mov_box, movie, usual_tables, words};

use super::{bytes, folder, good};

/// One hostile file.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
}

/// Every attack. `port` is a listener that must not receive a connection; `target` is a file that
/// must not be opened.
pub(crate) fn attacks(port: u16, target: &Path) -> Vec<Attack> {
    let target = target.display();
    let web = format!("http://127.0.0.1:{port}/a.ts");
    let mut all = Vec::new();
    let mut add = |name: &'static str, content: Vec<u8>| {
        all.push(Attack {
            name,
            path: bytes(&format!("attack-{port}-{name}.mp4"), &content),
        });
    };
    let hls = |body: String| {
        format!("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:5\n{body}").into_bytes()
    };
    add(
        "hls-local",
        hls(format!("#EXTINF:5,\nfile:{target}\n#EXT-X-ENDLIST\n")),
    );
    add(
        "hls-bare-path",
        hls(format!("#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n")),
    );
    add(
        "hls-web",
        hls(format!("#EXTINF:5,\n{web}\n#EXT-X-ENDLIST\n")),
    );
    add("hls-live", hls(format!("#EXTINF:5,\n{target}\n")));
    add(
        "hls-variant",
        format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n").into_bytes(),
    );
    add(
        "hls-key",
        hls(format!(
            "#EXT-X-KEY:METHOD=AES-128,URI=\"{web}\"\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n"
        )),
    );
    add(
        "hls-map",
        hls(format!(
            "#EXT-X-MAP:URI=\"{target}\"\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n"
        )),
    );
    add(
        "hls-concat",
        hls(format!(
            "#EXTINF:5,\nconcat:{target}|{target}\n#EXT-X-ENDLIST\n"
        )),
    );
    add(
        "hls-subfile",
        hls(format!(
            "#EXTINF:5,\nsubfile,,start,0,end,100,,:{target}\n#EXT-X-ENDLIST\n"
        )),
    );
    let dash = |base: &str, extra: &str| {
        format!(
            "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" {extra} \
             profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\" type=\"static\" mediaPresentationDuration=\"PT5S\"><Period>\
             <AdaptationSet mimeType=\"video/mp4\"><Representation id=\"1\" bandwidth=\"1\"><BaseURL>{base}</BaseURL>\
             </Representation></AdaptationSet></Period></MPD>"
        )
        .into_bytes()
    };
    add("dash-local", dash(&format!("file:{target}"), ""));
    add("dash-web", dash(&web, ""));
    add(
        "dash-xlink",
        dash(
            &web,
            &format!("xmlns:xlink=\"http://www.w3.org/1999/xlink\" xlink:href=\"{web}\""),
        ),
    );
    add(
        "concat-local",
        format!("ffconcat version 1.0\nfile '{target}'\n").into_bytes(),
    );
    add(
        "concat-web",
        format!("ffconcat version 1.0\nfile '{web}'\n").into_bytes(),
    );
    add(
        "sdp",
        format!("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n")
            .into_bytes(),
    );
    add("imf", b"<?xml version=\"1.0\"?><CompositionPlaylist xmlns=\"http://www.smpte-ra.org/schemas/2067-3/2016\"><Id>x</Id></CompositionPlaylist>".to_vec());
    add(
        "asx",
        format!("<asx version=\"3.0\"><entry><ref href=\"{web}\"/></entry></asx>").into_bytes(),
    );
    add(
        "rtsp-text",
        format!("RTSPtext\nrtsp://127.0.0.1:{port}/x\n").into_bytes(),
    );
    add(
        "redirect-text",
        format!("[Reference]\nRef1={web}\n").into_bytes(),
    );
    add("vobsub", format!("# VobSub index file, v7\nsize: 720x576\n# {target}\nid: en, index: 0\ntimestamp: 00:00:01:000, filepos: 000000000\n").into_bytes());
    add("ffmetadata", b";FFMETADATA1\ntitle=x\n".to_vec());
    // External references: by URL and by a Macintosh alias.
    let url = |place: &str| {
        mov_box(
            b"url ",
            &[words(&[0]), place.as_bytes().to_vec(), vec![0]].concat(),
        )
    };
    let own = mov_box(b"url ", &words(&[1]));
    add(
        "mov-external-file",
        movie(&url(&format!("file://{target}")), &usual_tables(), 640, 360),
    );
    add(
        "mov-external-web",
        movie(&url(&web), &usual_tables(), 640, 360),
    );
    let mut alias = vec![0u8; 150];
    alias.extend([0, 2, 0, 0]);
    let path = target.to_string();
    alias.extend(u16::try_from(path.len()).expect("short").to_be_bytes());
    alias.extend(path.as_bytes());
    add(
        "mov-external-alias",
        movie(
            &mov_box(b"alis", &[words(&[0]), alias].concat()),
            &usual_tables(),
            640,
            360,
        ),
    );
    for (name, bomb) in tl_corpus::bombs() {
        add(name, bomb);
    }
    add("huge-frame", movie(&own, &usual_tables(), 65535, 65535));
    let mut nested = mov_box(b"udta", &[]);
    for _ in 0..400 {
        nested = mov_box(b"moov", &nested);
    }
    add(
        "deep-boxes",
        [mov_box(b"ftyp", b"isom\0\0\0\0"), nested].concat(),
    );
    add(
        "box-of-all-sizes",
        [
            mov_box(b"ftyp", b"isom\0\0\0\0"),
            words(&[1]),
            b"moov".to_vec(),
            vec![0xff; 8],
            vec![0; 64],
        ]
        .concat(),
    );
    add(
        "mkv-huge-element",
        [
            vec![
                0x1a, 0x45, 0xdf, 0xa3, 0x84, 0x42, 0x82, 0x81, b'x', 0x18, 0x53, 0x80, 0x67,
            ],
            vec![0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            vec![
                0x16, 0x54, 0xae, 0x6b, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
            ],
            vec![0xae; 500],
        ]
        .concat(),
    );
    add(
        "gif-huge",
        [
            b"GIF89a".to_vec(),
            vec![0xff; 4],
            vec![0xf7, 0, 0],
            vec![0; 768],
            vec![0x2c, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 8],
            vec![0; 64],
        ]
        .concat(),
    );
    let mut programs = Vec::new();
    for number in 0u16..4000 {
        // A transport stream that consists only of association tables, each with one program.
        let mut packet = vec![
            0x47, 0x40, 0x00, 0x10, 0x00, 0x00, 0xb0, 0x0d, 0, 1, 0xc1, 0, 0,
        ];
        packet.extend(number.to_be_bytes());
        packet.extend((0xe000 | (number & 0x1fff)).to_be_bytes());
        packet.resize(188, 0xff);
        programs.extend(packet);
    }
    add("ts-many-programs", programs);
    add("zip", b"PK\x03\x04\x14\0\0\0\x08\0not really".to_vec());
    add("script", b"#!/bin/sh\ntouch /tmp/tl-attack\n".to_vec());

    // Names that FFmpeg would parse as URLs.
    for (name, file) in [
        ("name-concat", format!("concat:{}|x.mp4", "a")),
        ("name-http", "http:127.0.0.1.mp4".to_owned()),
        ("name-subfile", "subfile,,start,0,end,0,,:x.mp4".to_owned()),
        ("name-sequence", "img%d.png".to_owned()),
        ("name-pipe", "pipe:0".to_owned()),
        ("name-option", "-i.mp4".to_owned()),
    ] {
        let content = fs::read(good()).expect("a generated clip");
        all.push(Attack {
            name,
            path: bytes(&file, &content),
        });
    }
    let sparse = folder().join(format!("attack-{port}-sparse.mp4"));
    let file = fs::File::create(&sparse).expect("the build directory can be written to");
    file.set_len(1 << 40).expect("a sparse file");
    all.push(Attack {
        name: "sparse-terabyte",
        path: sparse,
    });
    let link = folder().join(format!("attack-{port}-link-to-device.mp4"));
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink("/dev/zero", &link).expect("a symbolic link");
    all.push(Attack {
        name: "link-to-device",
        path: link,
    });
    all
}

/// Removes the files for one listener: they contain its port, so no later run can use them.
pub(crate) fn clean_up(port: u16) {
    let mark = format!("attack-{port}-");
    for entry in fs::read_dir(folder()).expect("our own folder").flatten() {
        if entry.file_name().to_string_lossy().starts_with(&mark) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

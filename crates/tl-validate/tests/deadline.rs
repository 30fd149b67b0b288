//! The deadline holds for in-process probes too, which cannot be killed.
#![cfg(feature = "ffmpeg")]

use std::time::{Duration, Instant};

use tl_validate::ffmpeg::InProcess;
use tl_validate::{ProbeErrorKind, ProbeOptions, Prober};

/// The checksum of MPEG sections.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
            sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}

/// A section of the program association table with 253 programs.
fn section(version: u8, number: u8) -> Vec<u8> {
    let mut bytes = vec![
        0,
        0xb0 | 0x03,
        0xfd,
        0,
        1,
        0xc1 | (version & 31) << 1,
        number,
        255,
    ];
    for i in 0..253u32 {
        let program = (u32::from(number) * 253 + i) % 65_535 + 1;
        let table = 0xe020 + (program - 1) % 8000;
        bytes.extend([program, table].map(|n| (n as u16).to_be_bytes()).concat());
    }
    let sum = checksum(&bytes);
    bytes.extend(sum.to_be_bytes());
    bytes
}

/// A transport stream that consists only of sections, each with a new program list.
fn many_programs(size: usize) -> Vec<u8> {
    let mut stream = Vec::with_capacity(size + 2000);
    let mut counter = 0u8;
    for version in 0.. {
        for number in 0..=255 {
            let mut first = true;
            for part in [&[0][..], &section(version, number)].concat().chunks(184) {
                let start = if first { 0x40 } else { 0 };
                stream.extend([0x47, start, 0, 0x10 | counter & 15]);
                stream.extend(part);
                stream.extend(vec![0xff; 184 - part.len()]);
                counter = counter.wrapping_add(1);
                first = false;
            }
            if stream.len() >= size {
                return stream;
            }
        }
    }
    stream
}

#[test]
fn transport_stream_with_many_programs_meets_the_deadline() {
    let deadline = Duration::from_millis(500);
    let prober = InProcess::with_options(ProbeOptions::default().with_deadline(deadline));
    let stream = many_programs(2_000_000);
    let started = Instant::now();
    let answer = prober.probe_ranges(&mut &stream[..], "many-programs.ts");
    let took = started.elapsed();
    eprintln!("{took:?}");
    assert_eq!(
        answer.expect_err("nothing to see").kind(),
        ProbeErrorKind::DeadlinePassed
    );
    // One more section may be in progress, and the machine may be busy. Without the limit this
    // takes a minute.
    assert!(took < Duration::from_secs(3), "{took:?}");
}

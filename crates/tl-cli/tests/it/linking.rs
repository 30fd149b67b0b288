//! Dynamic libraries of the programs: `tl` does not load FFmpeg, independent of how it was built.

use std::path::Path;

use goblin::elf::Elf;

/// The libraries that are loaded before `main`, according to the ELF file.
fn needed(program: &str) -> Vec<String> {
    let bytes = std::fs::read(Path::new(program)).expect("the program is built");
    let elf = Elf::parse(&bytes).expect("an ELF file");
    elf.libraries.iter().map(|&name| name.to_owned()).collect()
}

fn of_ffmpeg(libraries: &[String]) -> Vec<&String> {
    libraries
        .iter()
        .filter(|name| name.starts_with("libav") || name.starts_with("libsw"))
        .collect()
}

#[test]
fn only_the_helper_links_ffmpeg() {
    let tl = needed(env!("CARGO_BIN_EXE_tl"));
    assert!(
        tl.iter().any(|name| name.starts_with("libc.so")),
        "the list is read: {tl:?}"
    );
    assert_eq!(of_ffmpeg(&tl), Vec::<&String>::new());

    // Positive control: the helper does load them.
    let helper = needed(env!("CARGO_BIN_EXE_tl-probe"));
    assert!(
        helper.iter().any(|name| name.starts_with("libavformat.so")),
        "the helper links libavformat: {helper:?}"
    );
}

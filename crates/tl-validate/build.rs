//! Writes the built-in rule packs as JSON, and sets the `cfg` for the struct layout of the FFmpeg
//! version in use. The binding crate finds FFmpeg.
#![allow(
    clippy::disallowed_methods,
    reason = "a build script is configured by its environment; `ci purity` is about the crate"
)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=rules");
    println!("cargo:rustc-check-cfg=cfg(stream_side_data_in_codecpar)");
    // Since FFmpeg 6.1 the display matrix is in the codec parameters. The binding crate exports the
    // version.
    if env::var("DEP_FFMPEG_FFMPEG_6_1").is_ok_and(|found| found == "true") {
        println!("cargo:rustc-cfg=stream_side_data_in_codecpar");
    }
    write_packs(&PathBuf::from(env::var("OUT_DIR")?))
}

/// Writes each pack of `rules` as JSON. A command parses one at its start, and JSON takes a small
/// part of the time of TOML.
fn write_packs(folder: &Path) -> Result<(), Box<dyn Error>> {
    for file in fs::read_dir("rules")? {
        let path = file?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let name = path.file_name().ok_or("a file has a name")?;
            let json = json(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            fs::write(folder.join(name).with_extension("json"), json)?;
        }
    }
    Ok(())
}

fn json(path: &Path) -> Result<String, Box<dyn Error>> {
    let pack: toml::Table = toml::from_str(&fs::read_to_string(path)?)?;
    Ok(serde_json::to_string(&pack)?)
}

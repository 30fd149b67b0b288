//! A Python wheel with both programs as scripts, the emulator for Python's tests, and a plugin of
//! pytest. It needs no particular version of Python.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::binaries::{Binaries, GLIBC};
use crate::workspace::{ARCH, Workspace};

const MODULE: &str = "twelvelabs_cli";

/// The platform of PEP 600 for the C library that `tl` needs.
fn tag() -> String {
    format!("py3-none-manylinux_{}_{ARCH}", GLIBC.replace('.', "_"))
}

pub(super) fn file_name(workspace: &Workspace) -> String {
    format!("{MODULE}-{}-{}.whl", workspace.version(), tag())
}

pub(super) fn make(workspace: &Workspace, built: &Binaries) -> Result<PathBuf> {
    let version = workspace.version();
    let wheel = workspace.packages().join(file_name(workspace));
    let mut archive = Archive::create(&wheel, workspace.epoch)?;
    let sources = workspace.root.join("dist/python").join(MODULE);
    for file in workspace.sh.read_dir(&sources)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if file.is_file() {
            archive.add(&format!("{MODULE}/{name}"), &std::fs::read(&file)?, 0o644)?;
        }
    }
    let data = format!("{MODULE}-{version}.data/scripts");
    for (name, program) in [("tl", &built.tl), ("tl-probe", &built.probe)] {
        archive.add(&format!("{data}/{name}"), &std::fs::read(program)?, 0o755)?;
    }
    let info = format!("{MODULE}-{version}.dist-info");
    for file in workspace.sh.read_dir(&built.notices)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        archive.add(
            &format!("{info}/licenses/{name}"),
            &std::fs::read(&file)?,
            0o644,
        )?;
    }
    let readme = workspace
        .sh
        .read_file(workspace.root.join("dist/python/README.md"))?;
    let metadata = include_str!("../../python/METADATA").replace("@VERSION@", version);
    let texts = [
        ("METADATA", format!("{metadata}\n{readme}")),
        (
            "WHEEL",
            format!(
                "Wheel-Version: 1.0\nGenerator: tl-dist {version}\nRoot-Is-Purelib: false\nTag: {}\n",
                tag()
            ),
        ),
        (
            "entry_points.txt",
            format!("[pytest11]\ntwelvelabs = {MODULE}.pytest_plugin\n"),
        ),
    ];
    for (name, text) in texts {
        archive.add(&format!("{info}/{name}"), text.as_bytes(), 0o644)?;
    }
    archive.finish(&format!("{info}/RECORD"))?;
    Ok(wheel)
}

/// A zip archive with a list of its files and their hashes, as PEP 427 asks for.
struct Archive {
    zip: ZipWriter<File>,
    time: DateTime,
    record: String,
}

impl Archive {
    fn create(path: &Path, epoch: u64) -> Result<Self> {
        Ok(Self {
            zip: ZipWriter::new(File::create(path)?),
            time: time_of(epoch)?,
            record: String::new(),
        })
    }

    fn add(&mut self, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
        self.record
            .push_str(&format!("{name},sha256={digest},{}\n", bytes.len()));
        self.write(name, bytes, mode)
    }

    fn write(&mut self, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(self.time)
            .unix_permissions(mode);
        self.zip.start_file(name, options)?;
        self.zip.write_all(bytes)?;
        Ok(())
    }

    fn finish(mut self, record: &str) -> Result<()> {
        self.record.push_str(&format!("{record},,\n"));
        let text = std::mem::take(&mut self.record);
        self.write(record, text.as_bytes(), 0o644)?;
        self.zip.finish()?;
        Ok(())
    }
}

/// The day of a time in seconds since 1970, in UTC: zip has no time zone.
fn time_of(epoch: u64) -> Result<DateTime> {
    let days = i64::try_from(epoch / 86_400)?;
    // Civil date from days: the era of 400 years begins on 1 March 0000.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    DateTime::from_date_and_time(
        u16::try_from(year)?,
        u8::try_from(month)?,
        u8::try_from(day)?,
        0,
        0,
        0,
    )
    .context("the time of the commit cannot be written to a zip archive (1980 to 2107)")
}

#[cfg(test)]
mod tests {
    use super::time_of;

    #[test]
    fn days_become_dates() {
        for (epoch, expected) in [
            (315_532_800, (1980, 1, 1)),
            (951_782_400, (2000, 2, 29)),
            (1_772_323_200, (2026, 3, 1)),
            (1_798_761_599, (2026, 12, 31)),
        ] {
            let time = time_of(epoch).unwrap();
            assert_eq!((time.year(), time.month(), time.day()), expected, "{epoch}");
        }
        assert!(time_of(0).is_err(), "before 1980");
    }
}

//! A Python wheel as a file: a zip archive that depends on the content alone.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// A zip archive with a list of its files and their hashes, as PEP 427 asks for.
pub(super) struct Archive {
    zip: ZipWriter<File>,
    time: DateTime,
    record: String,
}

impl Archive {
    pub(super) fn create(path: &Path, epoch: u64) -> Result<Self> {
        Ok(Self {
            zip: ZipWriter::new(File::create(path)?),
            time: time_of(epoch)?,
            record: String::new(),
        })
    }

    pub(super) fn add(&mut self, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
        self.record
            .push_str(&format!("{name},sha256={digest},{}\n", bytes.len()));
        self.write(name, bytes, mode)
    }

    /// Adds the files of another wheel, except its list of files. `change` may change the content
    /// of a file with this name.
    pub(super) fn add_wheel(
        &mut self,
        wheel: &Path,
        change: impl Fn(&str, Vec<u8>) -> Vec<u8>,
    ) -> Result<()> {
        let mut other = ZipArchive::new(File::open(wheel)?)?;
        for index in 0..other.len() {
            let mut entry = other.by_index(index)?;
            let name = entry.name().to_owned();
            if entry.is_dir() || name.ends_with(".dist-info/RECORD") {
                continue;
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            self.add(&name, &change(&name, bytes), 0o644)?;
        }
        Ok(())
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

    pub(super) fn finish(mut self, record: &str) -> Result<()> {
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

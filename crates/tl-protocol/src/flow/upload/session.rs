//! The session of an upload, and the validation of what the server sent.

use std::collections::BTreeMap;

use tl_model::{AssetId, UploadId, UploadSession};

use super::journal::UploadRecord;
use crate::{Error, ErrorKind};

/// Maximum number of chunks: ten times that of the largest documented file with the documented
/// example size (10 GiB in chunks of 5 MiB are 2,048).
const MAX_CHUNKS: u32 = 20_480;

/// Maximum size of the headers for the storage, names and values together: storages accept at most
/// 8 to 64 KiB of headers.
const MAX_HEADERS_LEN: usize = 64 << 10;

/// The headers that the driver sets itself.
const DRIVER_HEADERS: [&str; 4] = ["host", "content-length", "transfer-encoding", "connection"];

#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) upload_id: UploadId,
    pub(super) asset_id: AssetId,
    pub(super) chunk_size: u64,
    pub(super) total_chunks: u32,
    pub(super) total_size: u64,
    /// Headers to send with each chunk; never the API key.
    pub(super) headers: BTreeMap<String, String>,
}

impl Session {
    /// Validates the API's response: chunks of its size must make up a file of `total_size` bytes.
    pub(super) fn from_response(response: &UploadSession, total_size: u64) -> Result<Self, Error> {
        let asset_id = response
            .asset_id
            .clone()
            .ok_or_else(|| invalid_session("it names no asset"))?;
        let session = Self {
            upload_id: response.upload_id.clone(),
            asset_id,
            chunk_size: response.chunk_size,
            total_chunks: response.total_chunks,
            total_size,
            headers: response.upload_headers.clone(),
        };
        session.validate()
    }

    /// Restores the session of an earlier process.
    pub(super) fn from_record(record: &UploadRecord, total_size: u64) -> Result<Self, Error> {
        if record.total_size != total_size {
            return Err(Error::new(
                ErrorKind::SourceFailed,
                format!(
                    "the file has {total_size} bytes now, but the upload was started with {}: start a new one",
                    record.total_size
                ),
            ));
        }
        let session = Self {
            upload_id: record.upload_id.clone(),
            asset_id: record.asset_id.clone(),
            chunk_size: record.chunk_size,
            total_chunks: record.total_chunks,
            total_size,
            headers: record.upload_headers.clone(),
        };
        session.validate()
    }

    pub(super) fn record(&self) -> UploadRecord {
        UploadRecord {
            upload_id: self.upload_id.clone(),
            asset_id: self.asset_id.clone(),
            chunk_size: self.chunk_size,
            total_chunks: self.total_chunks,
            total_size: self.total_size,
            upload_headers: self.headers.clone(),
            sent: BTreeMap::new(),
        }
    }

    fn validate(mut self) -> Result<Self, Error> {
        if self.chunk_size == 0 {
            return Err(invalid_session("its chunks have 0 bytes"));
        }
        if self.total_size == 0 {
            return Err(Error::new(
                ErrorKind::InvalidRequest,
                "the file has no bytes: there is nothing to upload",
            ));
        }
        let expected = self.total_size.div_ceil(self.chunk_size);
        if expected != u64::from(self.total_chunks) {
            return Err(invalid_session(&format!(
                "{} chunks of {} bytes do not make {} bytes, {expected} would",
                self.total_chunks, self.chunk_size, self.total_size
            )));
        }
        if self.total_chunks > MAX_CHUNKS {
            return Err(invalid_session(&format!(
                "it has {} chunks, and more than {MAX_CHUNKS} are not believed",
                self.total_chunks
            )));
        }
        let length = |(name, value): (&String, &String)| name.len() + value.len();
        if self.headers.iter().map(length).sum::<usize>() > MAX_HEADERS_LEN {
            return Err(invalid_session(&format!(
                "its headers for the storage have more than {MAX_HEADERS_LEN} bytes"
            )));
        }
        self.headers
            .retain(|name, _| !DRIVER_HEADERS.contains(&name.to_ascii_lowercase().as_str()));
        Ok(self)
    }

    /// Offset of chunk `index` in the file.
    pub(super) fn chunk_start(&self, index: u32) -> u64 {
        u64::from(index.saturating_sub(1)) * self.chunk_size
    }

    /// Size of chunk `index`: only the last one may be smaller.
    pub(super) fn chunk_len(&self, index: u32) -> u64 {
        self.total_size
            .saturating_sub(self.chunk_start(index))
            .min(self.chunk_size)
    }
}

fn invalid_session(what: &str) -> Error {
    Error::new(
        ErrorKind::Malformed,
        format!("the session that the platform made cannot be used: {what}"),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session(chunk_size: u64, total_chunks: u32, size: u64) -> Result<Session, Error> {
        let mut response = UploadSession::new("u", chunk_size, total_chunks);
        response.asset_id = Some("a".into());
        Session::from_response(&response, size)
    }

    #[test]
    fn invalid_sessions_are_rejected() {
        let check = |chunk_size, total, size, part: &str| {
            let error = session(chunk_size, total, size).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        check(0, 1, 10, "0 bytes");
        check(
            5,
            3,
            10,
            "3 chunks of 5 bytes do not make 10 bytes, 2 would",
        );
        check(5, 1, 10, "2 would");
        check(1, 1_000_000, 1_000_000, "not believed");
        check(5, 1, 0, "no bytes");
    }

    #[test]
    fn sessions_have_a_maximum_number_of_chunks() {
        assert_eq!(session(1, 20_480, 20_480).unwrap().total_chunks, 20_480);
        let error = session(1, 20_481, 20_481).unwrap_err().to_string();
        assert!(
            error.contains("more than 20480 are not believed"),
            "{error}"
        );
    }

    #[test]
    fn sessions_have_a_maximum_size_of_headers() {
        let check = |headers: &[(&str, usize)], is_valid: bool| {
            let mut response = UploadSession::new("u", 5_u64, 1_u32);
            response.asset_id = Some("a".into());
            let headers = headers
                .iter()
                .map(|(name, len)| ((*name).to_owned(), "v".repeat(*len)));
            response.upload_headers = headers.collect();
            let session = Session::from_response(&response, 5);
            assert_eq!(session.is_ok(), is_valid, "{session:?}");
        };
        // 64 KiB, names included.
        check(&[("a", 65_535)], true);
        check(&[("a", 65_536)], false);
        check(&[("name", 32_764), ("more", 32_764)], true);
        check(&[("name", 32_764), ("more", 32_765)], false);
        check(&[("name", 65_536)], false);
    }

    proptest! {
        #[test]
        fn chunks_cover_the_file(chunk_size in 1_u64..50, size in 1_u64..2000) {
            let total = u32::try_from(size.div_ceil(chunk_size)).unwrap();
            let session = session(chunk_size, total, size).unwrap();
            let mut next = 0;
            for index in 1..=total {
                prop_assert_eq!(session.chunk_start(index), next);
                prop_assert!(session.chunk_len(index) > 0);
                next += session.chunk_len(index);
            }
            prop_assert_eq!(next, size);
        }
    }
}

//! The API requests of a running upload: URLs, reports, and the session state if it is in doubt.

use std::time::Duration;

use tl_model::{
    ChunkReceipt, ChunkReport, CompletedChunk, UploadState, UploadStatus, UploadUrls, UrlRequest,
};

use super::{
    MultipartUpload, Phase, Uploaded, completed_chunks, earlier, has_more, journal::Record,
    read_state,
};
use crate::{
    Error, ErrorKind, Now,
    endpoint::{ReportChunks, RequestUploadUrls},
};

/// Maximum number of chunks per report and of URLs per request (API reference, multipart uploads:
/// 50 each).
const MAX_BATCH: u32 = 50;

/// Maximum number of times the session state is read after a rejected report.
const MAX_VERIFICATIONS: u32 = 3;

impl MultipartUpload {
    /// Requests more URLs if the next chunks have none.
    pub(super) fn request_urls(&mut self, now: Now) -> bool {
        let ahead = self.settings.concurrency.saturating_mul(2).max(4);
        let Phase::Sending(sending) = &self.phase else {
            return false;
        };
        if sending.url_call.is_some() {
            return false;
        }
        let without_url = |index: &u32| !sending.urls.has(*index, now.mono);
        let Some(first) = sending.tracker.unsent().take(ahead).find(without_url) else {
            return false;
        };
        // Only consecutive chunks, so that few URLs are signed unnecessarily.
        let last = first
            .saturating_add(MAX_BATCH - 1)
            .min(sending.session.total_chunks);
        let missing: Vec<u32> = sending
            .tracker
            .unsent()
            .filter(|index| (first..=last).contains(index))
            .filter(without_url)
            .collect();
        let last = missing.iter().max().copied().unwrap_or(first);
        let count = last - first + 1;
        let upload_id = sending.session.upload_id.clone();
        let call = self.call(RequestUploadUrls::new(
            upload_id,
            UrlRequest::new(first, count),
        ));
        if let Phase::Sending(sending) = &mut self.phase {
            sending.url_call = Some(call);
            sending.requested_urls = first..=last;
        }
        true
    }

    pub(super) fn after_urls(&mut self, now: Now, result: Result<UploadUrls, Error>) {
        let margin = self.settings.url_margin;
        let generated_at = result
            .as_ref()
            .ok()
            .and_then(|urls| urls.generated_at.as_ref());
        let (requested_at, server) = self.signing_time(now, generated_at);
        let Phase::Sending(sending) = &mut self.phase else {
            return;
        };
        match result {
            Err(error) => self.fail(error),
            Ok(response) => {
                let unsent: Vec<u32> = sending.tracker.unsent().collect();
                let requested: Vec<u32> = unsent
                    .iter()
                    .copied()
                    .filter(|index| sending.requested_urls.contains(index))
                    .filter(|index| !sending.urls.has(*index, now.mono))
                    .collect();
                let expires_at = response.expires_at.as_ref();
                let missing = |index| unsent.contains(&index);
                sending.urls.insert(
                    response.upload_urls,
                    expires_at,
                    server,
                    requested_at,
                    margin,
                    missing,
                );
                let has_url = |index: &u32| sending.urls.has(*index, now.mono);
                if !requested.is_empty() && !requested.iter().any(has_url) {
                    self.fail(Error::new(
                        ErrorKind::Malformed,
                        "the platform signed no URL that can be used for the chunks that were asked for",
                    ));
                }
            }
        }
    }

    /// Reports sent chunks if a batch is full, nothing else will follow, or enough time has passed.
    pub(super) fn report(&mut self, now: Now, until: &mut Option<Duration>) -> bool {
        let report_after = self.settings.report_after;
        let Phase::Sending(sending) = &mut self.phase else {
            return false;
        };
        if sending.report_call.is_some()
            || sending.verify_call.is_some()
            || sending.tracker.unreported() == 0
        {
            return false;
        }
        let due = sending
            .unreported_since
            .unwrap_or(now.mono)
            .saturating_add(report_after);
        if sending.tracker.unreported() < MAX_BATCH as usize
            && !sending.tracker.all_sent()
            && now.mono < due
        {
            *until = earlier(*until, Some(due));
            return false;
        }
        let chunks = sending
            .tracker
            .take_report(MAX_BATCH as usize)
            .into_iter()
            .map(|(index, etag)| {
                CompletedChunk::from_etag(index, &etag, sending.session.chunk_len(index))
            })
            .collect::<Vec<_>>();
        sending.unreported_since = (sending.tracker.unreported() > 0).then_some(now.mono);
        let upload_id = sending.session.upload_id.clone();
        let call = self.call(ReportChunks {
            upload_id,
            report: ChunkReport::new(chunks),
        });
        if let Phase::Sending(sending) = &mut self.phase {
            sending.report_call = Some(call);
        }
        true
    }

    pub(super) fn after_report(&mut self, result: Result<ChunkReceipt, Error>) {
        let Phase::Sending(sending) = &mut self.phase else {
            return;
        };
        match result {
            Ok(_) => {
                let indexes = sending.tracker.report_accepted();
                self.journal.write(&Record::Reported(indexes));
            }
            // The API rejected part of the batch: its chunks are sent again, unless the platform
            // has them.
            Err(error)
                if error.kind() == ErrorKind::Refused
                    && sending.verifications < MAX_VERIFICATIONS =>
            {
                let indexes = sending.tracker.report_rejected();
                self.journal.write(&Record::Forgotten(indexes));
                self.verify();
            }
            Err(error) => self.fail(error),
        }
    }

    pub(super) fn verify(&mut self) {
        let Phase::Sending(sending) = &mut self.phase else {
            return;
        };
        sending.verifications += 1;
        sending.verified = (Vec::new(), 1);
        let endpoint = read_state(&sending.session.upload_id, 1);
        let call = self.call(endpoint);
        if let Phase::Sending(sending) = &mut self.phase {
            sending.verify_call = Some(call);
        }
    }

    pub(super) fn after_verification(&mut self, now: Now, result: Result<UploadState, Error>) {
        let Phase::Sending(sending) = &mut self.phase else {
            return;
        };
        let state = match result {
            Ok(state) => state,
            Err(error) => return self.fail(error),
        };
        if state.status == Some(UploadStatus::Completed) {
            return self.finish(now);
        }
        sending.verified.0.extend(completed_chunks(&state));
        if has_more(&state, sending.verified.1) {
            sending.verified.1 += 1;
            let endpoint = read_state(&sending.session.upload_id, sending.verified.1);
            let call = self.call(endpoint);
            if let Phase::Sending(sending) = &mut self.phase {
                sending.verify_call = Some(call);
            }
            return;
        }
        let completed = std::mem::take(&mut sending.verified.0);
        for index in 1..=sending.session.total_chunks {
            if completed.contains(&index) {
                sending.tracker.confirm(index);
            } else {
                sending.tracker.invalidate(index);
            }
        }
    }

    pub(super) fn finish_if_reported(&mut self, now: Now) -> bool {
        let Phase::Sending(sending) = &self.phase else {
            return false;
        };
        if !sending.tracker.all_reported() {
            return false;
        }
        self.finish(now);
        true
    }

    pub(super) fn finish(&mut self, now: Now) {
        let Phase::Sending(sending) = &self.phase else {
            return;
        };
        let uploaded = Uploaded {
            upload_id: sending.session.upload_id.clone(),
            asset_id: sending.session.asset_id.clone(),
            bytes: self.source.len(),
            chunks: sending.session.total_chunks,
            resumed: sending.resumed,
            attempts: sending.attempts,
            took: now.mono.saturating_sub(self.started.unwrap_or_default()),
        };
        self.journal.write(&Record::Complete);
        self.phase = Phase::Finished(Some(Box::new(Ok(uploaded))));
    }
}

#[cfg(test)]
mod tests;

//! The start of an upload: a new session, or the state of an earlier one.

use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use tl_model::{UploadSession, UploadState, UploadStatus};

use super::{
    ChunkTracker, MultipartUpload, Phase, Sending, SentChunk, Session, UploadStep, Uploaded, Urls,
    completed_chunks, has_more, journal::Record, read_state,
};
use crate::{Error, ErrorKind, Event, Now};

/// Why a session with chunks that were not compared with the file is not resumed.
const OTHER_VERSION: &str = "the file may have changed, and the platform has chunks of it that this checkpoint does not name";

impl MultipartUpload {
    /// One step while the session is created or its state is read; `Continue` if the phase has
    /// changed.
    pub(super) fn step_setup(&mut self, now: Now) -> ControlFlow<UploadStep> {
        match &mut self.phase {
            Phase::Creating(call) => {
                let result = call.step(now, &mut self.tokens)?;
                self.after_creating(now, result);
            }
            Phase::Reading { call, .. } => {
                let result = call.step(now, &mut self.tokens)?;
                self.after_reading(now, result);
            }
            Phase::Sending(_) | Phase::Finished(_) => {}
        }
        ControlFlow::Continue(())
    }

    fn after_creating(&mut self, now: Now, result: Result<UploadSession, Error>) {
        let response = match result {
            Ok(response) => response,
            Err(error) => return self.fail(error),
        };
        let session = match Session::from_response(&response, self.source.len()) {
            Ok(session) => session,
            Err(error) => return self.fail(error),
        };
        self.journal.write(&Record::Session(session.record()));
        self.observer.tell(&Event::UploadStarted {
            upload_id: session.upload_id.clone(),
            asset_id: session.asset_id.clone(),
            chunks: session.total_chunks,
            resumed: 0,
        });
        let margin = self.settings.url_margin;
        let (requested_at, server) = self.signing_time(now, None);
        let total = session.total_chunks;
        self.begin_sending(now, session, &[], BTreeMap::new());
        if let Phase::Sending(sending) = &mut self.phase {
            let is_missing = |index| (1..=total).contains(&index);
            sending.urls.insert(
                response.upload_urls,
                response.expires_at.as_ref(),
                server,
                requested_at,
                margin,
                is_missing,
            );
        }
    }

    pub(super) fn after_reading(&mut self, now: Now, result: Result<UploadState, Error>) {
        let Phase::Reading {
            record,
            only_recorded,
            completed,
            page,
            ..
        } = &mut self.phase
        else {
            return;
        };
        let state = match result {
            Ok(state) => state,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.restart("the platform does not know it any more");
            }
            Err(error) => return self.fail(error),
        };
        match &state.status {
            Some(UploadStatus::Expired) => {
                return self.restart("it has expired (a session lives 24 hours)");
            }
            Some(UploadStatus::Failed) => return self.restart("the platform gave it up"),
            Some(UploadStatus::Completed) => {
                if *only_recorded
                    && (1..=record.total_chunks).any(|index| !record.sent.contains_key(&index))
                {
                    return self.restart(OTHER_VERSION);
                }
                let session = match Session::from_record(record, self.source.len()) {
                    Ok(session) => session,
                    Err(error) => return self.fail(error),
                };
                let uploaded = Uploaded {
                    upload_id: session.upload_id,
                    asset_id: session.asset_id,
                    bytes: self.source.len(),
                    chunks: session.total_chunks,
                    resumed: session.total_chunks,
                    attempts: 0,
                    took: now.mono.saturating_sub(self.started.unwrap_or_default()),
                };
                self.phase = Phase::Finished(Some(Box::new(Ok(uploaded))));
                return;
            }
            _ => {}
        }
        completed.extend(completed_chunks(&state));
        if has_more(&state, *page) {
            *page += 1;
            let endpoint = read_state(&record.upload_id, *page);
            let next = self.call(endpoint);
            if let Phase::Reading { call, .. } = &mut self.phase {
                *call = next;
            }
            return;
        }
        if *only_recorded
            && completed
                .iter()
                .any(|index| !record.sent.contains_key(index))
        {
            return self.restart(OTHER_VERSION);
        }
        let (record, completed) = (record.clone(), std::mem::take(completed));
        match Session::from_record(&record, self.source.len()) {
            Err(error) => self.fail(error),
            Ok(session) => {
                let (upload_id, asset_id, chunks) = (
                    session.upload_id.clone(),
                    session.asset_id.clone(),
                    session.total_chunks,
                );
                let resumed = self.begin_sending(now, session, &completed, record.sent);
                self.observer.tell(&Event::UploadStarted {
                    upload_id,
                    asset_id,
                    chunks,
                    resumed,
                });
            }
        }
    }

    pub(super) fn restart(&mut self, because: &'static str) {
        self.observer.tell(&Event::UploadRestarted { because });
        let create = self.create.clone();
        self.phase = Phase::Creating(self.call(create));
    }

    /// Starts sending to `session`. Chunks that the API lists as complete are not sent again, and
    /// those that an earlier process has sent are reported first. Returns how many need not be sent.
    pub(super) fn begin_sending(
        &mut self,
        now: Now,
        session: Session,
        completed: &[u32],
        sent: BTreeMap<u32, SentChunk>,
    ) -> u32 {
        let mut tracker = ChunkTracker::new(session.total_chunks);
        for index in completed {
            tracker.confirm(*index);
        }
        for (index, chunk) in sent {
            if chunk.chunk_size == session.chunk_len(index) {
                tracker.restore_sent(index, chunk.etag);
            }
        }
        let resumed = tracker.done_count();
        let unreported_since = (tracker.unreported() > 0).then_some(now.mono);
        self.phase = Phase::Sending(Box::new(Sending {
            session,
            tracker,
            urls: Urls::default(),
            url_call: None,
            requested_urls: 0..=0,
            report_call: None,
            verify_call: None,
            verified: (Vec::new(), 0),
            verifications: 0,
            etag_is_md5: true,
            unreported_since,
            paced_until: Duration::ZERO,
            started: now.mono,
            sent_bytes: 0,
            attempts: 0,
            resumed,
        }));
        resumed
    }
}

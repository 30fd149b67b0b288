//! The uploads in progress: forms and multipart uploads.

use tl_model::UploadStatus;

use super::{
    MAX_ROWS,
    view::{self, Status},
};
use crate::{platform, server::Runtime};

#[derive(Debug)]
pub(super) struct Uploads {
    pub(super) forms: Vec<Form>,
    /// The newest sessions.
    pub(super) sessions: Vec<Session>,
    total: usize,
}

#[derive(Debug)]
pub(super) struct Form {
    pub(super) name: String,
    pub(super) received: u64,
    pub(super) total: Option<u64>,
    pub(super) status: Status,
    pub(super) received_text: String,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) status: Status,
    pub(super) total_size: u64,
    pub(super) stored_bytes: u64,
    pub(super) received_text: String,
    pub(super) stored_chunks: u32,
    pub(super) reported_chunks: u32,
    pub(super) total_chunks: u32,
}

impl Uploads {
    pub(super) fn is_empty(&self) -> bool {
        self.forms.is_empty() && self.sessions.is_empty()
    }

    /// The number of all sessions, if not all are shown.
    pub(super) fn all_sessions(&self) -> Option<usize> {
        (self.total > self.sessions.len()).then_some(self.total)
    }
}

pub(super) fn progress(runtime: &Runtime) -> Uploads {
    let forms = runtime.uploads.all().into_iter().map(|form| Form {
        name: form.filename.unwrap_or_else(|| "(form upload)".to_owned()),
        received: form.received,
        total: form.total,
        status: Status::new("uploading"),
        received_text: received_text(form.received, form.total),
    });
    let platform = runtime.platform();
    let (sessions, total) = platform.sessions(runtime.clock.now(), MAX_ROWS as usize);
    Uploads {
        forms: forms.collect(),
        sessions: sessions.into_iter().map(session).collect(),
        total,
    }
}

fn session(session: platform::Session) -> Session {
    Session {
        status: Status::new(match session.status {
            UploadStatus::Active => "uploading",
            ref other => other.as_str(),
        }),
        received_text: received_text(session.stored_bytes, Some(session.total_size)),
        id: session.id,
        name: session.filename,
        total_size: session.total_size,
        stored_bytes: session.stored_bytes,
        stored_chunks: session.stored_chunks,
        reported_chunks: session.reported_chunks,
        total_chunks: session.total_chunks,
    }
}

fn received_text(received: u64, total: Option<u64>) -> String {
    let received = view::bytes(received);
    match total {
        Some(total) => format!("{received} of {}", view::bytes(total)),
        None => received,
    }
}

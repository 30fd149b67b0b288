//! The uploads in progress: forms and multipart uploads.

use std::fmt::Write as _;

use tl_model::UploadStatus;

use super::{
    MAX_ROWS,
    filters::Filters,
    html::{self, Escaped},
};
use crate::server::Runtime;

pub(super) fn progress(runtime: &Runtime, _: &Filters, html: &mut String) {
    let forms = runtime.uploads.all();
    let platform = runtime.platform();
    let (sessions, total) = platform.sessions(runtime.clock.now(), MAX_ROWS as usize);
    if forms.is_empty() && sessions.is_empty() {
        return html::empty(html, "No uploads in progress.");
    }
    html::open_table(
        html,
        "Uploads",
        &["Progress", "Status", "File", "Received", "Chunks", "Upload"],
    );
    for form in forms {
        let name = form.filename.as_deref().unwrap_or("(form upload)");
        row(html, name, form.received, form.total);
        _ = write!(
            html,
            "<td>{}<td class=name>{}<td>{}<td><td>form",
            html::status("uploading"),
            Escaped(name),
            received_text(form.received, form.total)
        );
    }
    for session in sessions {
        row(
            html,
            &session.filename,
            session.stored_bytes,
            Some(session.total_size),
        );
        let status = match session.status {
            UploadStatus::Active => "uploading",
            ref other => other.as_str(),
        };
        _ = write!(
            html,
            "<td>{}<td class=name>{}<td>{}<td>{} stored, {} reported of {}<td><code>{}</code>",
            html::status(status),
            Escaped(&session.filename),
            received_text(session.stored_bytes, Some(session.total_size)),
            session.stored_chunks,
            session.reported_chunks,
            session.total_chunks,
            Escaped(&session.id)
        );
    }
    html::close_table(html);
    if total > MAX_ROWS as usize {
        _ = write!(
            html,
            "<p class=count>{MAX_ROWS} of {total} multipart uploads</p>"
        );
    }
}

fn row(html: &mut String, name: &str, received: u64, total: Option<u64>) {
    let name = Escaped(name);
    _ = match total {
        Some(total) => write!(
            html,
            "<tr><td><progress max={total} value={received} aria-label='{name}'></progress>"
        ),
        None => write!(html, "<tr><td><progress aria-label='{name}'></progress>"),
    };
}

fn received_text(received: u64, total: Option<u64>) -> String {
    let received = html::bytes(received);
    match total {
        Some(total) => format!("{received} of {}", html::bytes(total)),
        None => received,
    }
}

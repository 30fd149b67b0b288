//! Events of a running upload or ingestion.

use std::{fmt, time::Duration};

use tl_model::{AssetId, IndexedAssetId, UploadId};

use crate::{NotChecked, RouteChoice, Stage, route::format_bytes};

/// An event.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The route was chosen.
    Route(RouteChoice),
    /// The local check finished. If it refused the file, this is the last event.
    Checked(Box<tl_validate::Report>),
    /// The bytes are sent unchecked although the caller did not skip the check.
    NotChecked(NotChecked),
    /// The upload resumes from the checkpoint of an earlier process.
    Resuming {
        /// The upload session, if the source is sent in chunks.
        upload_id: Option<UploadId>,
        /// Chunks that the earlier process sent.
        sent_chunks: u32,
        /// Total number of chunks.
        total_chunks: u32,
        /// The asset, if the upload is complete.
        asset_id: Option<AssetId>,
        /// The indexed asset, if the platform has accepted it.
        indexed_asset_id: Option<IndexedAssetId>,
    },
    /// No checkpoint is written, or it can no longer be written: another process could not resume.
    NoCheckpoint {
        /// The reason.
        because: String,
    },
    /// Bytes of a file sent in one request. A retry starts again at the first byte.
    Sending {
        /// Bytes read for sending so far in this attempt: those sent, plus the buffers of the
        /// transport, and at most one read of a source with a read size.
        sent: u64,
        /// Total bytes.
        total: u64,
    },
    /// An event of the API client.
    Api(tl_protocol::Event),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(choice) => choice.fmt(f),
            Self::Checked(report) => write!(f, "checked: {report}"),
            Self::NotChecked(why) => write!(f, "sent without the local check: {why}"),
            Self::Resuming {
                asset_id: Some(asset_id),
                indexed_asset_id,
                ..
            } => {
                write!(f, "resuming: asset {asset_id} exists")?;
                match indexed_asset_id {
                    Some(id) => write!(f, ", indexed asset {id}"),
                    None => Ok(()),
                }
            }
            Self::Resuming {
                sent_chunks,
                total_chunks,
                ..
            } => write!(
                f,
                "resuming: {sent_chunks} of {total_chunks} chunks were sent"
            ),
            Self::NoCheckpoint { because } => {
                write!(f, "no checkpoint, the upload cannot be resumed: {because}")
            }
            Self::Sending { sent, total } => write!(f, "sent {sent} of {total} bytes"),
            Self::Api(event) => api(event, f),
        }
    }
}

fn api(event: &tl_protocol::Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use tl_protocol::Event as Api;
    match event {
        Api::Retrying {
            operation,
            attempt,
            because,
            delay,
        } => write!(
            f,
            "attempt {attempt} to {operation} failed ({}); again in {:.1} s",
            reason(*because),
            delay.as_secs_f64()
        ),
        Api::Reconciling { operation } => write!(
            f,
            "no response to \"{operation}\": checking whether it was processed"
        ),
        Api::Reconciled { resource } => {
            write!(f, "found {resource}, made by the lost request")
        }
        Api::Created { resource } => write!(f, "{resource} created"),
        Api::CreationDelayed {
            operation,
            limits_active: true,
        } => write!(
            f,
            "too many are active to {operation}: waiting until one ends"
        ),
        Api::CreationDelayed { operation, .. } => {
            write!(f, "the rate limit is reached: trying to {operation} later")
        }
        Api::StageStarted {
            indexed_asset_id: Some(id),
            ..
        } => write!(f, "waiting for indexed asset {id}"),
        Api::StageStarted { stage, .. } => write!(f, "{} started", Stage::from(*stage)),
        Api::UploadStarted {
            upload_id,
            chunks,
            resumed,
            ..
        } => {
            let noun = if *chunks == 1 { "chunk" } else { "chunks" };
            write!(f, "session {upload_id}: {chunks} {noun}")?;
            match resumed {
                0 => Ok(()),
                resumed => write!(f, ", {resumed} already sent"),
            }
        }
        Api::UploadRestarted { because } => write!(f, "the upload starts over: {because}"),
        Api::ChunkSent {
            bytes,
            total_bytes,
            bytes_per_second,
            left,
            ..
        } => {
            write!(
                f,
                "sent {} of {}",
                format_bytes(*bytes),
                format_bytes(*total_bytes)
            )?;
            if let Some(rate) = bytes_per_second {
                // A rate is at most the number of bytes sent.
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a rate that is shown"
                )]
                let rate = *rate as u64;
                write!(f, ", {}/s", format_bytes(rate))?;
            }
            match left {
                Some(left) if *left > Duration::ZERO => {
                    write!(f, ", {:.0} s left", left.as_secs_f64())
                }
                _ => Ok(()),
            }
        }
        Api::ChunkRetrying {
            chunk,
            attempt,
            because,
            delay,
        } => write!(
            f,
            "attempt {attempt} to send chunk {chunk} failed ({}); again in {:.1} s",
            reason(*because),
            delay.as_secs_f64()
        ),
        Api::Status { status, after, .. } => {
            write!(f, "{status} after {:.1} s", after.as_secs_f64())
        }
        // Events added by a later version.
        _ => f.write_str("in progress"),
    }
}

/// Describes why a request is retried.
fn reason(kind: tl_protocol::ErrorKind) -> &'static str {
    use tl_protocol::ErrorKind as Kind;
    match kind {
        Kind::InvalidRequest => "invalid request",
        Kind::Unauthorized => "API key rejected",
        Kind::Forbidden => "not allowed",
        Kind::NotFound => "not found",
        Kind::RateLimited => "rate limit",
        Kind::QuotaExhausted => "quota used up",
        Kind::Refused => "refused",
        Kind::Server => "server error",
        Kind::Unreachable => "no connection",
        Kind::ConnectionLost => "connection lost",
        Kind::OutcomeUnknown => "no response",
        Kind::Malformed => "unreadable response",
        Kind::SourceFailed => "the source cannot be read",
        Kind::DeadlinePassed => "deadline passed",
        Kind::Canceled => "canceled",
        Kind::ProcessingFailed => "processing failed",
        _ => "error",
    }
}

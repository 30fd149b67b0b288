//! What an ingestion or an upload tells while it runs.

use std::{fmt, time::Duration};

use tl_model::{AssetId, IndexedAssetId, UploadId};

use crate::{NotChecked, RouteChoice, Stage, route::shown};

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The route was chosen.
    Route(RouteChoice),
    /// The local check is done; where it refuses the file, nothing follows.
    Checked(Box<tl_validate::Report>),
    /// The bytes are sent without the local check, though nobody asked to skip it.
    NotChecked(NotChecked),
    /// An earlier process left a checkpoint, and this one goes on from there.
    Resuming {
        /// The session, where it goes up in chunks.
        upload_id: Option<UploadId>,
        /// How many chunks the earlier process has sent.
        sent_chunks: u32,
        /// How many there are.
        total_chunks: u32,
        /// The asset, where it is there whole.
        asset_id: Option<AssetId>,
        /// The asset in the index, where the platform has taken it in.
        indexed_asset_id: Option<IndexedAssetId>,
    },
    /// No checkpoint is kept, or it cannot be written any more: another process could not go on from here.
    Unkept {
        /// Why.
        because: String,
    },
    /// Bytes of the file were taken to be sent in one request; a repeated attempt begins at the first byte again.
    Sending {
        /// How many bytes so far, of this attempt.
        sent: u64,
        /// How many there are.
        total: u64,
    },
    /// Something happened between here and the platform.
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
                write!(
                    f,
                    "going on where an earlier run ended: asset {asset_id} is there"
                )?;
                match indexed_asset_id {
                    Some(id) => write!(f, ", in the index as {id}"),
                    None => Ok(()),
                }
            }
            Self::Resuming {
                sent_chunks,
                total_chunks,
                ..
            } => write!(
                f,
                "going on where an earlier run ended: {sent_chunks} of {total_chunks} chunks were sent"
            ),
            Self::Unkept { because } => {
                write!(f, "another process could not go on from here: {because}")
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
            "the answer to \"{operation}\" was lost: looking whether the platform acted"
        ),
        Api::Reconciled { resource, id } => {
            write!(f, "found {resource} {id}, made by the lost request")
        }
        Api::Created { resource, id } => write!(f, "{resource} {id} created"),
        Api::StageStarted {
            indexed_asset_id: Some(id),
            ..
        } => write!(f, "waiting for indexed asset {id}"),
        Api::StageStarted { stage, .. } => write!(f, "{} begins", Stage::from(*stage)),
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
                resumed => write!(f, ", {resumed} of them are there"),
            }
        }
        Api::UploadRestarted { because } => write!(f, "the upload begins anew: {because}"),
        Api::ChunkSent {
            bytes,
            total_bytes,
            bytes_per_second,
            left,
            ..
        } => {
            write!(f, "sent {} of {}", shown(*bytes), shown(*total_bytes))?;
            if let Some(rate) = bytes_per_second {
                // A rate is no more than the bytes that were sent.
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a rate that is shown"
                )]
                let rate = *rate as u64;
                write!(f, ", {}/s", shown(rate))?;
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
        // What a later version adds and this one has no words for.
        _ => f.write_str("the operation goes on"),
    }
}

/// Why a request is sent again, in words.
fn reason(kind: tl_protocol::ErrorKind) -> &'static str {
    use tl_protocol::ErrorKind as Kind;
    match kind {
        Kind::InvalidRequest => "the request is not valid",
        Kind::Unauthorized => "the key was refused",
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

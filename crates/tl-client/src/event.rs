//! What an ingestion tells while it runs.

use std::fmt;

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The local check is done; where it refuses the file, nothing follows.
    #[cfg(feature = "validate")]
    Checked(Box<tl_validate::Report>),
    /// Bytes of the file were taken to be sent; a repeated attempt begins at the first byte again.
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
        use tl_protocol::Event as Api;
        match self {
            #[cfg(feature = "validate")]
            Self::Checked(report) => write!(f, "checked: {report}"),
            Self::Sending { sent, total } => write!(f, "sent {sent} of {total} bytes"),
            Self::Api(Api::Retrying {
                operation,
                attempt,
                because,
                delay,
            }) => write!(
                f,
                "attempt {attempt} to {operation} failed ({because:?}); again in {:.1} s",
                delay.as_secs_f64()
            ),
            Self::Api(Api::Reconciling { operation }) => {
                write!(
                    f,
                    "the answer to \"{operation}\" was lost: looking whether the platform acted"
                )
            }
            Self::Api(Api::Reconciled { resource, id }) => {
                write!(f, "found {resource} {id}, made by the lost request")
            }
            Self::Api(Api::Created { resource, id }) => write!(f, "{resource} {id} created"),
            Self::Api(Api::Status { status, after, .. }) => {
                write!(f, "{status} after {:.1} s", after.as_secs_f64())
            }
            Self::Api(other) => write!(f, "{other:?}"),
        }
    }
}

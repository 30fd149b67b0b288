//! The record of a registered webhook.

use serde::{Deserialize, Serialize};

/// A registered URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WebhookRecord {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) secret: String,
}

//! The records of connections to data providers, and of imports through them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{AssetSourceProvider, ConnectionStatus, ImportAction, ImportError};

/// An authorization that a user has not decided on yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AuthorizationRecord {
    pub(crate) state: String,
    pub(crate) provider: AssetSourceProvider,
    pub(crate) redirect_uri: String,
    pub(crate) custom_id: Option<String>,
}

/// A connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ConnectionRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) provider: AssetSourceProvider,
    pub(crate) custom_id: Option<String>,
    pub(crate) status: ConnectionStatus,
    pub(crate) connected_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// A registered redirect URI.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RedirectUriRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) redirect_uri: String,
    pub(crate) created_at: Timestamp,
}

/// An import.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ImportRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) connection_id: String,
    pub(crate) custom_id: Option<String>,
    pub(crate) files: Vec<ImportedFile>,
    pub(crate) created_at: Timestamp,
}

/// A file of an import.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ImportedFile {
    pub(crate) source_id: String,
    pub(crate) action: ImportAction,
    pub(crate) asset_id: Option<String>,
    pub(crate) error: Option<ImportError>,
}

//! Connections to data providers, and imports of files through them (`/connections`).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AssetId, AssetSourceProvider, ConnectionId, ImportId, RedirectUriId, Timestamp};

object! {
    /// The request body that begins the authorization of a connection.
    pub struct NewConnection {
        required {
            /// The data provider.
            provider: AssetSourceProvider,
            /// The registered URI to which the browser returns.
            redirect_uri: String,
        }
        /// A label of your own. It need not be unique.
        optional custom_id: Option<String>,
    }
}

object! {
    /// The address at which a user authorizes a connection.
    pub struct ConnectionAuthorization {
        required {
            /// Open it in a browser. Afterwards the browser returns to the redirect URI, with
            /// `connection_id`, `status=ok` and `custom_id`, or with `error`.
            authorize_url: String,
        }
        /// Identifies the authorization.
        lenient state: Option<String>,
    }
}

open_enum! {
    /// Status of a connection.
    pub enum ConnectionStatus {
        /// Files can be imported.
        Active = "active",
        /// The authorization expired.
        Expired = "expired",
        /// The user revoked the authorization.
        Revoked = "revoked",
    }
}

object! {
    /// The account of a connection at its provider.
    pub struct ConnectionAccount {
        /// Identifies the account at the provider.
        lenient external_id: Option<String>,
        /// A label for people, such as an email address.
        lenient display_name: Option<String>,
    }
}

object! {
    /// A connection to an account at a data provider.
    pub struct Connection {
        required {
            /// Identifies the connection.
            id: ConnectionId = "_id",
        }
        /// The data provider.
        lenient provider: Option<AssetSourceProvider>,
        /// Status of the connection.
        optional status: Option<ConnectionStatus>,
        /// The label given when it was authorized.
        lenient custom_id: Option<String>,
        /// The account.
        lenient account: Option<ConnectionAccount>,
        /// What the connection may do.
        lenient_list scopes: Vec<String>,
        /// When it was authorized.
        lenient connected_at: Option<Timestamp>,
        /// When it was last used.
        lenient last_used_at: Option<Timestamp>,
    }
}

/// A secret of a data provider. `Debug` and `Display` do not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderSecret(String);

impl ProviderSecret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret. Do not log it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ProviderSecret {
    fn from(secret: &str) -> Self {
        Self::new(secret)
    }
}

impl fmt::Debug for ProviderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderSecret(…)")
    }
}

impl fmt::Display for ProviderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

object! {
    /// What a page needs to show the file picker of the provider. The secrets are short-lived
    /// credentials of the user's account.
    pub struct PickerToken {
        required {
            /// The access token.
            access_token: ProviderSecret,
        }
        /// How long the token is valid, in seconds.
        whole expires_in: Option<u64>,
        /// What the token may do.
        lenient scope: Option<String>,
        /// Identifies the application at the provider.
        lenient app_id: Option<String>,
        /// The developer key of the application.
        optional developer_key: Option<ProviderSecret>,
    }
}

object! {
    /// A registered URI to which a browser may return after an authorization.
    pub struct RedirectUri {
        required {
            /// Identifies the registration.
            id: RedirectUriId = "_id",
        }
        /// The URI.
        lenient redirect_uri: Option<String>,
        /// When it was registered.
        lenient created_at: Option<Timestamp>,
    }
}

object! {
    /// A file to import.
    pub struct ImportSource {
        required {
            /// The identifier of the file at the provider.
            source_id: String,
        }
    }
}

open_enum! {
    /// What an import did with a file. It does not change later.
    pub enum ImportAction {
        /// A new asset was created.
        Created = "created",
        /// The file was imported before: nothing was done.
        Skipped = "skipped",
        /// An earlier import of the file had failed: the file is fetched again.
        Retried = "retried",
        /// No asset was created: see the error.
        Rejected = "rejected",
    }
}

open_enum! {
    /// Status of the asset of an imported file.
    pub enum ImportStatus {
        /// The platform fetches and checks the file.
        Processing = "processing",
        /// The asset can be used.
        Ready = "ready",
        /// Fetching or checking failed.
        Failed = "failed",
    }
}

impl ImportStatus {
    /// Whether the status is final: `ready` or `failed`. An unknown status is not terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed)
    }
}

object! {
    /// Why a file was not imported.
    pub struct ImportError {
        /// The code, such as `source_unavailable` or `unsupported_media_type`.
        lenient code: Option<String>,
        /// The reason, for humans.
        lenient message: Option<String>,
    }
}

object! {
    /// One file of an import.
    pub struct ImportItem {
        required {
            /// The identifier of the file at the provider.
            source_id: String,
        }
        /// What the import did with the file. Absent in old imports.
        optional action: Option<ImportAction>,
        /// The asset. Absent if the file was rejected.
        optional asset_id: Option<AssetId>,
        /// Status of the asset. Absent if the file was rejected.
        optional status: Option<ImportStatus>,
        /// Why the file was rejected.
        lenient error: Option<ImportError>,
    }
}

object! {
    /// The result of a request to import files, in the order of the request. The response is a
    /// success even if all files were rejected.
    pub struct ImportResult {
        required {
            /// Identifies the import.
            id: ImportId = "_id",
        }
        /// Whether a file was rejected. A skipped file is no failure.
        optional has_failures: Option<bool>,
        /// The files.
        list items: Vec<ImportItem>,
    }
}

object! {
    /// An import: in lists without its files.
    pub struct Import {
        required {
            /// Identifies the import.
            id: ImportId = "_id",
        }
        /// The connection.
        optional connection_id: Option<ConnectionId>,
        /// The data provider.
        lenient provider: Option<AssetSourceProvider>,
        /// The label of the connection.
        lenient custom_id: Option<String>,
        /// The number of files of the request.
        whole item_count: Option<u64>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
        /// The files, with the current status of their assets. A deleted asset drops out.
        list items: Vec<ImportItem>,
    }
}

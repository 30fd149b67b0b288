//! `/connections`: connections to accounts at data providers, and where a browser may return after
//! an authorization.

mod bodies;
mod imports;

use tl_model::{
    Connection, ConnectionAuthorization, ConnectionId, NewConnection, Page, PickerToken,
    RedirectUri, RedirectUriId,
};

pub use imports::*;

use super::{PageRequest, endpoint, resource};

resource! {
    /// Operations on connections to data providers.
    Connections, connections
}

resource! {
    /// Operations on redirect URIs.
    RedirectUris, redirect_uris
}

endpoint! {
    /// Begins the authorization of a connection, and returns the address at which the user grants
    /// access.
    AuthorizeConnection: PartialEq {
        body {
            /// The provider and where the browser returns.
            connection: NewConnection
        }
    }
    name: "data_connectors.authorize_connection";
    does: "authorize a connection";
    // The colon is part of the path. The official Python client 1.3.6 takes it for the end of a
    // URL scheme, and cannot send this request.
    POST "/connections:authorize" => OK ConnectionAuthorization;
    repeat: Freely;
    client: Connections::authorize;
}

endpoint! {
    /// Lists the connections of the account, newest first.
    ListConnections: PartialEq, Eq, Default {
        query {
            /// The page to return.
            page: PageRequest,
        }
    }
    name: "data_connectors.list_connections";
    does: "list connections";
    GET "/connections" => OK Page<Connection>;
    repeat: Freely;
    client: Connections::list;
    paged: Connection;
}

endpoint! {
    /// Retrieves a connection.
    GetConnection: PartialEq, Eq {
        path {
            /// The connection.
            connection_id: ConnectionId,
        }
    }
    name: "data_connectors.retrieve_connection";
    does: "retrieve the connection";
    GET "/connections/{connection_id}" => OK Connection;
    repeat: Freely;
    client: Connections::get;
}

endpoint! {
    /// Deletes a connection and revokes its access. Imported assets stay.
    DeleteConnection: PartialEq, Eq {
        path {
            /// The connection.
            connection_id: ConnectionId,
        }
    }
    name: "data_connectors.delete_connection";
    does: "delete the connection";
    DELETE "/connections/{connection_id}" => NO_CONTENT;
    repeat: Freely;
    client: Connections::delete;
    gone: ();
}

endpoint! {
    /// Creates a short-lived token for the file picker of the provider.
    CreatePickerToken: PartialEq, Eq {
        path {
            /// The connection.
            connection_id: ConnectionId,
        }
    }
    name: "data_connectors.create_connection_picker_token";
    does: "create a picker token";
    POST "/connections/{connection_id}/picker-token" => OK PickerToken;
    // Another token does no harm: it expires by itself.
    repeat: Freely;
    client: Connections::picker_token;
}

endpoint! {
    /// Registers a redirect URI. Once there is one, authorizations return to registered URIs only.
    CreateRedirectUri: PartialEq, Eq {
        json {
            /// The URI: https, a public host, no wildcard.
            redirect_uri: String,
        }
    }
    name: "data_connectors.create_redirect_uri";
    does: "register a redirect URI";
    POST "/connections/redirect-uris" => CREATED RedirectUri;
    repeat: IfNotProcessed;
    client: RedirectUris::create;
}

endpoint! {
    /// Lists the registered redirect URIs, newest first.
    ListRedirectUris: PartialEq, Eq, Default {
        query {
            /// The page to return.
            page: PageRequest,
        }
    }
    name: "data_connectors.list_redirect_uris";
    does: "list redirect URIs";
    GET "/connections/redirect-uris" => OK Page<RedirectUri>;
    repeat: Freely;
    client: RedirectUris::list;
    paged: RedirectUri;
}

endpoint! {
    /// Removes a registered redirect URI.
    DeleteRedirectUri: PartialEq, Eq {
        path {
            /// The registration.
            redirect_uri_id: RedirectUriId,
        }
    }
    name: "data_connectors.delete_redirect_uri";
    does: "delete the redirect URI";
    DELETE "/connections/redirect-uris/{redirect_uri_id}" => NO_CONTENT;
    repeat: Freely;
    client: RedirectUris::delete;
    gone: ();
}

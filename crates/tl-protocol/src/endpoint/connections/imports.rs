//! `/connections/{connection_id}/imports`: files of a data provider that become assets.

use tl_model::{ConnectionId, Import, ImportId, ImportResult, ImportSource, Page};

use crate::endpoint::{PageRequest, endpoint, resource};

resource! {
    /// Operations on imports through a connection.
    Imports, imports
}

endpoint! {
    /// Imports files as assets. The response is a success even if all files were rejected: see
    /// [`ImportResult::has_failures`].
    ///
    /// A file that was imported before is not fetched again: its asset is returned.
    CreateImport: PartialEq {
        path {
            /// The connection.
            connection_id: ConnectionId,
        }
        json {
            /// The files, 1 to 100, each once.
            items: Vec<ImportSource>,
        }
    }
    name: "imports.import_files";
    does: "import the files";
    POST "/connections/{connection_id}/imports" => ACCEPTED ImportResult;
    // Documented: a file that is imported again is skipped.
    repeat: Freely;
    client: Imports::create;
}

endpoint! {
    /// Lists the imports through a connection, newest first, without their files.
    ListImports: PartialEq, Eq {
        path {
            /// The connection.
            connection_id: ConnectionId,
        }
        query {
            /// The page to return.
            page: PageRequest,
        }
    }
    name: "imports.list_imports";
    does: "list the imports";
    GET "/connections/{connection_id}/imports" => OK Page<Import>;
    repeat: Freely;
    client: Imports::list;
    paged: Import;
}

endpoint! {
    /// Retrieves an import, with the current status of the asset of each file.
    GetImport: PartialEq, Eq {
        path {
            /// The connection.
            connection_id: ConnectionId,
            /// The import.
            import_id: ImportId,
        }
    }
    name: "imports.retrieve_import";
    does: "retrieve the import";
    GET "/connections/{connection_id}/imports/{import_id}" => OK Import;
    repeat: Freely;
    client: Imports::get;
}

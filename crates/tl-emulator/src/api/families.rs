//! Families of endpoints: which ones the emulator implements. It answers the others with 501.

use http::StatusCode;
use tl_model::ErrorCode;

use super::listing;
use crate::core::Refusal;

/// The code of the 501 response. The platform has no such code.
pub const NOT_IMPLEMENTED_CODE: &str = "not_implemented_in_emulator";

/// The implemented families, as text for the user.
pub const IMPLEMENTED: [&str; 14] = [
    "tasks",
    "indexes",
    "videos",
    "indexed assets",
    "assets",
    "multipart uploads",
    "entities",
    "knowledge stores",
    "responses",
    "connections and imports",
    "search",
    "analyze",
    "embeddings",
    "webhooks of indexing and analysis",
];

/// A family of endpoints that the emulator does not implement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Family {
    /// The name, taken from the first path.
    pub name: &'static str,
    /// Path prefixes below the version.
    paths: &'static [&'static str],
}

/// The parts of implemented families that are not implemented. They belong to v1.2, whose clients
/// still request them.
pub const NOT_IMPLEMENTED: [Family; 1] = [Family {
    name: "tasks of v1.2",
    paths: &["/tasks/status", "/tasks/transfers"],
}];

/// The values of `embedding_option`; `visual-text` comes from older OpenAPI descriptions.
const EMBEDDINGS: [&str; 4] = ["visual", "audio", "transcription", "visual-text"];

/// Removed by the platform on 2026-02-15 (observed: 410).
const CLOSED: [&str; 2] = ["/summarize", "/gist"];

/// The unimplemented family that a path below the version belongs to.
#[must_use]
pub fn not_implemented(path: &str) -> Option<Family> {
    NOT_IMPLEMENTED
        .iter()
        .copied()
        .find(|family| family.paths.iter().any(|root| is_below(path, root)))
}

/// Refuses paths of unimplemented families and of removed endpoints.
pub(crate) fn check(path: &str) -> Result<(), Refusal> {
    if let Some(closed) = CLOSED.iter().find(|root| is_below(path, root)) {
        return Err(Refusal::new(
            StatusCode::GONE,
            ErrorCode::EndpointDeprecated,
            format!("The endpoint {closed} was removed on 2026-02-15. Use /analyze."),
        ));
    }
    match not_implemented(path) {
        Some(family) => Err(Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            NOT_IMPLEMENTED_CODE,
            format!(
                "The emulator does not implement {} ({}). It implements {}.",
                family.paths[0],
                family.name,
                IMPLEMENTED.join(", ")
            ),
        )),
        None => Ok(()),
    }
}

/// Checks the embeddings that a request for a video asks for.
pub(crate) fn check_embedding_options(options: &[String]) -> Result<(), Refusal> {
    let unknown = options
        .iter()
        .find(|option| !EMBEDDINGS.contains(&option.as_str()));
    match unknown {
        Some(other) => Err(listing::not_one_of(
            "embedding_option",
            other,
            &EMBEDDINGS.join(", "),
        )),
        None => Ok(()),
    }
}

/// Refuses requests for transcriptions. An empty one would look like a video without speech.
pub(crate) fn refuse_transcription(transcription: Option<bool>) -> Result<(), Refusal> {
    if transcription == Some(true) {
        return Err(model_output_unsupported("transcription", "transcriptions"));
    }
    Ok(())
}

/// The error for a parameter that requests the output of a model.
fn model_output_unsupported(parameter: &str, what: &str) -> Refusal {
    Refusal::new(
        StatusCode::NOT_IMPLEMENTED,
        NOT_IMPLEMENTED_CODE,
        format!(
            "The emulator makes no {what}: leave out the {parameter} parameter. It implements {}.",
            IMPLEMENTED.join(", ")
        ),
    )
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn family_covers_only_paths_below_its_prefix() {
        let name = |path: &str| not_implemented(path).map(|family| family.name);
        assert_eq!(name("/embed/tasks/x/status"), None);
        assert_eq!(name("/connections:authorize"), None);
        assert_eq!(name("/tasks/status"), Some("tasks of v1.2"));
        assert_eq!(name("/tasks/transfers/import/x"), Some("tasks of v1.2"));
        for path in [
            "/analyzer",
            "/search",
            "/tasks",
            "/tasks/6391c89afb14854546891276",
            "/",
            "/assets/x/entities",
        ] {
            assert_eq!(name(path), None, "{path}");
        }
        assert_eq!(check("/gist").unwrap_err().status, StatusCode::GONE);
    }
}

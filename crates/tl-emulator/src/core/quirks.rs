//! Behavior that the platform documentation leaves open: one switch per question, with the safe
//! answer as the default.

use std::{collections::BTreeMap, fmt};

/// A question that the documentation leaves open, and the behaviors that the emulator supports.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quirk {
    /// The name of the switch.
    pub name: &'static str,
    /// The question.
    pub question: &'static str,
    /// The possible values; the first is the default.
    pub values: &'static [&'static str],
    /// Why the default was chosen: what was documented or observed, and when.
    pub why: &'static str,
}

macro_rules! quirks {
    ($($(#[$meta:meta])* $ident:ident = $name:literal, $question:literal, [$($value:literal),+], $why:literal;)+) => {
        $($(#[$meta])* pub static $ident: Quirk =
            Quirk { name: $name, question: $question, values: &[$($value),+], why: $why };)+

        /// All quirks, most relevant to clients first.
        pub static ALL: &[&Quirk] = &[$(&$ident),+];
    };
}

quirks! {
    /// The status of a response that creates a task.
    CREATED_STATUS = "created-status",
        "Does POST /tasks return 201 (observed) or 200 (documented)?", ["201", "200"],
        "Observed in July 2026; every description says 200. Clients must take both.";
    /// The status of a response without a body.
    EMPTY_STATUS = "empty-status",
        "Do deletions and updates return 204 (description of February 2026) or 200 (of July 2026)?", ["204", "200"],
        "The description of July 2026 prints every 204 as 200, an accident of its making.";
    /// Task and video identifiers.
    VIDEO_ID = "video-id",
        "Does a video have its own identifier, or that of its task? The samples disagree.", ["own", "same"],
        "One sample of the documents shows two identifiers, another one shows the same twice; a client must not rely on either.";
    /// The first status of an uploaded file.
    FIRST_STATUS = "first-status",
        "Does the task of an uploaded file begin with `validating` (documented) or `uploading` (observed)?",
        ["validating", "uploading"],
        "The order of the documents; `uploading` is no status of the page of the task object.";
    /// A file that violates the rules.
    FILE_JUDGMENT = "file-judgment",
        "Does POST /tasks refuse a file that breaks a rule at once, or does its task fail in `validating`?", ["refuse", "fail"],
        "Refusals were observed in July 2026, for files that were sent; whether all rules are held against a file at once is not documented.";
    /// A page size above the maximum.
    BEYOND_PAGE_LIMIT = "beyond-page-limit",
        "Is a page_limit above 50 refused, or taken for 50?", ["refuse", "clamp"],
        "Documented as the maximum; what happens beyond it is not. Refusing finds mistakes.";
    /// The error code for an unknown task.
    UNKNOWN_TASK = "unknown-task",
        "Which code does an unknown task give?", ["resource_not_exist", "not_found"],
        "The page of error codes; the description has no 404 for tasks at all.";
    /// The file name filter of lists.
    FILENAME_FILTER = "filename-filter",
        "Does the filter `filename` of tasks and videos compare whole names, or parts without regard to case?",
        ["exact", "partial"],
        "Documented for assets as partial (April 2026), and for nothing else.";
    /// Reserved keys in user metadata.
    RESERVED_KEYS = "reserved-keys",
        "Are the keys duration, filename, fps, height, model_names, size, video_title and width refused in user_metadata? The note left the documents in July 2026.",
        ["accept", "refuse"],
        "The note that reserved them left the documents in July 2026.";
    /// The `Retry-After` header of a 429.
    RETRY_AFTER = "retry-after",
        "Does a 429 say Retry-After in seconds (read by live clients), as a date, or not at all?", ["seconds", "date", "none"],
        "Clients that speak to the platform read seconds; no document names the header.";
    /// The rate limit headers.
    RATE_HEADERS = "rate-headers",
        "Which headers tell the rate limit: those of the scheme of 2024, of 2026, both, or none?", ["both", "old", "new", "none"],
        "Two schemes are documented, of 2024 and of 2026; a client that reads either is served.";
    /// When a list shows what was created or changed.
    LIST_LAG = "list-lag",
        "Do the lists of assets and indexed assets show a change at once, or only after 30 seconds?", ["none", "30s"],
        "No document promises that a list is current; a client must not take what it does not list for not created.";
    /// The older method to update the metadata of a video.
    VIDEO_PUT = "video-put",
        "Is PUT /indexes/{index_id}/videos/{video_id} refused, or does it still do what PATCH does?", ["refuse", "accept"],
        "It left the description in August 2025; Python clients before 1.0 send it. Whether the platform takes it is not documented.";
    /// An unsupported method on a known path.
    WRONG_METHOD = "wrong-method",
        "Does a known path with a wrong method return 405 or 404?", ["405", "404"],
        "HTTP; not documented.";
    /// Whether assets are processed asynchronously.
    ASSET_STATUS = "asset-status",
        "Is a new asset `processing` and a bad file found out later (since July 2026), or are small files `ready` or refused at once?",
        ["async", "sync"],
        "Release notes of 2026-07-07: every upload is processed afterwards.";
    /// The default for streams and thumbnails of assets.
    ASSET_STREAMS = "asset-streams",
        "Does an asset of POST /assets have a stream and a thumbnail only where they are asked for (documented), or wherever they are not refused (newest client)?",
        ["asked", "unless-refused"],
        "The description of July 2026 says false for both; the official Python client of October 2026 says true.";
    /// The headers required with each chunk.
    UPLOAD_HEADERS = "upload-headers",
        "Which headers does a multipart upload ask for: the content type that the official clients send anyway, one more, or none?",
        ["content-type", "extra", "none"],
        "The official clients send this content type and ignore what the session asks for.";
    /// When a presigned URL is used up.
    URL_SPENT = "url-spent",
        "Is a presigned URL used up by every attempt that was let in, or only by one that stored the chunk?",
        ["attempt", "success"],
        "Documented as single use; the stricter reading.";
    /// An expired upload session.
    EXPIRED_UPLOAD = "expired-upload",
        "Which status do reports and requests for URLs give after the 24 hours of a multipart upload?", ["400", "404", "403"],
        "Only that a session ends is documented; 400 is the status that every operation of uploads has.";
    /// A report for a completed upload.
    REPORT_AFTER_COMPLETION = "report-after-completion",
        "Are chunks that are reported after the upload is complete counted as duplicates, or refused?",
        ["duplicates", "refuse"],
        "Documented: what was reported before is counted as a duplicate and ignored.";
    /// Indexing an asset that is not ready.
    ASSET_NOT_READY = "asset-not-ready",
        "Which status does indexing an asset that is not ready give?", ["400", "409"],
        "Documented is that the asset must be ready; 409 is not among the statuses of the operation.";
    /// The first status of an indexed asset.
    INDEXED_VALIDATING = "indexed-asset-validating",
        "Does an indexed asset begin with `validating` (newest client), or with `pending`?", ["no", "yes"],
        "The description of July 2026 has no `validating` here; the client of October 2026 has.";
    /// An asset that violates the rules of the index.
    INDEXED_JUDGMENT = "indexed-asset-judgment",
        "Is an asset that breaks the rules of the index's models refused at once, or does its indexing fail?",
        ["refuse", "fail"],
        "POST /tasks refuses a file that breaks a rule at once (observed); not documented for indexed assets.";
    /// Webhook events of indexed assets.
    INDEXED_EVENTS = "indexed-asset-events",
        "Do indexed assets send the events of tasks, with their own identifier?", ["yes", "no"],
        "The events are documented for what is indexed, without regard to the way in.";
    /// The value of the version header.
    API_VERSION_HEADER = "api-version-header",
        "What does the header X-Api-Version say?", ["1.3", "v1.3"],
        "The header is documented without a sample; the version number is written without its letter elsewhere.";
}

/// The active values of all quirks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quirks(BTreeMap<&'static str, &'static str>);

impl Quirks {
    /// The value of `quirk`.
    #[must_use]
    pub fn get(&self, quirk: &Quirk) -> &'static str {
        self.0.get(quirk.name).copied().unwrap_or(quirk.values[0])
    }

    /// Sets the quirk `name` to `value`.
    ///
    /// # Errors
    /// Returns an error that lists the known names or values if one is unknown.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), UnknownQuirk> {
        let Some(quirk) = ALL.iter().find(|quirk| quirk.name == name) else {
            let known: Vec<_> = ALL.iter().map(|quirk| quirk.name).collect();
            return Err(UnknownQuirk(format!(
                "there is no quirk `{name}` (allowed: {})",
                known.join(", ")
            )));
        };
        let Some(value) = quirk.values.iter().find(|known| **known == value) else {
            return Err(UnknownQuirk(format!(
                "the quirk `{name}` cannot be `{value}` (allowed: {})",
                quirk.values.join(", ")
            )));
        };
        self.0.insert(quirk.name, value);
        Ok(())
    }
}

/// The quirk or its value is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownQuirk(String);

impl fmt::Display for UnknownQuirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownQuirk {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quirk_accepts_only_its_own_values() {
        let mut quirks = Quirks::default();
        assert_eq!(quirks.get(&CREATED_STATUS), "201");
        quirks.set("created-status", "200").unwrap();
        assert_eq!(quirks.get(&CREATED_STATUS), "200");
        let wrong = quirks.set("created-status", "202").unwrap_err().to_string();
        assert_eq!(
            wrong,
            "the quirk `created-status` cannot be `202` (allowed: 201, 200)"
        );
        assert!(
            quirks
                .set("color", "blue")
                .unwrap_err()
                .to_string()
                .contains("page-limit")
        );
    }

    #[test]
    fn quirk_names_are_unique_and_have_choices() {
        for (at, quirk) in ALL.iter().enumerate() {
            assert!(quirk.values.len() > 1, "{}", quirk.name);
            assert!(quirk.why.ends_with('.'), "{}", quirk.name);
            assert!(
                ALL[..at].iter().all(|other| other.name != quirk.name),
                "{}",
                quirk.name
            );
        }
    }
}

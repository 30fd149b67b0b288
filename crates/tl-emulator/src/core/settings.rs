//! Settings of the platform. Everything has a default; nothing is read from the environment.

use http::StatusCode;
use tl_validate::RulePack;

use super::{
    answers::Answers,
    faults::FaultPlan,
    lifecycle::Schedule,
    plan::Plan,
    quirks::{self, Quirks},
};

/// Settings of the platform.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// How fast tasks become ready.
    pub schedule: Schedule,
    /// The rules that received videos are validated against. The default is the newest rule pack.
    pub rules: RulePack,
    /// The behavior that the documentation leaves open.
    pub quirks: Quirks,
    /// The limits of the account. The default is unlimited.
    pub plan: Plan,
    /// The faults to inject. The default is none.
    pub faults: FaultPlan,
    /// The answers of models that a test supplies. The default is none.
    pub answers: Answers,
    /// The chunk size of multipart uploads, in bytes. The last chunk may be smaller, and files that
    /// would have more than 10,000 chunks get larger ones. The default is 5 MiB, the example in the
    /// documentation.
    pub chunk_size: u64,
    /// The maximum number of presigned URLs returned when a multipart upload is created. The
    /// default is 10.
    pub initial_urls: u32,
    /// The seed of identifiers and random choices. The same seed and requests give the same
    /// responses.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            rules: RulePack::current().clone(),
            quirks: Quirks::default(),
            plan: Plan::UNLIMITED,
            faults: FaultPlan::default(),
            answers: Answers::default(),
            chunk_size: 5 << 20,
            initial_urls: 10,
            seed: 0,
        }
    }
}

impl Settings {
    pub(crate) fn created_status(&self) -> StatusCode {
        match self.quirks.get(&quirks::CREATED_STATUS) {
            "200" => StatusCode::OK,
            _ => StatusCode::CREATED,
        }
    }

    pub(crate) fn empty_status(&self) -> StatusCode {
        match self.quirks.get(&quirks::EMPTY_STATUS) {
            "200" => StatusCode::OK,
            _ => StatusCode::NO_CONTENT,
        }
    }
}

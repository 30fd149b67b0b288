//! How the platform is set up. Everything has a default; nothing is read from the machine.

use http::StatusCode;
use tl_validate::RulePack;

use super::{FaultPlan, Plan, Quirks, Schedule, quirks};

/// How the platform is set up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// How fast tasks become ready.
    pub schedule: Schedule,
    /// The rules by which received videos are judged. The default is the newest pack.
    pub rules: RulePack,
    /// The answers to what the documents leave open.
    pub quirks: Quirks,
    /// What the account may do. The default is no limit.
    pub plan: Plan,
    /// What goes wrong when. The default is nothing.
    pub faults: FaultPlan,
    /// Bytes of every chunk but the last of a multipart upload, as far as a file does not have more than 10,000 of them. The
    /// default is 5 MiB, the example of the documents.
    pub chunk_size: u64,
    /// How many presigned URLs a new multipart upload begins with, at most. The default is 10.
    pub initial_urls: u32,
    /// What identifiers and chance are made from; the same seed and requests give the same answers.
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
            chunk_size: 5 << 20,
            initial_urls: 10,
            seed: 0,
        }
    }
}

impl Settings {
    pub(super) fn created_status(&self) -> StatusCode {
        match self.quirks.get(&quirks::CREATED_STATUS) {
            "200" => StatusCode::OK,
            _ => StatusCode::CREATED,
        }
    }

    pub(super) fn empty_status(&self) -> StatusCode {
        match self.quirks.get(&quirks::EMPTY_STATUS) {
            "200" => StatusCode::OK,
            _ => StatusCode::NO_CONTENT,
        }
    }
}

//! The workflows of the API. Each is a pure state machine; see [`Flow`](crate::Flow) for the
//! contract.
//!
//! A flow driven by hand, with simulated time:
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use tl_protocol::{flow::Call, endpoint::GetTask, Flow, Now, Policy, Step};
//!
//! let base = "https://api.twelvelabs.io/v1.3".parse().unwrap();
//! let mut flow = Call::new(GetTask::new("62a1ec6d9ea24f052b971a0f"), &base, Policy::default(), 1);
//! let at = |seconds| Now::new(Duration::from_secs(seconds), SystemTime::UNIX_EPOCH);
//!
//! let Step::Start(token, exchange) = flow.step(at(0)) else { panic!("the first step sends") };
//! assert_eq!(exchange.http.uri(), "https://api.twelvelabs.io/v1.3/tasks/62a1ec6d9ea24f052b971a0f");
//! assert!(matches!(flow.step(at(0)), Step::Wait { .. }));
//!
//! // The response asks to retry after three seconds.
//! let busy = http::Response::builder().status(429).header("retry-after", "3").body("".into()).unwrap();
//! flow.on_outcome(at(1), token, Ok(busy));
//! let Step::Wait { until: Some(until) } = flow.step(at(1)) else { panic!("it waits") };
//! assert!(until >= Duration::from_secs(4));
//!
//! let Step::Start(token, _) = flow.step(at(60)) else { panic!("it sends again") };
//! let body = r#"{"_id": "62a1ec6d9ea24f052b971a0f", "status": "ready"}"#;
//! flow.on_outcome(at(61), token, Ok(http::Response::new(body.into())));
//! let Step::Done(Ok(task)) = flow.step(at(61)) else { panic!("it is done") };
//! assert_eq!(task.status.unwrap().as_str(), "ready");
//! ```

mod add_entities;
mod asset;
mod call;
mod converted;
mod create;
mod events;
mod expected;
mod import;
mod ingest;
mod ingest_asset;
mod notifier;
mod pages;
mod reconcile;
mod run_batches;
pub(crate) mod slot;
mod store_item;
pub mod upload;
mod wait;
mod watch;

pub use crate::ingested::{IngestedAsset, IngestedTask, Reached, Stage};
pub use add_entities::{AddEntities, AddedEntities, EntityImages, FailedEntity};
pub use call::Call;
pub(crate) use converted::Converted;
pub use create::{Create, Created};
pub use events::Events;
pub use expected::{Expected, History, StageTime};
pub use ingest::IngestTask;
pub use ingest_asset::{AssetPlan, AssetUpload, IngestAsset};
pub use notifier::WaitNotifier;
pub use pages::{NextPageOf, NextPageOutput, Paged, Pages};
pub use reconcile::{Reconcile, Reconciled};
pub use run_batches::{BatchJournal, RunBatches};
pub use wait::{Progress, Wait, WaitPolicy, Waited, Watched};
pub use watch::{Change, Look, NextLook, Target, Watch, WatchSettings};

//! The local check of an item. Nothing is sent.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tl_client::{Checked, Stage};
use tl_ledger::{ItemError, State, Update};
use tl_validate::Report;

use super::Shared;
use super::lane::{Claimed, Details, Step, Work};
use crate::uri::{self, Named};

impl Shared {
    /// Checks a file, and makes its item ready or refuses it.
    pub(super) async fn check(&self, claimed: &Claimed, details: &mut Details) -> Work {
        let lease = claimed.lease;
        let path = match self.file_of(claimed).await? {
            Ok(Some(path)) => path,
            // A link.
            Ok(None) => return self.to_ready(claimed, None).await,
            Err(error) => return self.fail(lease, error).await,
        };
        let Some(check) = self.settings.check.clone() else {
            return self.to_ready(claimed, None).await;
        };
        let started = Instant::now();
        let checked = tokio::task::spawn_blocking(move || check(&path)).await;
        let checked = match checked {
            Ok(Ok(checked)) => checked,
            Ok(Err(error)) => return self.fail(lease, error).await,
            Err(_) => {
                let error = ItemError::new("check_failed", "the check of the file was aborted");
                return self.fail(lease, error).await;
            }
        };
        details
            .ingested
            .times
            .push((Stage::Check, started.elapsed()));
        let Checked { facts, report, .. } = checked;
        if report.is_refused() {
            let error = refusal(&claimed.item.name, &report);
            let (rules, kept) = (self.settings.rules.clone(), error.clone());
            details.report = Some(report);
            self.store
                .call(move |ledger, now| ledger.refuse(now, lease, &rules, kept.clone()))
                .await?;
            return Ok(Step::Refused(error));
        }
        let seconds = facts.and_then(|facts| facts.duration_seconds);
        let video = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        details.ingested.report = Some(report);
        self.to_ready(claimed, video).await
    }

    async fn to_ready(&self, claimed: &Claimed, video: Option<Duration>) -> Work {
        let lease = claimed.lease;
        let mut update = Update::to(State::Ready).and_release();
        if let Some(video) = video {
            update = update.video(video);
        }
        self.store
            .call(move |ledger, now| ledger.update(now, lease, &update))
            .await?;
        Ok(Step::Released(State::Ready))
    }

    /// The file of an item, or `None` if it is a link. Of several names, the first that exists.
    pub(super) async fn file_of(
        &self,
        claimed: &Claimed,
    ) -> tl_ledger::Result<Result<Option<PathBuf>, ItemError>> {
        let id = claimed.item.id;
        let uris = self.store.call(move |ledger, _| ledger.sources(id)).await?;
        let mut missing = None;
        for uri in &uris {
            match uri::read(uri) {
                Some(Named::Link(_)) => return Ok(Ok(None)),
                Some(Named::File(path)) if path.is_file() => return Ok(Ok(Some(path))),
                Some(Named::File(path)) => missing = Some(path),
                None => {}
            }
        }
        let text = match missing {
            Some(path) => format!("`{}` does not exist any more", path.display()),
            None => format!("`{}` has no file on this machine", claimed.item.name),
        };
        Ok(Err(ItemError::new("file", text)))
    }
}

/// The error of a file that the local check refused.
fn refusal(name: &str, report: &Report) -> ItemError {
    let error = ItemError::new(
        "refused_locally",
        format!("`{name}` was not sent: local check failed: {report}"),
    );
    match report.predicted_code() {
        Some(code) => error.with_code(code),
        None => error,
    }
}

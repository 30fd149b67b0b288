//! Validation of received videos against the active rule pack, and the corresponding API errors.

use http::StatusCode;
use tl_model::ErrorCode;
use tl_validate::{
    Finding, MediaFacts, ProbeError, Report, Route, RulePack, Target, check, check_probe_failure,
    max_size,
};

use crate::core::{
    Refusal,
    records::{IndexRecord, Measured},
};

/// What `POST /tasks` into `index` requires of a video.
pub(crate) fn target(index: &IndexRecord) -> Target {
    let mut target = Target::new(Route::Tasks);
    for model in &index.models {
        if let Some(name) = model.name() {
            target = target.with_engine(name.as_str());
        }
        for option in model.options() {
            if !target.options.iter().any(|known| known == option.as_str()) {
                target = target.with_option(option.as_str());
            }
        }
    }
    target
}

/// What the models of `index` require of an asset, independent of how it was uploaded.
pub(crate) fn index_target(index: &IndexRecord) -> Target {
    // The route with the largest size limit: the size was checked when the asset was created.
    target(index).with_route(Route::Multipart)
}

/// The maximum file size of `POST /tasks` in bytes, from the active rule pack.
pub(crate) fn max_task_file(rules: &RulePack) -> Option<u64> {
    max_size(&Target::new(Route::Tasks), rules)
}

/// The maximum file size of an asset on `route` in bytes, from the active rule pack.
pub(crate) fn max_asset_file(route: Route, rules: &RulePack) -> Option<u64> {
    max_size(&asset_target(route), rules)
}

/// What the route requires of an asset. The rules of engines apply when it is indexed: no rule pack
/// has an engine named `none`.
pub(crate) fn asset_target(route: Route) -> Target {
    Target::new(route).with_engine("none")
}

/// Validates the result of probing a file.
pub(crate) fn validate(
    probe: &Result<MediaFacts, ProbeError>,
    bytes: u64,
    target: &Target,
    rules: &RulePack,
) -> Result<Measured, Refusal> {
    let facts = match probe {
        Ok(facts) => facts,
        Err(error) if error.kind().is_about_the_file() => {
            let report = check_probe_failure(error, target, rules);
            return Err(refusal(&report, None, bytes));
        }
        // Never accept a file that was not probed.
        Err(error) => {
            return Err(Refusal::internal(&format!(
                "the received video could not be looked at ({}; {})",
                error.kind(),
                error.seen()
            )));
        }
    };
    let report = check(facts, target, rules);
    if report.is_refused() {
        return Err(refusal(&report, Some(facts), bytes));
    }
    Ok(measure(facts, bytes))
}

pub(crate) fn measure(facts: &MediaFacts, bytes: u64) -> Measured {
    let video = facts.video();
    Measured {
        duration: facts.duration_seconds(),
        fps: video.and_then(|video| video.avg_fps.or(video.fps)),
        width: video.map(|video| video.width),
        height: video.map(|video| video.height),
        size: bytes,
    }
}

fn refusal(report: &Report, facts: Option<&MediaFacts>, bytes: u64) -> Refusal {
    let finding = report
        .errors()
        .find(|finding| finding.predicted_code.is_some())
        .or_else(|| report.errors().next());
    let code = finding
        .and_then(|finding| finding.predicted_code.as_deref())
        .map_or(ErrorCode::VideoFileBroken, ErrorCode::from);
    let message = message(&code, finding, facts, bytes);
    Refusal::new(StatusCode::BAD_REQUEST, code, message)
}

/// Our wording around the documented placeholders.
fn message(
    code: &ErrorCode,
    finding: Option<&Finding>,
    facts: Option<&MediaFacts>,
    bytes: u64,
) -> String {
    let allowed = finding.map_or("", |finding| finding.allowed.as_str());
    let observed = finding.map_or("", |finding| finding.observed.as_str());
    let resolution = facts
        .and_then(MediaFacts::video)
        .map_or_else(String::new, |video| {
            format!("{}x{}", video.width, video.height)
        });
    let duration = facts
        .and_then(MediaFacts::duration_seconds)
        .map_or_else(String::new, |seconds| format!("{seconds:.1} seconds"));
    match code {
        ErrorCode::VideoResolutionTooLow => format!(
            "The resolution of the video is too low. Allowed: {allowed}. Current resolution is {resolution}."
        ),
        ErrorCode::VideoResolutionTooHigh => format!(
            "The resolution of the video is too high. Allowed: {allowed}. Current resolution is {resolution}."
        ),
        ErrorCode::VideoResolutionInvalidAspectRatio => format!(
            "The aspect ratio of the video is invalid. Allowed: {allowed}. Current resolution is {resolution}."
        ),
        ErrorCode::VideoDurationTooShort => {
            format!("The video is too short. Allowed: {allowed}. Current duration is {duration}.")
        }
        ErrorCode::VideoDurationTooLong => {
            format!("The video is too long. Allowed: {allowed}. Current duration is {duration}.")
        }
        ErrorCode::VideoFilesizeTooLarge => too_large_message(allowed, bytes),
        ErrorCode::VideoFileBroken => {
            format!("The platform could not read the video file: {observed}.")
        }
        _ => format!("The video is not accepted: {observed}; allowed: {allowed}."),
    }
}

/// The error for a file that exceeds the size limit and was not probed.
pub(crate) fn too_large(limit: u64, bytes: u64) -> Refusal {
    Refusal::bad(
        ErrorCode::VideoFilesizeTooLarge,
        too_large_message(&format!("at most {limit} bytes"), bytes),
    )
}

fn too_large_message(allowed: &str, bytes: u64) -> String {
    format!("The video file is too large. Allowed: {allowed}. Current file size is {bytes} bytes.")
}

//! Text form of an index.

use std::time::Duration;

use tl_model::Index;

use crate::text::units;

/// Formats the total duration of the videos.
pub(super) fn length(index: &Index) -> Option<String> {
    let seconds = index.total_duration?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .map(units::format_duration)
}

/// Formats the models with their options: `marengo3.0:visual,audio`.
pub(super) fn models(index: &Index) -> String {
    let names: Vec<String> = index
        .models
        .iter()
        .filter_map(|model| {
            let options: Vec<String> = model.options().iter().map(ToString::to_string).collect();
            Some(format!("{}:{}", model.name()?, options.join(",")))
        })
        .collect();
    names.join(" ")
}

//! What a route alone allows, whatever engine reads the video: the question that is asked when a route is chosen.
//! Whether a file passes is the work of [`crate::check`].

use serde::Serialize;

use super::bound::{Bound, Measure};
use super::pack::RulePack;
use crate::Route;
use crate::report::Severity;

/// The size that a route allows, with the rule it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RouteLimit {
    /// Bytes at most, inclusive, in the larger reading of the documented unit: anything above is refused for sure.
    pub bytes: u64,
    /// Bytes at most in the smaller reading of the unit: anything up to here is taken for sure. Equal to
    /// [`RouteLimit::bytes`] where the platform states exact bytes.
    pub certain_bytes: u64,
    /// Id of the rule, such as `multipart.size.max`.
    pub rule: String,
    /// Where the number was read.
    pub source: String,
    /// The page that documents it.
    pub documentation: String,
}

impl RulePack {
    /// The largest file that `route` itself takes; `None` when this pack bounds no size on it.
    ///
    /// Rules of engines, of options and of sound alone are left out. Ask [`crate::max_size`] for what a route and its
    /// engines allow together.
    ///
    /// ```
    /// use tl_validate::{Route, RulePack};
    ///
    /// let limit = RulePack::current().route_limit(Route::Multipart).expect("it has one");
    /// assert_eq!((limit.bytes, limit.rule.as_str()), (10 << 30, "multipart.size.max"));
    /// ```
    pub fn route_limit(&self, route: Route) -> Option<RouteLimit> {
        self.rules()
            .iter()
            .filter(|rule| {
                rule.measure == Measure::FileSize
                    && rule.severity == Severity::Error
                    && rule.route == Some(route)
                    && rule.engine.is_none()
                    && rule.option.is_none()
                    && rule.audio_only.is_none()
            })
            .filter_map(|rule| match rule.bound {
                // Bounds are validated to be finite when a pack is read, and the casts saturate.
                Bound::Max(max) => Some(RouteLimit {
                    bytes: (max * rule.unit.factor()) as u64,
                    certain_bytes: (max * rule.unit.smaller_factor().unwrap_or(rule.unit.factor()))
                        as u64,
                    rule: rule.id.clone(),
                    source: rule.source.clone(),
                    documentation: rule.documentation.clone(),
                }),
                _ => None,
            })
            .min_by_key(|limit| limit.bytes)
    }
}

//! The size limit of a route, independent of the engines. Used to choose a route;
//! [`crate::check()`] determines whether a file passes.

use serde::Serialize;

use super::bound::{Bound, Measure};
use super::pack::RulePack;
use crate::rules::Route;
use crate::rules::Severity;

/// The size limit of a route, with the rule that defines it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RouteLimit {
    /// Maximum in bytes, inclusive, in the larger interpretation of the documented unit. Larger
    /// files are certainly refused.
    pub bytes: u64,
    /// Maximum in bytes in the smaller interpretation of the unit. Files up to this size are
    /// certainly accepted. Equal to [`RouteLimit::bytes`] if the platform documents exact bytes.
    pub certain_bytes: u64,
    /// Id of the rule, such as `multipart.size.max`.
    pub rule: String,
    /// Source of the number.
    pub source: String,
    /// URL of the page that documents it.
    pub documentation: String,
}

impl RulePack {
    /// The route that an upload of a local file of `bytes` bytes uses: one request if that is
    /// certainly allowed, else chunks.
    ///
    /// ```
    /// use tl_validate::{Route, RulePack};
    ///
    /// let pack = RulePack::current();
    /// assert_eq!(pack.route_for_file(1 << 20), Route::Asset);
    /// assert_eq!(pack.route_for_file(4 << 30), Route::Multipart);
    /// ```
    pub fn route_for_file(&self, bytes: u64) -> Route {
        match self.route_limit(Route::Asset) {
            Some(limit) if bytes > limit.certain_bytes => Route::Multipart,
            _ => Route::Asset,
        }
    }

    /// The largest file that `route` itself accepts; `None` if this pack has no size limit for it.
    ///
    /// Rules of engines, of options and of audio-only files are ignored. [`crate::max_size`]
    /// returns the combined limit of a route and its engines.
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

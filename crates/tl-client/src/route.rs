//! Chooses the upload route from size, kind of input and the limits of the rules, with the reason.
//! Pure: it neither reads nor sends anything.

use std::fmt;

use tl_model::IndexId;
use tl_validate::{Route, RulePack, rules::RouteLimit};

use crate::{Error, ErrorKind};

/// A route and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteChoice {
    /// The route.
    pub route: Route,
    /// The reason, for display.
    pub because: String,
}

impl fmt::Display for RouteChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route {}: {}", self.route, self.because)
    }
}

/// What is sent. For the choice of the route, the number of bytes is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload<Bytes = u64, Link = ()> {
    /// Bytes from this machine.
    Bytes(Bytes),
    /// A link that the platform fetches; its size is unknown.
    Link(Link),
}

/// A payload on a route that supports it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Routed<Bytes, Link> {
    /// In one request.
    Asset(Bytes),
    /// In chunks.
    Multipart(Bytes),
    AssetUrl(Link),
    /// The older route, which brings a video into an index.
    Tasks(Payload<Bytes, Link>, IndexId),
}

impl<Bytes, Link> Routed<Bytes, Link> {
    /// The bytes to send from this machine.
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Asset(bytes) | Self::Multipart(bytes) | Self::Tasks(Payload::Bytes(bytes), _) => {
                Some(bytes)
            }
            Self::AssetUrl(_) | Self::Tasks(Payload::Link(_), _) => None,
        }
    }
}

impl RouteChoice {
    /// Chooses the route for a local file of `bytes` bytes by the limits of `rules`: one request if
    /// that is certainly allowed, else chunks. The route `tasks` is never chosen.
    #[must_use]
    pub fn for_file(bytes: u64, rules: &RulePack) -> Self {
        choose(Payload::Bytes(bytes), rules)
    }

    /// A route that the caller chose.
    #[must_use]
    pub fn requested(route: Route) -> Self {
        requested(route)
    }

    /// The route for a link that the platform fetches.
    #[must_use]
    pub fn for_url(rules: &RulePack) -> Self {
        choose(Payload::Link(()), rules)
    }
}

/// Chooses the route by the limits of `rules`.
pub(crate) fn choose(payload: Payload, rules: &RulePack) -> RouteChoice {
    let (route, because) = match payload {
        Payload::Link(()) => (
            Route::AssetUrl,
            match rules.route_limit(Route::AssetUrl) {
                Some(limit) => format!(
                    "it is a link, which the platform fetches itself (at most {}, {})",
                    format_bytes(limit.certain_bytes),
                    limit.rule
                ),
                None => "it is a link, which the platform fetches itself".to_owned(),
            },
        ),
        Payload::Bytes(bytes) => {
            let route = rules.route_for_file(bytes);
            let because = match rules.route_limit(Route::Asset) {
                None => format!(
                    "{} go in one request; the rules {} bound no size",
                    format_bytes(bytes),
                    rules.name()
                ),
                Some(limit) => format!(
                    "{} {} {} ({})",
                    format_bytes(bytes),
                    if route == Route::Asset {
                        "fit in one request of at most"
                    } else {
                        "are more than one request surely takes,"
                    },
                    format_bytes(limit.certain_bytes),
                    limit.rule
                ),
            };
            (route, because)
        }
    };
    RouteChoice { route, because }
}

/// The route that the caller requested.
pub(crate) fn requested(route: Route) -> RouteChoice {
    RouteChoice {
        route,
        because: "it was asked for".to_owned(),
    }
}

/// Puts `payload` on `route`.
///
/// # Errors
/// [`ErrorKind::Route`] if the route does not support this kind of input, or needs an index.
pub(crate) fn routed<Bytes, Link>(
    payload: Payload<Bytes, Link>,
    route: Route,
    index_id: Option<&IndexId>,
) -> Result<Routed<Bytes, Link>, Error> {
    let impossible = |what: &str, allowed: &str| {
        Error::new(
            ErrorKind::Route,
            format!(
                "{what} cannot go by the route `{route}`: choose {allowed}, or leave the choice to the client"
            ),
        )
    };
    Ok(match (payload, route) {
        (payload, Route::Tasks) => {
            let index_id = index_id.ok_or_else(|| {
                Error::new(
                    ErrorKind::Route,
                    "the route `tasks` brings a video into an index and makes no asset: choose `asset`, `asset-url` or `multipart`",
                )
            })?;
            Routed::Tasks(payload, index_id.clone())
        }
        (Payload::Bytes(bytes), Route::Asset) => Routed::Asset(bytes),
        (Payload::Bytes(bytes), Route::Multipart) => Routed::Multipart(bytes),
        (Payload::Link(link), Route::AssetUrl) => Routed::AssetUrl(link),
        // Routes that a later version of the rules adds are not supported either.
        (Payload::Link(_), _) => {
            return Err(impossible("a link", "`asset-url` or `tasks`"));
        }
        (Payload::Bytes(_), _) => {
            return Err(impossible("a file", "`asset`, `multipart` or `tasks`"));
        }
    })
}

/// Checks that the route supports this many bytes.
///
/// # Errors
/// [`ErrorKind::Route`] with the limit, its rule, and an alternative route if there is one.
pub(crate) fn fits(route: Route, bytes: u64, rules: &RulePack) -> Result<(), Error> {
    let Some(limit) = rules.route_limit(route) else {
        return Ok(());
    };
    if bytes <= limit.bytes {
        return Ok(());
    }
    let larger = Route::ALL
        .into_iter()
        .filter(|route| *route != Route::AssetUrl)
        .filter(|route| takes(rules.route_limit(*route).as_ref(), bytes))
        .map(|route| format!("`{route}`"))
        .collect::<Vec<_>>();
    let next = match larger.as_slice() {
        [] => "no route takes it: make it smaller or cut it (`tl split`)".to_owned(),
        others => format!("choose {}", others.join(" or ")),
    };
    Err(Error::new(
        ErrorKind::Route,
        format!(
            "{} are too many for the route `{}`, which takes at most {} ({}): {next}",
            format_bytes(bytes),
            route,
            format_bytes(limit.certain_bytes),
            limit.rule
        ),
    ))
}

fn takes(limit: Option<&RouteLimit>, bytes: u64) -> bool {
    limit.is_none_or(|limit| bytes <= limit.bytes)
}

/// Formats a number of bytes: in full if it is short, else in the largest unit that is exact or
/// nearly exact.
pub(crate) fn format_bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    match UNITS.iter().find(|(_, factor)| {
        bytes >= 10 * factor || (bytes >= *factor && bytes.is_multiple_of(*factor))
    }) {
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        Some((unit, factor)) => {
            let text = format!("{:.1}", bytes as f64 / *factor as f64);
            format!("{} {unit}", text.trim_end_matches(".0"))
        }
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;
    const GB: u64 = 1000 * MB;

    #[test]
    fn size_and_kind_choose_the_route() {
        let rules = RulePack::current();
        let check = |payload, expected: Route, part: &str| {
            let choice = choose(payload, rules);
            assert_eq!(choice.route, expected, "{payload:?}: {choice}");
            assert!(choice.because.contains(part), "{choice}");
        };
        check(
            Payload::Bytes(1),
            Route::Asset,
            "fit in one request of at most 200 MB",
        );
        check(Payload::Bytes(200 * MB), Route::Asset, "asset.size.max");
        check(
            Payload::Bytes(200 * MB + 1),
            Route::Multipart,
            "more than one request",
        );
        check(Payload::Bytes(12 * GB), Route::Multipart, "12 GB");
        check(
            Payload::Link(()),
            Route::AssetUrl,
            "the platform fetches itself",
        );
    }

    #[test]
    fn forced_route_is_used_or_refused_with_a_hint() {
        let rules = RulePack::current();
        let check = |payload, route, expected: Result<(), &str>| {
            let index_id = IndexId::from("i");
            let result = routed(payload, route, Some(&index_id)).and_then(|routed| {
                let bytes = routed.bytes().copied();
                bytes.map_or(Ok(()), |bytes| fits(route, bytes, rules))
            });
            match (result, expected) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(part)) => {
                    assert_eq!(error.kind(), ErrorKind::Route);
                    assert!(error.to_string().contains(part), "{error}");
                }
                (seen, _) => panic!("{payload:?} by {route}: {seen:?}, expected {expected:?}"),
            }
        };
        check(Payload::Bytes(5), Route::Tasks, Ok(()));
        check(Payload::Bytes(5), Route::Multipart, Ok(()));
        check(Payload::Link(()), Route::Tasks, Ok(()));
        check(
            Payload::Link(()),
            Route::Multipart,
            Err("a link cannot go by the route `multipart`"),
        );
        check(
            Payload::Bytes(5),
            Route::AssetUrl,
            Err("choose `asset`, `multipart` or `tasks`"),
        );
        check(
            Payload::Bytes(3 * GB),
            Route::Asset,
            Err("(asset.size.max): choose `multipart`"),
        );
        check(
            Payload::Bytes(3 * GB),
            Route::Tasks,
            Err("(tasks.size.max): choose `multipart`"),
        );
        check(
            Payload::Bytes(12 * GB),
            Route::Multipart,
            Err("no route takes it"),
        );
    }

    #[test]
    fn route_and_payload_are_typed_together() {
        let index_id = IndexId::from("i");
        let routed = |payload: Payload<&'static str, u8>, route| {
            routed(payload, route, Some(&index_id)).map_err(|error| error.kind())
        };
        let (bytes, link) = (Payload::Bytes("b"), Payload::Link(7));
        assert_eq!(routed(bytes, Route::Asset), Ok(Routed::Asset("b")));
        assert_eq!(routed(bytes, Route::Multipart), Ok(Routed::Multipart("b")));
        assert_eq!(routed(link, Route::AssetUrl), Ok(Routed::AssetUrl(7)));
        for payload in [bytes, link] {
            let tasks = Ok(Routed::Tasks(payload, index_id.clone()));
            assert_eq!(routed(payload, Route::Tasks), tasks);
        }
        for (payload, route) in [
            (bytes, Route::AssetUrl),
            (link, Route::Asset),
            (link, Route::Multipart),
        ] {
            assert_eq!(routed(payload, route), Err(ErrorKind::Route));
        }
        let without_index = super::routed(bytes, Route::Tasks, None);
        assert_eq!(without_index.unwrap_err().kind(), ErrorKind::Route);
    }

    #[test]
    fn account_limits_change_the_route() {
        let rules = RulePack::current();
        let without = rules.route_limit(Route::Asset).expect("it has a limit");
        let text = "remove = [\"asset.size.max\"]";
        let ours = rules.extended_with(text).expect("a pack");
        assert_eq!(
            choose(Payload::Bytes(without.bytes + 1), &ours).route,
            Route::Asset
        );
    }

    #[test]
    fn formats_bytes() {
        for (bytes, expected) in [
            (999, "999 bytes"),
            (1000, "1 kB"),
            (1001, "1001 bytes"),
            (200 * MB, "200 MB"),
            (200 * MB + 1, "200 MB"),
            (2 * GB, "2 GB"),
            (12_345 * MB, "12.3 GB"),
        ] {
            assert_eq!(format_bytes(bytes), expected);
        }
    }
}

//! The target of an upload: its route, the engines that will process the video, and their options.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An engine (model) of the platform. Unknown names are kept as [`Engine::Other`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Engine {
    /// `marengo2.5`
    Marengo25,
    /// `marengo2.6`
    Marengo26,
    /// `marengo2.7`
    Marengo27,
    /// `marengo3.0`
    Marengo30,
    /// `marengo3.5`
    Marengo35,
    /// `pegasus1`
    Pegasus1,
    /// `pegasus1.1`
    Pegasus11,
    /// `pegasus1.2`
    Pegasus12,
    /// `pegasus1.5`
    Pegasus15,
    /// `pegasus1.6`
    Pegasus16,
    /// Any other engine, by its name in the API.
    Other(String),
}

impl Engine {
    /// Every engine with its own variant, oldest first in each family.
    pub const KNOWN: [Self; 10] = [
        Self::Marengo25,
        Self::Marengo26,
        Self::Marengo27,
        Self::Marengo30,
        Self::Marengo35,
        Self::Pegasus1,
        Self::Pegasus11,
        Self::Pegasus12,
        Self::Pegasus15,
        Self::Pegasus16,
    ];

    /// The name in the API, such as `marengo3.0`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Marengo25 => "marengo2.5",
            Self::Marengo26 => "marengo2.6",
            Self::Marengo27 => "marengo2.7",
            Self::Marengo30 => "marengo3.0",
            Self::Marengo35 => "marengo3.5",
            Self::Pegasus1 => "pegasus1",
            Self::Pegasus11 => "pegasus1.1",
            Self::Pegasus12 => "pegasus1.2",
            Self::Pegasus15 => "pegasus1.5",
            Self::Pegasus16 => "pegasus1.6",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for Engine {
    fn from(name: &str) -> Self {
        Self::KNOWN
            .into_iter()
            .find(|known| known.as_str() == name)
            .unwrap_or_else(|| Self::Other(name.to_owned()))
    }
}

impl From<String> for Engine {
    fn from(name: String) -> Self {
        Self::from(name.as_str())
    }
}

impl FromStr for Engine {
    type Err = std::convert::Infallible;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(name))
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Engine {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Engine {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// How a video reaches the platform. Each route has its own size limit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Route {
    /// `POST /tasks` with a file or a URL.
    #[default]
    Tasks,
    /// `POST /assets` with a local file.
    Asset,
    /// `POST /assets` with a URL.
    AssetUrl,
    /// A multipart upload session.
    Multipart,
}

impl Route {
    /// Every route.
    pub const ALL: [Self; 4] = [Self::Tasks, Self::Asset, Self::AssetUrl, Self::Multipart];

    /// The name in rule packs and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Asset => "asset",
            Self::AssetUrl => "asset-url",
            Self::Multipart => "multipart",
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Route {
    type Err = UnknownRoute;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|route| route.as_str() == name)
            .ok_or_else(|| UnknownRoute(name.to_owned()))
    }
}

/// A route name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRoute(String);

impl fmt::Display for UnknownRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown route `{}` (allowed: tasks, asset, asset-url, multipart)",
            self.0
        )
    }
}

impl std::error::Error for UnknownRoute {}

/// The target of an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Target {
    /// The upload route.
    pub route: Route,
    /// The engines that will process the video. If empty, the rule pack's default for the route
    /// applies.
    #[serde(default)]
    pub engines: Vec<Engine>,
    /// Enabled engine options: `visual`, `audio`, and `conversation` before v1.3.
    #[serde(default)]
    pub options: Vec<String>,
}

impl Target {
    /// A target on `route` with the rule pack's default engines and no options.
    pub fn new(route: Route) -> Self {
        Self {
            route,
            engines: Vec::new(),
            options: Vec::new(),
        }
    }

    /// Sets the route.
    #[must_use]
    pub fn with_route(mut self, route: Route) -> Self {
        self.route = route;
        self
    }

    /// Adds an engine.
    #[must_use]
    pub fn with_engine(mut self, engine: impl Into<Engine>) -> Self {
        self.engines.push(engine.into());
        self
    }

    /// Adds an engine option.
    #[must_use]
    pub fn with_option(mut self, option: impl Into<String>) -> Self {
        self.options.push(option.into());
        self
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.route.as_str())?;
        for (i, engine) in self.engines.iter().enumerate() {
            write!(f, "{}{engine}", if i == 0 { " for " } else { " + " })?;
        }
        if !self.options.is_empty() {
            write!(f, " ({})", self.options.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_names_round_trip_including_unknown() {
        for engine in Engine::KNOWN {
            assert_eq!(Engine::from(engine.as_str()), engine);
        }
        let json = serde_json::to_string(&Engine::from("marengo9.9")).expect("a string");
        assert_eq!(json, r#""marengo9.9""#);
        assert_eq!(
            serde_json::from_str::<Engine>(&json)
                .expect("a string")
                .as_str(),
            "marengo9.9"
        );
    }

    #[test]
    fn route_names_round_trip() {
        for route in Route::ALL {
            assert_eq!(route.as_str().parse::<Route>(), Ok(route));
        }
        assert!(
            "ftp"
                .parse::<Route>()
                .expect_err("no such route")
                .to_string()
                .contains("asset-url")
        );
    }
}

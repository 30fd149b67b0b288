//! A request as a server received it, and the parsing of its parameters.

use std::{collections::BTreeSet, fmt, str::FromStr, sync::Arc};

use serde_json::{Map, Value};

use crate::Source;

/// A request with a matched path and a complete body.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Received {
    /// The path parameters in the order of the endpoint's path.
    pub params: Vec<String>,
    /// The query, decoded, in the order in which it was sent.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: ReceivedBody,
}

impl Received {
    /// A request with the parameters of its path and its query.
    #[must_use]
    pub fn new(params: Vec<String>, query: Vec<(String, String)>, body: ReceivedBody) -> Self {
        Self {
            params,
            query,
            body,
        }
    }
}

/// The body of a received request.
#[derive(Debug, Clone, Default)]
pub enum ReceivedBody {
    /// No body.
    #[default]
    Empty,
    /// A JSON document.
    Json(Value),
    /// The parts of a form.
    Form(Vec<Field>),
}

/// One part of a form.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Field {
    /// The name.
    pub name: String,
    /// The content.
    pub value: FieldValue,
}

impl Field {
    /// The part `name` of a form.
    #[must_use]
    pub fn new(name: impl Into<String>, value: FieldValue) -> Self {
        Self {
            name: name.into(),
            value,
        }
    }
}

/// The file parts of a form: name and content.
pub type Files<'a> = Vec<(&'a str, &'a Arc<dyn Source>)>;

/// The content of a form part.
#[derive(Debug, Clone)]
pub enum FieldValue {
    /// A text.
    Text(String),
    /// A file, which was stored while it was received.
    File(Arc<dyn Source>),
}

/// Why a parameter is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectionKind {
    /// Required but not given (`parameter_not_provided`).
    Missing,
    /// The value is not allowed (`parameter_invalid`).
    Invalid,
    /// The endpoint does not know the parameter (`parameter_unknown`).
    Unknown,
    /// The body has the wrong media type (`content_type_invalid`).
    ContentType,
    /// A schema is outside of the subset that the platform accepts (status 422).
    Unprocessable,
}

/// A parameter that a server rejects: what the server answers with, not an error of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// Why the parameter is rejected.
    pub kind: RejectionKind,
    /// The name of the parameter.
    pub parameter: String,
    /// The actual and the allowed value. Empty if the kind says enough.
    pub detail: String,
}

impl Rejection {
    /// A required parameter that was not given.
    #[must_use]
    pub fn missing(parameter: &str) -> Self {
        Self {
            kind: RejectionKind::Missing,
            parameter: parameter.to_owned(),
            detail: String::new(),
        }
    }

    /// A value that is not allowed; `detail` describes the actual and the allowed value.
    pub fn invalid(parameter: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: RejectionKind::Invalid,
            parameter: parameter.to_owned(),
            detail: detail.into(),
        }
    }

    /// A schema outside of the accepted subset; `detail` describes the actual and the allowed
    /// value.
    pub fn unprocessable(parameter: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: RejectionKind::Unprocessable,
            parameter: parameter.to_owned(),
            detail: detail.into(),
        }
    }

    /// A parameter that the endpoint does not know.
    #[must_use]
    pub fn unknown(parameter: &str) -> Self {
        Self {
            kind: RejectionKind::Unknown,
            parameter: parameter.to_owned(),
            detail: String::new(),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RejectionKind::Missing => write!(f, "`{}` is required", self.parameter),
            RejectionKind::Unknown => write!(
                f,
                "`{}` is not a parameter of this endpoint",
                self.parameter
            ),
            RejectionKind::Invalid | RejectionKind::Unprocessable => {
                write!(f, "`{}` is invalid: {}", self.parameter, self.detail)
            }
            RejectionKind::ContentType => write!(f, "the content type is invalid: {}", self.detail),
        }
    }
}

impl Received {
    /// The path parameter number `index`, from 0.
    #[must_use]
    pub fn param(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }

    /// Returns the query, for reading parameter by parameter.
    #[must_use]
    pub fn query(&self) -> Params<'_> {
        Params {
            entries: self
                .query
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            taken: BTreeSet::new(),
        }
    }

    /// Returns the text parts of the form, for reading parameter by parameter, and the file parts.
    ///
    /// # Errors
    /// If the body is not a form.
    pub fn form(&self) -> Result<(Params<'_>, Files<'_>), Rejection> {
        let ReceivedBody::Form(fields) = &self.body else {
            return Err(Rejection {
                kind: RejectionKind::ContentType,
                parameter: "Content-Type".to_owned(),
                detail: "this endpoint takes multipart/form-data".to_owned(),
            });
        };
        let (mut entries, mut files) = (Vec::new(), Vec::new());
        for field in fields {
            match &field.value {
                FieldValue::Text(text) => entries.push((field.name.as_str(), text.as_str())),
                FieldValue::File(source) => files.push((field.name.as_str(), source)),
            }
        }
        Ok((
            Params {
                entries,
                taken: BTreeSet::new(),
            },
            files,
        ))
    }

    /// Returns the JSON object of the body.
    ///
    /// # Errors
    /// If the body is not a JSON object.
    pub fn json(&self) -> Result<&Map<String, Value>, Rejection> {
        match &self.body {
            ReceivedBody::Json(Value::Object(object)) => Ok(object),
            ReceivedBody::Json(_) => Err(Rejection::invalid("body", "a JSON object is expected")),
            ReceivedBody::Empty => Err(Rejection::missing("body")),
            ReceivedBody::Form(_) => Err(Rejection {
                kind: RejectionKind::ContentType,
                parameter: "Content-Type".to_owned(),
                detail: "this endpoint takes application/json".to_owned(),
            }),
        }
    }

    /// Returns the JSON object of the body, with no other keys than `known`.
    ///
    /// # Errors
    /// If the body is not a JSON object, or a key is unknown.
    pub fn json_with(&self, known: &[&str]) -> Result<&Map<String, Value>, Rejection> {
        let object = self.json()?;
        match super::json::first_unknown(object, known) {
            Some(key) => Err(Rejection::unknown(key)),
            None => Ok(object),
        }
    }
}

/// Named parameters that are removed when they are read. The remaining ones are unknown to the
/// endpoint.
#[derive(Debug)]
pub struct Params<'a> {
    entries: Vec<(&'a str, &'a str)>,
    taken: BTreeSet<String>,
}

impl<'a> Params<'a> {
    /// Reads `name`, which may be given once.
    ///
    /// # Errors
    /// If it was given more than once.
    pub fn text(&mut self, name: &str) -> Result<Option<&'a str>, Rejection> {
        self.taken.insert(name.to_owned());
        let mut values = self
            .entries
            .iter()
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| *value);
        let first = values.next();
        if values.next().is_some() {
            return Err(Rejection::invalid(name, "it was given more than once"));
        }
        Ok(first)
    }

    /// Reads and parses `name`, if it was given.
    ///
    /// # Errors
    /// If the text is not a `T`.
    pub fn optional<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Rejection>
    where
        T::Err: fmt::Display,
    {
        self.text(name)?.map(|text| parse(name, text)).transpose()
    }

    /// Reads and parses `name`, which is required.
    ///
    /// # Errors
    /// If it is missing, or the text is not a `T`.
    pub fn required<T: FromStr>(&mut self, name: &str) -> Result<T, Rejection>
    where
        T::Err: fmt::Display,
    {
        self.optional(name)?.ok_or_else(|| Rejection::missing(name))
    }

    /// Reads a finite number.
    ///
    /// # Errors
    /// If the text is not a finite number.
    pub fn number(&mut self, name: &str) -> Result<Option<f64>, Rejection> {
        match self.optional::<f64>(name)? {
            Some(number) if !number.is_finite() => {
                Err(Rejection::invalid(name, "a finite number is expected"))
            }
            other => Ok(other),
        }
    }

    /// Reads all values of a list: a repeated name, or one comma-separated text (both forms are
    /// documented).
    ///
    /// # Errors
    /// The first value that is not a `T`.
    pub fn list<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Result<Vec<T>, Rejection> {
        self.taken.insert(name.to_owned());
        let values = self.entries.iter().filter(|(key, _)| *key == name);
        values
            .flat_map(|(_, text)| text.split(','))
            .map(|text| parse(name, text))
            .collect()
    }

    /// Reads all values of `name` as they were sent.
    pub fn all(&mut self, name: &str) -> Vec<&'a str> {
        self.taken.insert(name.to_owned());
        let values = self.entries.iter().filter(|(key, _)| *key == name);
        values.map(|(_, value)| *value).collect()
    }

    /// Takes all parameters that have not been read.
    pub fn take_rest(&mut self) -> Vec<(&'a str, &'a str)> {
        let rest = self.rest();
        self.taken
            .extend(rest.iter().map(|(name, _)| (*name).to_owned()));
        rest
    }

    fn rest(&self) -> Vec<(&'a str, &'a str)> {
        self.entries
            .iter()
            .filter(|(name, _)| !self.taken.contains(*name))
            .copied()
            .collect()
    }

    /// Checks that all parameters have been read.
    ///
    /// # Errors
    /// The first parameter that has not been read.
    pub fn finish(self) -> Result<(), Rejection> {
        match self.rest().first() {
            Some((name, _)) => Err(Rejection::unknown(name)),
            None => Ok(()),
        }
    }
}

fn parse<T: FromStr<Err: fmt::Display>>(name: &str, text: &str) -> Result<T, Rejection> {
    text.parse().map_err(|error| {
        let seen: String = text.chars().take(60).collect();
        Rejection::invalid(name, format!("`{seen}`: {error}"))
    })
}

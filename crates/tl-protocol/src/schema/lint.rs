//! The check of a schema against a subset.

use serde_json::{Map, Value};

use super::{MAX_DEPTH, SchemaFault, SchemaFaults, Subset, TypeRule, join, resolve};

/// Checks that `schema` uses only what `subset` allows.
///
/// # Errors
/// All violations.
pub fn lint(schema: &Value, subset: &Subset) -> Result<(), SchemaFaults> {
    let mut linter = Linter {
        root: schema,
        subset,
        faults: Vec::new(),
    };
    if subset.object_root && schema["type"] != "object" {
        linter.fault("type", "the root must have the type `object`");
    } else if subset.object_root && schema.get("properties").is_none() {
        linter.fault("properties", "is required");
    }
    linter.schema("", schema, Position::Root, 0);
    match linter.faults {
        faults if faults.is_empty() => Ok(()),
        faults => Err(SchemaFaults(faults)),
    }
}

/// Where a schema is, as far as the type `timestamp` depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    Root,
    /// `properties.<name>` of the root.
    Property,
    /// `items` of a property of the root.
    Items,
    /// `properties.<name>.items.properties.<name>`.
    ItemProperty,
    Elsewhere,
}

impl Position {
    fn property(self) -> Self {
        match self {
            Self::Root => Self::Property,
            Self::Items => Self::ItemProperty,
            _ => Self::Elsewhere,
        }
    }

    fn items(self) -> Self {
        match self {
            Self::Property => Self::Items,
            _ => Self::Elsewhere,
        }
    }
}

struct Linter<'s> {
    root: &'s Value,
    subset: &'s Subset,
    faults: Vec<SchemaFault>,
}

impl Linter<'_> {
    fn fault(&mut self, path: impl Into<String>, reason: impl Into<String>) {
        self.faults.push(SchemaFault::new(path, reason));
    }

    fn schema(&mut self, path: &str, schema: &Value, position: Position, depth: usize) {
        let Some(object) = schema.as_object() else {
            return self.fault(path, "a schema must be an object");
        };
        if depth > MAX_DEPTH {
            return self.fault(path, format!("nested deeper than {MAX_DEPTH} levels"));
        }
        let rule = self.rule(path, object);
        for (keyword, value) in object {
            self.keyword(path, keyword, value, rule, position, depth);
        }
        match rule {
            Some(rule) if rule.name == "timestamp" => self.timestamp(path, object, position),
            _ => {}
        }
    }

    /// The rule of the schema's type, if it has one.
    fn rule(&mut self, path: &str, object: &Map<String, Value>) -> Option<&'static TypeRule> {
        let names = || {
            let names = self.subset.types.iter().map(|rule| rule.name);
            names.collect::<Vec<_>>().join(", ")
        };
        match object.get("type") {
            Some(Value::String(name)) => {
                let rule = self.subset.types.iter().find(|rule| rule.name == name);
                if rule.is_none() {
                    let allowed = names();
                    self.fault(
                        join(path, "type"),
                        format!("`{name}` is not supported (supported: {allowed})"),
                    );
                }
                rule
            }
            Some(Value::Array(_)) => {
                let fix = match self.subset.combinators.contains(&"anyOf") {
                    true => "use `anyOf`",
                    false => "leave an optional property out of `required`",
                };
                self.fault(
                    join(path, "type"),
                    format!("a list of types is not supported: {fix}"),
                );
                None
            }
            Some(_) => {
                let allowed = names();
                self.fault(join(path, "type"), format!("must be one of {allowed}"));
                None
            }
            None => {
                let others = ["anyOf", "$ref", "const", "enum"];
                let is_needed = !self.subset.optional_type;
                if is_needed && !others.iter().any(|keyword| object.contains_key(*keyword)) {
                    let allowed = names();
                    self.fault(path, format!("needs a `type` (supported: {allowed})"));
                }
                None
            }
        }
    }

    fn keyword(
        &mut self,
        path: &str,
        keyword: &str,
        value: &Value,
        rule: Option<&'static TypeRule>,
        position: Position,
        depth: usize,
    ) {
        let at = join(path, keyword);
        let subset = self.subset;
        let is_of_type = match rule {
            Some(rule) => rule.keywords.contains(&keyword),
            None => {
                let mut types = subset.types.iter();
                subset.optional_type && types.any(|rule| rule.keywords.contains(&keyword))
            }
        };
        match keyword {
            "type" => {}
            "const" | "enum" => self.constant(&at, keyword, value, rule),
            "anyOf" | "$ref" | "$defs" if subset.combinators.contains(&keyword) => {
                self.combinator(&at, keyword, value, depth);
            }
            // Where annotations are required, they are not ignored.
            "title" | "description" if subset.described_properties && !value.is_string() => {
                self.fault(at, "must be a text");
            }
            _ if subset.annotations.contains(&keyword) => {}
            _ if !is_of_type => self.unsupported(&at, keyword, rule),
            "properties" => self.properties(&at, value, position, depth),
            "required" => self.required(&at, value),
            "items" => self.schema(&at, value, position.items(), depth + 1),
            "prefixItems" => match value.as_array() {
                Some(items) => {
                    for (number, item) in items.iter().enumerate() {
                        let at = join(&at, &number.to_string());
                        self.schema(&at, item, Position::Elsewhere, depth + 1);
                    }
                }
                None => self.fault(at, "must be a list of schemas"),
            },
            "minItems" | "maxItems" => match value.as_u64() {
                Some(number) if keyword == "maxItems" || number <= subset.max_min_items => {}
                _ if keyword == "minItems" && subset.max_min_items < u64::MAX => {
                    let max = subset.max_min_items;
                    self.fault(at, format!("`{value}` is not 0 to {max}"));
                }
                _ => self.fault(at, format!("`{value}` is not a whole number")),
            },
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum"
                if !value.is_number() =>
            {
                self.fault(at, format!("`{value}` is not a number"));
            }
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {}
            "pattern" if !value.is_string() => self.fault(at, "must be a regular expression"),
            "format" => self.format(at, value, rule),
            "additionalProperties" if !value.is_boolean() => {
                self.fault(at, "must be `true` or `false`");
            }
            _ => {}
        }
    }

    fn unsupported(&mut self, at: &str, keyword: &str, rule: Option<&'static TypeRule>) {
        let elsewhere = self.subset.types.iter();
        let elsewhere: Vec<_> = elsewhere
            .filter(|other| other.keywords.contains(&keyword))
            .map(|other| format!("`{}`", other.name))
            .collect();
        let advice = self.subset.advice.iter().find(|(name, _)| *name == keyword);
        let reason = match (advice, rule, elsewhere.is_empty()) {
            (Some((_, advice)), ..) => format!("not supported: {advice}"),
            (None, Some(rule), false) => format!(
                "not supported for `{}`, only for {}",
                rule.name,
                elsewhere.join(", ")
            ),
            _ => "not supported".to_owned(),
        };
        self.fault(at, reason);
    }

    fn constant(
        &mut self,
        at: &str,
        keyword: &str,
        value: &Value,
        rule: Option<&'static TypeRule>,
    ) {
        let allowed = self.subset.constant_types;
        if keyword == "const" && allowed.is_empty() {
            return self.unsupported(at, keyword, rule);
        }
        if let Some(rule) = rule
            && !allowed.is_empty()
            && !allowed.contains(&rule.name)
        {
            let fix = match rule.name {
                "integer" => ": use the type `number`",
                _ => "",
            };
            return self.fault(
                at,
                format!(
                    "not supported for `{}`, only for {}{fix}",
                    rule.name,
                    allowed.join(", ")
                ),
            );
        }
        if keyword == "enum" {
            match value.as_array() {
                Some(values) if !values.is_empty() => {
                    if let Some(value) = values.iter().find(|v| v.is_array() || v.is_object()) {
                        self.fault(at, format!("`{value}` is not a single value"));
                    }
                }
                _ => self.fault(at, "must be a list of at least one value"),
            }
        } else if value.is_array() || value.is_object() {
            self.fault(at, "must be a single value");
        }
    }

    fn combinator(&mut self, at: &str, keyword: &str, value: &Value, depth: usize) {
        match (keyword, value) {
            ("anyOf", Value::Array(schemas)) if !schemas.is_empty() => {
                for (number, schema) in schemas.iter().enumerate() {
                    let at = join(at, &number.to_string());
                    self.schema(&at, schema, Position::Elsewhere, depth + 1);
                }
            }
            ("anyOf", _) => self.fault(at, "must be a list of at least one schema"),
            ("$defs", Value::Object(schemas)) => {
                for (name, schema) in schemas {
                    self.schema(&join(at, name), schema, Position::Elsewhere, depth + 1);
                }
            }
            ("$defs", _) => self.fault(at, "must be an object of schemas"),
            (_, Value::String(reference)) if resolve(self.root, reference).is_some() => {}
            (_, other) => {
                let reason = format!("{other} names no schema: write `#/$defs/NAME`");
                self.fault(at, reason);
            }
        }
    }

    fn properties(&mut self, at: &str, value: &Value, position: Position, depth: usize) {
        let Some(properties) = value.as_object() else {
            return self.fault(at, "must be an object of schemas");
        };
        for (name, schema) in properties {
            let at = join(at, name);
            self.schema(&at, schema, position.property(), depth + 1);
            let description = schema["description"].as_str();
            let is_described = description.is_some_and(|text| !text.is_empty());
            if self.subset.described_properties && schema.is_object() && !is_described {
                self.fault(at.clone(), "needs a `description`");
            }
            if self.subset.reserved_times && matches!(name.as_str(), "start_time" | "end_time") {
                let has_format = schema.get("format").is_some();
                let is_allowed = match schema["type"].as_str() {
                    Some("string") => !has_format,
                    Some("number" | "integer" | "timestamp") | None => true,
                    Some(_) => false,
                };
                if !is_allowed {
                    self.fault(
                        at,
                        "the name is reserved for times: use the type `number`, `integer`, `timestamp` or `string` without `format`",
                    );
                }
            }
        }
    }

    fn required(&mut self, at: &str, value: &Value) {
        let is_list = value
            .as_array()
            .is_some_and(|names| names.iter().all(Value::is_string));
        if !is_list {
            self.fault(at, "must be a list of names of properties");
        }
    }

    fn format(&mut self, at: String, value: &Value, rule: Option<&TypeRule>) {
        let formats = rule.map_or(&[][..], |rule| rule.formats);
        let is_known = value.as_str().is_some_and(|name| formats.contains(&name));
        if !is_known && !formats.is_empty() {
            let reason = format!(
                "{value} is not supported (supported: {})",
                formats.join(", ")
            );
            self.fault(at, reason);
        }
    }

    fn timestamp(&mut self, path: &str, object: &Map<String, Value>, position: Position) {
        if !matches!(position, Position::Property | Position::ItemProperty) {
            self.fault(
                path,
                "the type `timestamp` is supported in the properties of the root and of the items of a property of the root only",
            );
        }
        if !object.contains_key("format") {
            self.fault(
                join(path, "format"),
                "format is required for timestamp type; allowed values: seconds, hh:mm:ss, hh:mm:ss.fff",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::ANALYZE;

    fn check(schema: &Value, expected: &[&str]) {
        let faults = match lint(schema, &ANALYZE) {
            Ok(()) => Vec::new(),
            Err(faults) => faults.faults().iter().map(ToString::to_string).collect(),
        };
        assert_eq!(faults, expected, "{schema}");
    }

    fn object(properties: &Value) -> Value {
        json!({"type": "object", "properties": properties})
    }

    #[test]
    fn documented_subset_passes() {
        check(
            &json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "required": ["title"],
                "properties": {
                    "title": {"type": "string", "pattern": "^[A-Z].*", "description": "a title"},
                    "day": {"type": "string", "format": "date"},
                    "rating": {"type": "integer", "minimum": 1, "exclusiveMaximum": 6},
                    "mood": {"type": "string", "enum": ["calm", "tense"]},
                    "at": {"type": "timestamp", "format": "hh:mm:ss"},
                    "people": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/person"}},
                    "scenes": {"type": "array", "items": {"type": "object", "properties": {
                        "start_time": {"type": "timestamp", "format": "seconds"},
                        "end_time": {"type": "number"},
                    }}},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
                "$defs": {"person": {"type": "object", "properties": {"name": {"type": "string"}}}},
            }),
            &[],
        );
    }

    #[test]
    fn every_violation_is_named_with_its_place() {
        check(&json!([]), &["a schema must be an object"]);
        check(
            &json!({}),
            &[
                "needs a `type` (supported: integer, string, object, array, boolean, null, number, timestamp)",
            ],
        );
        check(
            &object(&json!({
                "a": {"type": "string", "minLength": 2},
                "b": {"type": "array", "items": {"type": "number", "minimum": 1}, "maxItems": 3, "minItems": 2},
                "c": {"type": "integer", "enum": [1, 2]},
                "d": {"type": ["string", "null"]},
                "e": {"type": "string", "format": "email"},
                "f": {"oneOf": []},
                "g": {"$ref": "#/definitions/x"},
                "h": {"type": "object", "additionalProperties": false, "multipleOf": 2},
            })),
            &[
                "properties.a.minLength: not supported: state the length in `description`",
                "properties.b.items.minimum: not supported for `number`, only for `integer`",
                "properties.b.maxItems: not supported: state the number of items in `description`",
                "properties.b.minItems: `2` is not 0 to 1",
                "properties.c.enum: not supported for `integer`, only for boolean, null, number, string: use the type `number`",
                "properties.d.type: a list of types is not supported: use `anyOf`",
                "properties.e.format: \"email\" is not supported (supported: uuid, date-time, date, time)",
                "properties.f: needs a `type` (supported: integer, string, object, array, boolean, null, number, timestamp)",
                "properties.f.oneOf: not supported: use `anyOf`",
                "properties.g.$ref: \"#/definitions/x\" names no schema: write `#/$defs/NAME`",
                "properties.h.additionalProperties: not supported: remove it",
                "properties.h.multipleOf: not supported",
            ],
        );
    }

    #[test]
    fn timestamps_and_reserved_names() {
        check(
            &object(&json!({
                "at": {"type": "timestamp"},
                "deep": {"type": "object", "properties": {"at": {"type": "timestamp", "format": "seconds"}}},
                "end_time": {"type": "string", "format": "time"},
                "start_time": {"type": "boolean"},
            })),
            &[
                "properties.at.format: format is required for timestamp type; allowed values: seconds, hh:mm:ss, hh:mm:ss.fff",
                "properties.deep.properties.at: the type `timestamp` is supported in the properties of the root and of the items of a property of the root only",
                "properties.end_time: the name is reserved for times: use the type `number`, `integer`, `timestamp` or `string` without `format`",
                "properties.start_time: the name is reserved for times: use the type `number`, `integer`, `timestamp` or `string` without `format`",
            ],
        );
    }

    #[test]
    fn enrichment_accepts_its_documented_keywords_only() {
        let lint_all = |schema: &Value| match lint(schema, &crate::schema::ENRICHMENT) {
            Ok(()) => Vec::new(),
            Err(faults) => faults.faults().iter().map(ToString::to_string).collect(),
        };
        let good = json!({"type": "object", "title": "a", "required": ["a"], "additionalProperties": false, "properties": {
            "a": {"type": "integer", "description": "a", "minimum": 1, "maximum": 5},
            "b": {"type": "array", "description": "b", "minItems": 2, "maxItems": 9, "items": {"type": "string", "format": "date"}},
            "c": {"type": "array", "description": "c", "prefixItems": [{"type": "boolean"}]},
            // The documents do not say that a type is needed.
            "d": {"description": "d", "enum": ["x"], "minimum": 1},
        }});
        assert_eq!(lint_all(&good), [""; 0]);
        let bad = json!({"type": "object", "properties": {
            "a": {"type": "string", "description": "", "minimum": 1},
            "b": {"type": "string", "description": 5, "const": "x"},
            "c": {"type": "number", "description": "c", "nullable": true, "$comment": "no"},
        }});
        assert_eq!(
            lint_all(&bad),
            [
                "properties.a.minimum: not supported for `string`, only for `number`, `integer`",
                "properties.a: needs a `description`",
                "properties.b.const: not supported: use `enum` with one value",
                "properties.b.description: must be a text",
                "properties.b: needs a `description`",
                "properties.c.$comment: not supported",
                "properties.c.nullable: not supported: leave an optional property out of `required`",
            ]
        );
    }

    #[test]
    fn deep_schemas_end() {
        let mut schema = json!({"type": "string"});
        for _ in 0..60 {
            schema = json!({"type": "array", "items": schema});
        }
        let faults = lint(&schema, &ANALYZE).unwrap_err();
        assert!(faults.to_string().ends_with("nested deeper than 32 levels"));
    }

    /// Another subset is other data, not other code.
    #[test]
    fn subsets_are_data() {
        const STRICT: Subset = Subset {
            annotations: &["title", "description"],
            object_root: true,
            described_properties: true,
            ..Subset::new(
                "strict",
                ("2026-01-01", "a test"),
                &[
                    TypeRule::new(
                        "object",
                        &["properties", "required", "additionalProperties"],
                        &[],
                    ),
                    TypeRule::new("array", &["items", "maxItems", "minItems"], &[]),
                    TypeRule::new("string", &["format"], &[]),
                ],
            )
        };
        let schema = json!({"type": "array", "maxItems": 5, "minItems": 3, "items": {"type": "object",
            "additionalProperties": false, "properties": {"a": {"type": "string", "const": "x", "default": "y"}}}});
        let faults = lint(&schema, &STRICT).unwrap_err();
        let faults: Vec<_> = faults.faults().iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "type: the root must have the type `object`",
                "items.properties.a.const: not supported",
                "items.properties.a.default: not supported",
                "items.properties.a: needs a `description`",
            ]
        );
    }
}

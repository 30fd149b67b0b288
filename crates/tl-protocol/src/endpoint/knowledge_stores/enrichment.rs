//! The configuration of enrichment, and the subset of JSON Schema that it accepts.
//!
//! Source: documentation in the official Python client 1.3.6 of October 2026. It is another subset
//! than that of analyses: every property needs a description, and nothing is ignored.

use serde_json::{Map, Value};
use tl_model::{EnrichmentConfig, EnrichmentType, IngestionConfig};

use crate::endpoint::{
    Rejection,
    json::{self, first_unknown},
};

/// The keywords that the platform accepts.
const KEYWORDS: [&str; 13] = [
    "type",
    "title",
    "description",
    "enum",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
];
/// A keyword of strings.
const FORMAT: &str = "format";
/// The types that a schema may have.
const TYPES: [&str; 6] = ["object", "array", "string", "number", "integer", "boolean"];
/// The deepest nesting that is looked at. The platform has no documented limit.
const MAX_DEPTH: usize = 64;

fn is_list_of_text(value: &Value) -> bool {
    let items = value.as_array();
    items.is_some_and(|items| items.iter().all(Value::is_string))
}

/// Checks that a schema is in the subset of JSON Schema that knowledge stores accept.
///
/// # Errors
/// The first keyword that is not accepted, with its place in the schema.
pub fn check_enrichment_schema(schema: &Value) -> Result<(), Rejection> {
    let root = "json_schema";
    if schema["type"] != "object" {
        return Err(unprocessable(
            root,
            "the `type` of the root must be `object`",
        ));
    }
    if !schema["properties"].is_object() {
        return Err(unprocessable(root, "`properties` is required"));
    }
    check_schema(root, schema, 0)
}

fn check_schema(place: &str, schema: &Value, depth: usize) -> Result<(), Rejection> {
    let Some(object) = schema.as_object() else {
        let found = json::kind_of(schema);
        return Err(unprocessable(
            place,
            &format!("{found}: a schema is an object"),
        ));
    };
    if depth > MAX_DEPTH {
        return Err(unprocessable(place, "the schema is nested too deeply"));
    }
    let unknown = object
        .keys()
        .find(|key| !KEYWORDS.contains(&key.as_str()) && *key != FORMAT);
    if let Some(keyword) = unknown {
        let shown: String = keyword.chars().take(60).collect();
        let allowed = KEYWORDS.join(", ");
        return Err(unprocessable(
            place,
            &format!("the keyword `{shown}` is not supported: allowed are {allowed}, {FORMAT}"),
        ));
    }
    match object.get("type") {
        None => {}
        Some(Value::String(kind)) if TYPES.contains(&kind.as_str()) => {}
        Some(Value::Array(_)) => {
            return Err(unprocessable(
                place,
                "an array of types is not supported: leave an optional property out of `required`",
            ));
        }
        Some(_) => {
            let allowed = TYPES.join(", ");
            return Err(unprocessable(
                place,
                &format!("`type` must be one of {allowed}"),
            ));
        }
    }
    for (name, value) in object {
        let (is_valid, expected) = match name.as_str() {
            "title" | "description" | FORMAT => (value.is_string(), "text"),
            "required" => (is_list_of_text(value), "a list of names"),
            "enum" | "prefixItems" => (value.is_array(), "a list"),
            "minItems" | "maxItems" => (value.is_u64(), "a whole number"),
            "minimum" | "maximum" => (value.is_number(), "a number"),
            _ => (true, ""),
        };
        if !is_valid {
            return Err(unprocessable(
                place,
                &format!("`{name}` must be {expected}"),
            ));
        }
    }
    if object
        .get("additionalProperties")
        .is_some_and(|value| !value.is_boolean())
    {
        return Err(unprocessable(
            place,
            "`additionalProperties` must be true or false",
        ));
    }
    if let Some(properties) = object.get("properties") {
        let Some(properties) = properties.as_object() else {
            return Err(unprocessable(place, "`properties` must be an object"));
        };
        for (name, property) in properties {
            let name: String = name.chars().take(60).collect();
            let inside = format!("{place}.properties.{name}");
            check_schema(&inside, property, depth + 1)?;
            if property["description"].as_str().is_none_or(str::is_empty) {
                return Err(unprocessable(&inside, "`description` is required"));
            }
        }
    }
    if let Some(items) = object.get("items") {
        check_schema(&format!("{place}.items"), items, depth + 1)?;
    }
    for (index, item) in object
        .get("prefixItems")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
    {
        check_schema(&format!("{place}.prefixItems[{index}]"), item, depth + 1)?;
    }
    Ok(())
}

fn unprocessable(place: &str, detail: &str) -> Rejection {
    Rejection::unprocessable(place, detail)
}

pub(super) fn read_config(
    object: &Map<String, Value>,
) -> Result<Option<IngestionConfig>, Rejection> {
    let name = "ingestion_config";
    let Some(config) = json::optional_object(object, name, &["enrichment_config"])? else {
        return Ok(None);
    };
    let inner = "enrichment_config";
    let enrichment = json::required(config, inner)?;
    let Some(enrichment) = enrichment.as_object() else {
        let found = json::kind_of(enrichment);
        return Err(Rejection::invalid(
            inner,
            format!("{found}: an object is expected"),
        ));
    };
    let known = ["type", "description", "json_schema"];
    if let Some(key) = first_unknown(enrichment, &known) {
        return Err(Rejection::unknown(&format!("{inner}.{key}")));
    }
    json::word_of(enrichment, "type", EnrichmentType::KNOWN)?;
    let mut read = EnrichmentConfig::new(json::text(enrichment, "type")?);
    read.description = json::optional(enrichment, "description")?;
    read.json_schema = enrichment.get("json_schema").cloned();
    Ok(Some(IngestionConfig::new(read)))
}

pub(super) fn check_config(config: Option<&IngestionConfig>) -> Result<(), Rejection> {
    let Some(config) = config.map(|config| &config.enrichment_config) else {
        return Ok(());
    };
    let (description, schema) = (config.description.as_deref(), config.json_schema.as_ref());
    let other = |name: &str| {
        let detail = format!("it does not belong to the type {}", config.config_type);
        Err(Rejection::invalid(name, detail))
    };
    match config.config_type {
        EnrichmentType::Description => match (description, schema) {
            (_, Some(_)) => other("json_schema"),
            (None, None) => Err(Rejection::missing("description")),
            (Some(""), None) => Err(Rejection::invalid(
                "description",
                "the description is empty",
            )),
            (Some(_), None) => Ok(()),
        },
        EnrichmentType::JsonSchema => match (description, schema) {
            (Some(_), _) => other("description"),
            (None, None) => Err(Rejection::missing("json_schema")),
            (None, Some(schema)) => check_enrichment_schema(schema),
        },
        // A newer type: the platform decides.
        _ => Ok(()),
    }
}

//! The check of a value against a schema.

use serde_json::{Map, Value};

use super::{MAX_DEPTH, SchemaFault, join, resolve};

/// Checks that `value` has the structure that `schema` describes: types, required properties,
/// constants, bounds, and references. `pattern` and the formats of strings are not checked.
///
/// # Errors
/// The first difference.
pub fn conforms(value: &Value, schema: &Value) -> Result<(), SchemaFault> {
    check("", value, schema, schema, 0)
}

fn check(
    path: &str,
    value: &Value,
    schema: &Value,
    root: &Value,
    depth: usize,
) -> Result<(), SchemaFault> {
    let fault = |reason: String| Err(SchemaFault::new(path, reason));
    let Some(object) = schema.as_object() else {
        return fault("the schema is not an object".to_owned());
    };
    if depth > 4 * MAX_DEPTH {
        return fault("nested too deeply".to_owned());
    }
    if let Some(reference) = object.get("$ref") {
        let target = reference.as_str().and_then(|name| resolve(root, name));
        return match target {
            Some(target) => check(path, value, target, root, depth + 1),
            None => fault(format!("the schema refers to {reference}, which it lacks")),
        };
    }
    if let Some(schemas) = object.get("anyOf").and_then(Value::as_array) {
        let fits = |schema| check(path, value, schema, root, depth + 1).is_ok();
        if !schemas.iter().any(fits) {
            return fault("fits none of the schemas of `anyOf`".to_owned());
        }
    }
    if let Some(wanted) = object.get("const")
        && wanted != value
    {
        return fault(format!("`{}` is not {wanted}", short(value)));
    }
    if let Some(values) = object.get("enum").and_then(Value::as_array)
        && !values.contains(value)
    {
        let values = Value::from(values.clone());
        return fault(format!(
            "`{}` is not one of {}",
            short(value),
            short(&values)
        ));
    }
    check_type(path, value, object)?;
    check_bounds(path, value, object)?;
    if let Value::Object(members) = value {
        for name in object
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if let Some(name) = name.as_str()
                && !members.contains_key(name)
            {
                return fault(format!("the required property `{name}` is missing"));
            }
        }
        let properties = object.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            if let Some(member) = members.get(name) {
                // The platform converts these (strings to `hh:mm:ss.fff`).
                check(&join(path, name), member, schema, root, depth + 1)?;
            }
        }
    }
    if let (Value::Array(items), Some(schema)) = (value, object.get("items")) {
        for (number, item) in items.iter().enumerate() {
            check(
                &join(path, &number.to_string()),
                item,
                schema,
                root,
                depth + 1,
            )?;
        }
    }
    Ok(())
}

fn check_type(path: &str, value: &Value, object: &Map<String, Value>) -> Result<(), SchemaFault> {
    let Some(name) = object.get("type").and_then(Value::as_str) else {
        return Ok(());
    };
    let is_whole = || value.as_f64().is_some_and(|number| number.fract() == 0.0);
    let fits = match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64() || is_whole(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "timestamp" => match object.get("format").and_then(Value::as_str) {
            Some("seconds") => value.is_number(),
            _ => value.is_string(),
        },
        _ => true,
    };
    match fits {
        true => Ok(()),
        false => Err(SchemaFault::new(
            path,
            format!("`{}` is not of the type `{name}`", short(value)),
        )),
    }
}

fn check_bounds(path: &str, value: &Value, object: &Map<String, Value>) -> Result<(), SchemaFault> {
    let bound = |name: &str| object.get(name).and_then(Value::as_f64);
    if let Some(number) = value.as_f64() {
        let breaks = [
            ("minimum", bound("minimum").is_some_and(|min| number < min)),
            ("maximum", bound("maximum").is_some_and(|max| number > max)),
            (
                "exclusiveMinimum",
                bound("exclusiveMinimum").is_some_and(|min| number <= min),
            ),
            (
                "exclusiveMaximum",
                bound("exclusiveMaximum").is_some_and(|max| number >= max),
            ),
        ];
        if let Some((name, _)) = breaks.iter().find(|(_, is_broken)| *is_broken) {
            let reason = format!("`{value}` is outside of `{name}`");
            return Err(SchemaFault::new(path, reason));
        }
    }
    if let Some(items) = value.as_array() {
        let count = items.len() as u64;
        let limit = |name: &str| object.get(name).and_then(Value::as_u64);
        if limit("minItems").is_some_and(|min| count < min)
            || limit("maxItems").is_some_and(|max| count > max)
        {
            let reason = format!("{count} items are not the number that the schema allows");
            return Err(SchemaFault::new(path, reason));
        }
    }
    Ok(())
}

/// The first characters of a value, for messages.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn first_difference_is_named() {
        let schema = json!({
            "type": "object",
            "required": ["title", "tags"],
            "properties": {
                "title": {"type": "string"},
                "rating": {"type": "integer", "minimum": 1, "maximum": 5},
                "tags": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/tag"}},
                "at": {"type": "timestamp", "format": "seconds"},
                "note": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            },
            "$defs": {"tag": {"enum": ["a", "b"]}},
        });
        let check = |value: Value, expected: &str| {
            let seen = conforms(&value, &schema).map_err(|fault| fault.to_string());
            assert_eq!(seen.err().unwrap_or_default(), expected);
        };
        check(
            json!({"title": "x", "tags": ["a"], "rating": 5.0, "at": 2.5, "note": null}),
            "",
        );
        check(json!("x"), "`\"x\"` is not of the type `object`");
        check(
            json!({"title": "x"}),
            "the required property `tags` is missing",
        );
        check(
            json!({"title": 1, "tags": ["a"]}),
            "title: `1` is not of the type `string`",
        );
        check(
            json!({"title": "x", "tags": ["c"]}),
            "tags.0: `\"c\"` is not one of [\"a\",\"b\"]",
        );
        check(
            json!({"title": "x", "tags": []}),
            "tags: 0 items are not the number that the schema allows",
        );
        check(
            json!({"title": "x", "tags": ["a"], "rating": 6}),
            "rating: `6` is outside of `maximum`",
        );
        check(
            json!({"title": "x", "tags": ["a"], "rating": 1.5}),
            "rating: `1.5` is not of the type `integer`",
        );
        check(
            json!({"title": "x", "tags": ["a"], "note": 1}),
            "note: fits none of the schemas of `anyOf`",
        );
    }

    #[test]
    fn endless_references_end() {
        let schema = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}});
        assert_eq!(
            conforms(&json!(1), &schema).unwrap_err().to_string(),
            "nested too deeply"
        );
    }
}

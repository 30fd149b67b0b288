//! Values that conform to a requested schema. They are made from a seed, the texts of a sidecar and
//! the analyzed window, and mean nothing.

use serde_json::{Map, Value};
use tl_protocol::{
    rng::Rng,
    schema::{conforms, resolve},
};

use super::pattern;

/// Below this depth, arrays are as short and objects as small as the schema allows, so that
/// recursive schemas end.
const SMALL_BELOW: usize = 5;
/// Maximum number of generated values.
const MAX_VALUES: u32 = 20_000;

/// Generates values for one schema.
#[derive(Debug)]
pub(crate) struct Generator<'a> {
    root: &'a Value,
    rng: Rng,
    /// The analyzed window in seconds; all times are inside.
    window: (f64, f64),
    /// Texts for strings, used in turns.
    texts: &'a [String],
    used_texts: usize,
    values: u32,
}

impl<'a> Generator<'a> {
    pub(crate) fn new(root: &'a Value, seed: u64, window: (f64, f64), texts: &'a [String]) -> Self {
        Self {
            root,
            rng: Rng::new(seed),
            window,
            texts,
            used_texts: 0,
            values: 0,
        }
    }

    /// Generates a value that conforms to the schema.
    ///
    /// # Errors
    /// Why no such value can be generated.
    pub(crate) fn generate(&mut self) -> Result<Value, String> {
        let root = self.root;
        let value = self.value("value", root, 0)?;
        // A schema can contradict itself, e.g. by a constant of another type.
        conforms(&value, root)
            .map_err(|fault| format!("the schema contradicts itself: {fault}"))?;
        Ok(value)
    }

    fn value(&mut self, name: &str, schema: &'a Value, depth: usize) -> Result<Value, String> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(format!("the schema needs more than {MAX_VALUES} values"));
        }
        if depth > 4 * SMALL_BELOW {
            return Err("the schema has no finite value".to_owned());
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let target = resolve(self.root, reference);
            let target = target.ok_or_else(|| format!("there is no schema `{reference}`"))?;
            return self.value(name, target, depth + 1);
        }
        if let Some(value) = schema.get("const") {
            return Ok(value.clone());
        }
        if let Some(values) = schema["enum"]
            .as_array()
            .filter(|values| !values.is_empty())
        {
            return Ok(values[self.below(values.len())].clone());
        }
        if let Some(choices) = schema["anyOf"]
            .as_array()
            .filter(|choices| !choices.is_empty())
        {
            let first = self.below(choices.len());
            let mut last = Err(String::new());
            for offset in 0..choices.len() {
                last = self.value(name, &choices[(first + offset) % choices.len()], depth + 1);
                if last.is_ok() {
                    break;
                }
            }
            return last;
        }
        match schema["type"].as_str() {
            Some("object") => self.object(schema, depth),
            Some("array") => self.array(name, schema, depth),
            Some("string") => self.string(name, schema),
            Some("integer") => self.integer(schema),
            Some("number") => {
                let bound = |name: &str, default: f64| schema[name].as_f64().unwrap_or(default);
                let low = bound("minimum", 0.0);
                let high = bound("maximum", low + 100.0);
                Ok(round(low + self.rng.fraction() * (high - low), low, high).into())
            }
            Some("boolean") => Ok((self.below(2) == 1).into()),
            Some("timestamp") => {
                let at = self.time();
                Ok(timestamp(at, schema["format"].as_str().unwrap_or_default()))
            }
            Some("null") => Ok(Value::Null),
            other => Err(format!("nothing is generated for the type {other:?}")),
        }
    }

    fn object(&mut self, schema: &'a Value, depth: usize) -> Result<Value, String> {
        let required = schema["required"].as_array();
        let is_required =
            |name: &str| required.is_some_and(|names| names.iter().any(|n| n == name));
        let (one, other) = (self.time(), self.time());
        let mut object = Map::new();
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let time = match name.as_str() {
                "start_time" => Some(one.min(other)),
                "end_time" => Some(one.max(other)),
                _ => None,
            };
            let generated = match time.and_then(|at| reserved_time(at, member)) {
                Some(value) => Ok(value),
                None if !is_required(name) && depth >= SMALL_BELOW => continue,
                None => self.value(name, member, depth + 1),
            };
            match generated {
                Ok(value) => _ = object.insert(name.clone(), value),
                Err(reason) if is_required(name) => return Err(format!("{name}: {reason}")),
                Err(_) => {}
            }
        }
        Ok(object.into())
    }

    fn array(&mut self, name: &str, schema: &'a Value, depth: usize) -> Result<Value, String> {
        let limit = |name: &str| schema[name].as_u64();
        let min = limit("minItems").unwrap_or(0);
        let most = if depth >= SMALL_BELOW {
            min
        } else {
            min.max(3)
        };
        let most = most.min(limit("maxItems").unwrap_or(u64::MAX));
        if most < min {
            return Err(format!("{name}: `minItems` is above `maxItems`"));
        }
        let mut items = Vec::new();
        let prefix = schema["prefixItems"].as_array().into_iter().flatten();
        for item in prefix.take(usize::try_from(most).unwrap_or(usize::MAX)) {
            items.push(self.value(name, item, depth + 1)?);
        }
        if let Some(item) = schema.get("items") {
            let spare = usize::try_from(most - min.min(most)).unwrap_or(0);
            let count = min + self.below(spare + 1) as u64;
            while (items.len() as u64) < count {
                match self.value(name, item, depth + 1) {
                    Ok(value) => items.push(value),
                    // A recursive schema ends with an empty array.
                    Err(_) if items.len() as u64 >= min => break,
                    Err(reason) => return Err(reason),
                }
            }
        }
        Ok(items.into())
    }

    fn integer(&mut self, schema: &Value) -> Result<Value, String> {
        let bound = |name: &str| schema[name].as_f64();
        let low = [
            bound("minimum").map(f64::ceil),
            bound("exclusiveMinimum").map(|n| n.floor() + 1.0),
        ];
        let high = [
            bound("maximum").map(f64::floor),
            bound("exclusiveMaximum").map(|n| n.ceil() - 1.0),
        ];
        let low = low.into_iter().flatten().reduce(f64::max);
        let high = high.into_iter().flatten().reduce(f64::min);
        let (low, high) = match (low, high) {
            (None, None) => (0.0, 10.0),
            (Some(low), None) => (low, low + 10.0),
            (None, Some(high)) => (high - 10.0, high),
            (Some(low), Some(high)) if low <= high => (low, high),
            (Some(low), Some(high)) => return Err(format!("no integer is from {low} to {high}")),
        };
        let number = (low + (self.rng.fraction() * (high - low + 1.0)).floor()).min(high);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the cast saturates, and is checked"
        )]
        let whole = number as i64;
        Ok(whole.into())
    }

    fn string(&mut self, name: &str, schema: &Value) -> Result<Value, String> {
        if let Some(expression) = schema["pattern"].as_str() {
            return pattern::generate(expression, &mut self.rng).map(Value::from);
        }
        let (day, hour) = (1 + self.below(28), self.below(24));
        let text = match schema["format"].as_str() {
            Some("uuid") => self.uuid(),
            Some("date") => format!("2026-01-{day:02}"),
            Some("time") => format!("{hour:02}:30:00Z"),
            Some("date-time") => format!("2026-01-{day:02}T{hour:02}:30:00Z"),
            Some("email") => "someone@example.com".to_owned(),
            Some("uri" | "url") => "https://example.com/".to_owned(),
            _ if name == "start_time" || name == "end_time" => {
                let at = self.time();
                format_time(at, true)
            }
            _ if self.texts.is_empty() => format!("generated {name}"),
            _ => {
                self.used_texts += 1;
                self.texts[(self.used_texts - 1) % self.texts.len()].clone()
            }
        };
        Ok(text.into())
    }

    /// A UUID of version 4.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.rng.bits(), self.rng.bits());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    /// A time in the window, to the hundredth of a second.
    fn time(&mut self) -> f64 {
        let (start, end) = self.window;
        round(start + self.rng.fraction() * (end - start), start, end)
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = limit.max(1) as u64;
        usize::try_from(self.rng.bits() % limit).unwrap_or(0)
    }
}

/// Rounds to hundredths without leaving the range.
fn round(number: f64, low: f64, high: f64) -> f64 {
    ((number * 100.0).round() / 100.0)
        .max(low)
        .min(high.max(low))
}

/// The value of a property `start_time` or `end_time`, which the platform treats as a time.
fn reserved_time(at: f64, schema: &Value) -> Option<Value> {
    if schema.get("const").is_some() || schema.get("enum").is_some() {
        return None;
    }
    match schema["type"].as_str()? {
        "number" => Some(at.into()),
        "string" if schema.get("format").is_none() => Some(format_time(at, true).into()),
        "timestamp" => Some(timestamp(at, schema["format"].as_str()?)),
        _ => None,
    }
}

fn timestamp(at: f64, format: &str) -> Value {
    match format {
        "hh:mm:ss" => format_time(at, false).into(),
        "hh:mm:ss.fff" => format_time(at, true).into(),
        _ => at.into(),
    }
}

/// `hh:mm:ss.fff`, or `hh:mm:ss` rounded to the nearest second.
pub(crate) fn format_time(seconds: f64, with_millis: bool) -> String {
    let scale = if with_millis { 1000.0 } else { 1.0 };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates"
    )]
    let units = (seconds.max(0.0) * scale).round() as u64;
    let (whole, millis) = match with_millis {
        true => (units / 1000, units % 1000),
        false => (units, 0),
    };
    let clock = format!(
        "{:02}:{:02}:{:02}",
        whole / 3600,
        whole / 60 % 60,
        whole % 60
    );
    match with_millis {
        true => format!("{clock}.{millis:03}"),
        false => clock,
    }
}

/// FNV-1a, for seeds. The result depends on the bytes alone.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use tl_protocol::schema::{ANALYZE, lint};

    use super::*;

    fn generate(schema: &Value, seed: u64) -> Result<Value, String> {
        Generator::new(schema, seed, (2.0, 8.0), &[]).generate()
    }

    /// Any schema of the platform's subset for analyses.
    fn schema() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!({"type": "string"})),
            Just(json!({"type": "boolean"})),
            Just(json!({"type": "null"})),
            Just(json!({"type": "number"})),
            Just(json!({"type": "string", "pattern": "^[A-Z]{2}\\d{3}$"})),
            prop::sample::select(vec!["uuid", "date", "time", "date-time"])
                .prop_map(|format| json!({"type": "string", "format": format})),
            (-50i64..50, 0i64..50).prop_map(
                |(low, span)| json!({"type": "integer", "minimum": low, "maximum": low + span})
            ),
            (-50i64..50).prop_map(|low| json!({"type": "integer", "exclusiveMinimum": low})),
            Just(json!({"type": "string", "enum": ["calm", "tense"]})),
            Just(json!({"const": 4.5})),
            Just(json!({"$ref": "#/$defs/shared"})),
        ];
        let nested = leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                (inner.clone(), 0u64..2).prop_map(
                    |(items, min)| json!({"type": "array", "items": items, "minItems": min})
                ),
                prop::collection::vec(inner.clone(), 1..3)
                    .prop_map(|schemas| json!({"anyOf": schemas})),
                (
                    prop::collection::btree_map("[a-d]{1,2}", inner, 0..4),
                    any::<bool>()
                )
                    .prop_map(|(properties, all)| {
                        let required: Vec<_> = properties.keys().filter(|_| all).cloned().collect();
                        json!({"type": "object", "properties": properties, "required": required})
                    }),
            ]
        });
        prop::collection::btree_map("[a-d]{1,2}", nested, 1..4).prop_map(|mut properties| {
            properties.insert("start_time".to_owned(), json!({"type": "number"}));
            properties.insert("end_time".to_owned(), json!({"type": "string"}));
            properties.insert(
                "at".to_owned(),
                json!({"type": "timestamp", "format": "hh:mm:ss"}),
            );
            json!({"type": "object", "properties": properties, "required": ["at", "start_time"],
                "$defs": {"shared": {"type": "array", "items": {"$ref": "#/$defs/shared"}}}})
        })
    }

    proptest! {
        #[test]
        fn generated_values_conform(schema in schema(), seed: u64) {
            lint(&schema, &ANALYZE).unwrap();
            let value = generate(&schema, seed).unwrap();
            conforms(&value, &schema).unwrap();
            prop_assert_eq!(&value, &generate(&schema, seed).unwrap());
            let start = value["start_time"].as_f64().unwrap();
            prop_assert!((2.0..=8.0).contains(&start));
        }
    }

    #[test]
    fn impossible_schemas_are_explained() {
        for (schema, expected) in [
            (
                json!({"type": "integer", "minimum": 3, "maximum": 2}),
                "no integer is from 3 to 2",
            ),
            (json!({"type": "string", "const": 1}), "contradicts itself"),
            (
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}),
                "no finite value",
            ),
            (
                json!({"type": "string", "pattern": "a\\bb"}),
                "not supported",
            ),
        ] {
            let error = generate(&schema, 1).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn texts_of_a_sidecar_are_used() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string"}}});
        let texts = ["Hello.".to_owned(), "Bye.".to_owned()];
        let value = Generator::new(&schema, 1, (0.0, 1.0), &texts)
            .generate()
            .unwrap();
        assert_eq!(value, json!({"a": "Hello.", "b": "Bye.", "c": "Hello."}));
    }

    #[test]
    fn times_are_formatted_as_documented() {
        assert_eq!(format_time(83.5, true), "00:01:23.500");
        assert_eq!(format_time(83.4, false), "00:01:23");
        assert_eq!(format_time(-3.0, false), "00:00:00");
        assert_eq!(format_time(3599.9996, true), "01:00:00.000");
    }
}

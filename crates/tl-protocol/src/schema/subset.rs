//! The subsets of JSON Schema that the platform accepts, as data.

/// A subset of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subset {
    /// The operations that it applies to, for messages.
    pub name: &'static str,
    /// The date of the source.
    pub date: &'static str,
    /// Where the rules are documented.
    pub source: &'static str,
    /// The types, each with its keywords.
    pub types: &'static [TypeRule],
    /// The types that may have `const` and `enum`.
    pub constant_types: &'static [&'static str],
    /// Keywords that are allowed in every schema and change nothing.
    pub annotations: &'static [&'static str],
    /// Keywords that combine schemas: `anyOf`, `$ref`.
    pub combinators: &'static [&'static str],
    /// Advice for keywords that are commonly used and not supported.
    pub advice: &'static [(&'static str, &'static str)],
    /// The largest `minItems`.
    pub max_min_items: u64,
    /// Whether the root must be an object with `properties`.
    pub object_root: bool,
    /// Whether a schema may have no `type`. It then may have the keywords of all types.
    pub optional_type: bool,
    /// Whether each property needs a `description`.
    pub described_properties: bool,
    /// Whether the properties `start_time` and `end_time` are reserved for times.
    pub reserved_times: bool,
}

/// A type with the keywords that it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypeRule {
    /// The value of `type`.
    pub name: &'static str,
    /// Its own keywords.
    pub keywords: &'static [&'static str],
    /// The values of `format`; empty if `format` is not checked.
    pub formats: &'static [&'static str],
}

impl TypeRule {
    /// A type with keywords and formats.
    #[must_use]
    pub const fn new(
        name: &'static str,
        keywords: &'static [&'static str],
        formats: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            keywords,
            formats,
        }
    }
}

impl Subset {
    /// A subset with these types; everything else is not allowed.
    #[must_use]
    pub const fn new(
        name: &'static str,
        (date, source): (&'static str, &'static str),
        types: &'static [TypeRule],
    ) -> Self {
        Self {
            name,
            date,
            source,
            types,
            constant_types: &[],
            annotations: &[],
            combinators: &[],
            advice: &[],
            max_min_items: u64::MAX,
            object_root: false,
            optional_type: false,
            described_properties: false,
            reserved_times: false,
        }
    }
}

/// The formats of the type `timestamp`.
pub(super) const TIMESTAMPS: &[&str] = &["seconds", "hh:mm:ss", "hh:mm:ss.fff"];

/// The subset of analyses, synchronous and in tasks and batches.
pub const ANALYZE: Subset = Subset {
    constant_types: &["boolean", "null", "number", "string"],
    // The documents name three of them as examples of annotations, which are ignored.
    annotations: &[
        "title",
        "description",
        "$comment",
        "$comments",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "$schema",
        "$id",
    ],
    combinators: &["anyOf", "$ref", "$defs"],
    advice: &[
        ("minLength", "state the length in `description`"),
        ("maxLength", "state the length in `description`"),
        ("additionalProperties", "remove it"),
        ("uniqueItems", "remove it"),
        ("maxItems", "state the number of items in `description`"),
        ("oneOf", "use `anyOf`"),
        ("allOf", "merge the schemas"),
        ("definitions", "use `$defs`"),
        ("nullable", "use `anyOf` with the type `null`"),
    ],
    max_min_items: 1,
    reserved_times: true,
    ..Subset::new(
        "analyze",
        (
            "2026-07-30",
            "API reference, response_format.json_schema of POST /analyze",
        ),
        &[
            TypeRule::new(
                "integer",
                &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
                &[],
            ),
            TypeRule::new(
                "string",
                &["pattern", "format"],
                &["uuid", "date-time", "date", "time"],
            ),
            TypeRule::new("object", &["properties", "required"], &[]),
            TypeRule::new("array", &["items", "minItems"], &[]),
            TypeRule::new("boolean", &[], &[]),
            TypeRule::new("null", &[], &[]),
            TypeRule::new("number", &[], &[]),
            TypeRule::new("timestamp", &["format"], TIMESTAMPS),
        ],
    )
};

/// The subset of the enrichment of knowledge stores. Nothing is ignored: any other keyword is
/// rejected. The source does not say which keyword belongs to which type; each is accepted where JSON
/// Schema gives it a meaning, and everywhere if a schema has no type.
pub const ENRICHMENT: Subset = Subset {
    annotations: &["title", "description"],
    advice: &[
        ("minLength", "state the length in `description`"),
        ("maxLength", "state the length in `description`"),
        ("pattern", "state the pattern in `description`"),
        ("default", "state the default in `description`"),
        ("const", "use `enum` with one value"),
        ("anyOf", "use one type for each property"),
        ("oneOf", "use one type for each property"),
        ("allOf", "merge the schemas"),
        ("$ref", "write the schema in its place"),
        ("$defs", "write the schemas in their places"),
        ("nullable", "leave an optional property out of `required`"),
    ],
    object_root: true,
    optional_type: true,
    described_properties: true,
    ..Subset::new(
        "knowledge store enrichment",
        (
            "2026-10-06",
            "official Python client 1.3.6, ingestion_config of POST /knowledge-stores",
        ),
        &[
            TypeRule::new(
                "object",
                &["properties", "required", "additionalProperties"],
                &[],
            ),
            TypeRule::new(
                "array",
                &["items", "prefixItems", "minItems", "maxItems"],
                &[],
            ),
            TypeRule::new("string", &["format"], &[]),
            TypeRule::new("number", &["minimum", "maximum"], &[]),
            TypeRule::new("integer", &["minimum", "maximum"], &[]),
            TypeRule::new("boolean", &[], &[]),
        ],
    )
};

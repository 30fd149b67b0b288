//! The configuration of enrichment.

use serde_json::{Map, Value};
use tl_model::{EnrichmentConfig, EnrichmentType, IngestionConfig};

use crate::{
    endpoint::{
        Rejection,
        json::{self, first_unknown},
    },
    schema::{self, SchemaFault},
};

/// Checks that a schema is in the subset of JSON Schema that knowledge stores accept:
/// [`ENRICHMENT`](crate::schema::ENRICHMENT).
///
/// # Errors
/// All violations. The parameter is the place of the first one.
pub fn check_enrichment_schema(schema: &Value) -> Result<(), Rejection> {
    let root = "json_schema";
    schema::lint(schema, &schema::ENRICHMENT).map_err(|faults| {
        let place = |fault: &SchemaFault| match fault.path.as_str() {
            "" => root.to_owned(),
            path => format!("{root}.{path}"),
        };
        // A lint that fails has a fault.
        let (first, others) = faults.faults().split_first().expect("never empty");
        let mut detail = first.reason.clone();
        for other in others {
            detail.push_str(&format!("; {}: {}", place(other), other.reason));
        }
        Rejection::unprocessable(&place(first), detail)
    })
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

//! What must be true after a round, whatever was injected.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::emulator::Platform;

/// What the emulator has counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: usize,
    pub(crate) refused: usize,
    pub(crate) chunks: usize,
}

fn records<'a>(state: &'a Value, table: &str) -> Vec<&'a Value> {
    match &state[table] {
        Value::Array(records) => records.iter().collect(),
        Value::Object(records) => records.values().collect(),
        _ => Vec::new(),
    }
}

/// Checks the state of the platform: each of `clips` is indexed exactly once in `index`, from the
/// only asset of its name, and no chunk was stored more often than `chunk_kills` allows.
pub(crate) fn check(
    platform: &Platform,
    index: &str,
    clips: u32,
    chunk_kills: usize,
) -> Result<Counts, String> {
    let state = platform.state();
    let mut indexed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut assets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for task in records(&state, "tasks") {
        if text(&task["index_id"]) == index {
            let name = text(&task["filename"]);
            indexed
                .entry(name)
                .or_default()
                .push(text(&task["asset_id"]));
        }
    }
    for asset in records(&state, "assets") {
        let name = text(&asset["filename"]);
        if name.starts_with("clip-") {
            assets.entry(name).or_default().push(text(&asset["id"]));
        }
    }
    let mut problems = Vec::new();
    for number in 0..clips {
        let name = format!("clip-{number}.mp4");
        let (of_index, of_assets) = (indexed.remove(&name), assets.remove(&name));
        match (of_index.as_deref(), of_assets.as_deref()) {
            (Some([task]), Some([asset])) if task == asset => {}
            (of_index, of_assets) => problems.push(format!(
                "{name}: indexed {} times, {} assets",
                of_index.map_or(0, <[_]>::len),
                of_assets.map_or(0, <[_]>::len)
            )),
        }
    }
    let unknown = indexed.into_keys().chain(assets.into_keys());
    problems.extend(unknown.map(|name| format!("{name}: unknown")));
    let journal = platform.emulator.journal();
    let mut stored: BTreeMap<(String, u32), usize> = BTreeMap::new();
    let mut counts = Counts {
        requests: journal.len(),
        ..Counts::default()
    };
    for entry in &journal {
        counts.refused += usize::from(entry.status == 429);
        if let Some(chunk) = entry.chunk.as_ref().filter(|chunk| chunk.accepted) {
            counts.chunks += 1;
            let number = chunk.chunk_index;
            *stored.entry((chunk.upload_id.clone(), number)).or_default() += 1;
        }
    }
    let doubled: usize = stored.values().map(|times| times - 1).sum();
    if doubled > chunk_kills {
        problems.push(format!(
            "{doubled} chunks were stored twice; {chunk_kills} responses to chunks were lost"
        ));
    }
    if problems.is_empty() {
        return Ok(counts);
    }
    let rest = problems.len().saturating_sub(6);
    problems.truncate(6);
    if rest > 0 {
        problems.push(format!("and {rest} more"));
    }
    Err(problems.join("\n  "))
}

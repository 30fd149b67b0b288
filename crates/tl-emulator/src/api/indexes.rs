//! `/indexes`: create, list, rename and delete indexes, and check their models.

use std::time::Duration;

use jiff::Timestamp;
use tl_model::{
    Addon, CreatedIndex, ErrorCode, Index, IndexModel, ModelFamily, ModelName, ModelOption, Page,
    Value,
};
use tl_protocol::endpoint::{CreateIndex, DeleteIndex, GetIndex, ListIndexes, RenameIndex};

use tl_validate::{RulePack, rules::EngineStatus};

use crate::platform::{
    Effect, Platform, Refusal, api_timestamp,
    handle::handle,
    ids,
    lifecycle::after,
    listing::{self, SortKey},
    records::IndexRecord,
    renditions,
};

handle!(CreateIndex, |call, request| create(
    call.platform,
    call.now,
    request
));
handle!(ListIndexes, |call, request| list(
    call.platform,
    call.now,
    &request
));
handle!(GetIndex, |call, request| retrieve(
    call.platform,
    call.now,
    &request
));
handle!(RenameIndex, |call, request| rename(
    call.platform,
    call.now,
    &request
));
handle!(DeleteIndex, |call, request| delete(
    call.platform,
    &request,
    call.effects
));

/// Models for analysis only, which were never available for indexes (model documentation, October
/// 2026).
const ANALYSIS_ONLY: [ModelName; 2] = [ModelName::Pegasus1_5, ModelName::Pegasus1_6];
/// The options that a model may have.
const OPTIONS: [ModelOption; 2] = [ModelOption::Visual, ModelOption::Audio];

pub(crate) fn create(
    platform: &mut Platform,
    now: Timestamp,
    create: CreateIndex,
) -> Result<CreatedIndex, Refusal> {
    let index = create.index;
    check_name(platform, &index.index_name, None)?;
    check_models(&index.models, &models(&platform.settings.rules))?;
    // `null` means absent: Python clients before 1.0 send it.
    let addons = index.addons.unwrap_or_default();
    check_addons(&addons)?;
    let id = platform.next_id(now);
    let record = IndexRecord {
        id: id.clone(),
        number: platform.ids.counter,
        name: index.index_name,
        models: index.models,
        addons,
        created_at: now,
        updated_at: now,
        expires_at: expiry(platform, now),
    };
    platform.state.indexes.insert(id.clone(), record);
    Ok(CreatedIndex::new(id))
}

/// When an index created now expires, according to the plan.
pub(crate) fn expiry(platform: &Platform, now: Timestamp) -> Option<Timestamp> {
    let days = platform.settings.plan.retention_days?;
    Some(after(now, Duration::from_secs(days * 86_400)))
}

fn check_name(platform: &Platform, name: &str, except: Option<&str>) -> Result<(), Refusal> {
    if name.trim().is_empty() {
        return Err(Refusal::invalid("index_name", "it is empty"));
    }
    let taken = platform
        .state
        .indexes
        .values()
        .any(|index| index.name == name && except != Some(index.id.as_str()));
    if taken {
        return Err(Refusal::bad(
            ErrorCode::IndexNameAlreadyExists,
            format!("The index name {name} already exists. Choose another name."),
        ));
    }
    Ok(())
}

/// The models that a new index may use, preferred model first: those of the active rule pack, then
/// those of the newest one. Old rules can therefore be tried with a new client.
pub(crate) fn models(rules: &RulePack) -> Vec<ModelName> {
    let mut models = models_of(rules);
    for model in models_of(RulePack::current()) {
        if !models.contains(&model) {
            models.push(model);
        }
    }
    models
}

fn models_of(rules: &RulePack) -> Vec<ModelName> {
    let current = rules
        .engines()
        .iter()
        .filter(|engine| engine.status == EngineStatus::Current);
    current
        .map(|engine| ModelName::from(engine.name.as_str()))
        .filter(|model| !ANALYSIS_ONLY.contains(model))
        .collect()
}

/// The newest built-in rule pack that has the model, for error messages.
fn newest_rules_with(model: &ModelName) -> Option<&'static str> {
    let packs = RulePack::all().into_iter();
    let packs = packs.filter_map(|pack| RulePack::named(&pack.name).ok());
    packs
        .filter(|pack| models_of(pack).contains(model))
        .max_by_key(|pack| pack.date())
        .map(RulePack::name)
}

fn check_models(models: &[IndexModel], allowed: &[ModelName]) -> Result<(), Refusal> {
    if models.is_empty() || models.len() > 2 {
        let count = models.len();
        return Err(Refusal::invalid(
            "models",
            &format!("{count} models were given, 1 or 2 are allowed"),
        ));
    }
    for (at, model) in models.iter().enumerate() {
        let name = model
            .model_name
            .as_ref()
            .ok_or_else(|| Refusal::missing("model_name"))?;
        let options = model
            .model_options
            .as_ref()
            .ok_or_else(|| Refusal::missing("model_options"))?;
        if let Some(key) = model.extra.keys().next() {
            return Err(Refusal::unknown(&format!("models.{key}")));
        }
        if !allowed.contains(name) {
            let mut allowed = join(allowed);
            if let Some(rules) = newest_rules_with(name) {
                allowed = format!("{allowed}; the emulator takes it with --rules {rules}");
            }
            return Err(listing::not_one_of("model_name", name.as_str(), &allowed));
        }
        if models[..at]
            .iter()
            .any(|other| other.model_name == model.model_name)
        {
            return Err(Refusal::invalid(
                "models",
                &format!("`{name}` was given more than once"),
            ));
        }
        if options.is_empty() || options.len() > OPTIONS.len() {
            let count = options.len();
            return Err(Refusal::invalid(
                "model_options",
                &format!("{count} options were given, 1 or 2 are allowed"),
            ));
        }
        for (at, option) in options.iter().enumerate() {
            if !OPTIONS.contains(option) {
                return Err(listing::not_one_of(
                    "model_options",
                    option.as_str(),
                    &join(&OPTIONS),
                ));
            }
            if options[..at].contains(option) {
                return Err(Refusal::invalid(
                    "model_options",
                    &format!("`{option}` was given more than once"),
                ));
            }
        }
    }
    Ok(())
}

fn check_addons(addons: &[Addon]) -> Result<(), Refusal> {
    if let Some(other) = addons.iter().find(|addon| **addon != Addon::Thumbnail) {
        return Err(listing::not_one_of("addons", other.as_str(), "thumbnail"));
    }
    if addons.len() > 1 {
        return Err(Refusal::invalid(
            "addons",
            "`thumbnail` was given more than once",
        ));
    }
    Ok(())
}

fn join<T: AsRef<str>>(values: &[T]) -> String {
    values
        .iter()
        .map(AsRef::as_ref)
        .collect::<Vec<_>>()
        .join(", ")
}

pub(crate) fn list(
    platform: &Platform,
    now: Timestamp,
    list: &ListIndexes,
) -> Result<Page<Index>, Refusal> {
    let created = listing::date_filter("created_at", list.created_at.as_ref())?;
    let updated = listing::date_filter("updated_at", list.updated_at.as_ref())?;
    if let Some(family) = list
        .model_family
        .as_ref()
        .filter(|family| !family.is_known())
    {
        return Err(listing::not_one_of(
            "model_family",
            family.as_str(),
            &join(ModelFamily::KNOWN),
        ));
    }
    let options = list.model_options.as_deref().map(|text| text.split(','));
    let options: Vec<ModelOption> = options
        .into_iter()
        .flatten()
        .map(|option| ModelOption::from(option.trim()))
        .collect();
    if let Some(option) = options.iter().find(|option| !OPTIONS.contains(option)) {
        return Err(listing::not_one_of(
            "model_options",
            option.as_str(),
            &join(&OPTIONS),
        ));
    }
    let items = platform.state.indexes.values().filter_map(|index| {
        let sort_key = SortKey {
            created: index.created_at,
            updated: updated_at(platform, index, now),
            number: index.number,
        };
        let passes = list
            .index_name
            .as_ref()
            .is_none_or(|name| *name == index.name)
            && options.iter().all(|option| {
                index
                    .models
                    .iter()
                    .any(|model| model.options().contains(option))
            })
            && list.model_family.as_ref().is_none_or(|family| {
                index.models.iter().any(|model| {
                    model.name().and_then(|name| name.family()).as_ref() == Some(family)
                })
            })
            && created.is_none_or(|from| sort_key.created >= from)
            && updated.is_none_or(|from| sort_key.updated >= from);
        passes.then_some((sort_key, index))
    });
    listing::page(
        items.collect(),
        &list.sort,
        list.page,
        &platform.settings.quirks,
        |index| view(platform, index, now),
    )
}

pub(crate) fn retrieve(
    platform: &Platform,
    now: Timestamp,
    get: &GetIndex,
) -> Result<Index, Refusal> {
    find(platform, get.index_id.as_str()).map(|index| view(platform, index, now))
}

pub(crate) fn rename(
    platform: &mut Platform,
    now: Timestamp,
    rename: &RenameIndex,
) -> Result<(), Refusal> {
    let id = find(platform, rename.index_id.as_str())?.id.clone();
    check_name(platform, &rename.index_name, Some(&id))?;
    if let Some(index) = platform.state.indexes.get_mut(&id) {
        index.name.clone_from(&rename.index_name);
        index.updated_at = now;
    }
    Ok(())
}

/// Deletes the index with its videos and tasks. Whether the platform deletes them is undocumented.
pub(crate) fn delete(
    platform: &mut Platform,
    delete: &DeleteIndex,
    effects: &mut Vec<Effect>,
) -> Result<(), Refusal> {
    let id = find(platform, delete.index_id.as_str())?.id.clone();
    platform.state.indexes.remove(&id);
    let tasks = platform
        .state
        .tasks
        .values()
        .filter(|task| task.index_id == id);
    for task in tasks.map(|task| task.id.clone()).collect::<Vec<_>>() {
        platform.state.tasks.remove(&task);
    }
    let videos = platform
        .state
        .videos
        .values()
        .filter(|video| video.index_id == id);
    for video in videos.map(|video| video.id.clone()).collect::<Vec<_>>() {
        renditions::remove(platform, &video, effects);
        let removed = platform.state.videos.remove(&video);
        effects.extend(removed.and_then(|video| video.media).map(Effect::Discard));
    }
    Ok(())
}

/// Looks up an index.
pub(crate) fn find<'a>(platform: &'a Platform, id: &str) -> Result<&'a IndexRecord, Refusal> {
    ids::check("index-id", id)?;
    platform
        .state
        .indexes
        .get(id)
        .ok_or_else(|| Refusal::not_exist("indexes", id))
}

/// When the index was last changed: its name, or its videos.
fn updated_at(platform: &Platform, index: &IndexRecord, now: Timestamp) -> Timestamp {
    let indexed_at = platform
        .state
        .videos_of(&index.id, now)
        .map(|video| video.indexed_at);
    indexed_at.fold(index.updated_at, Timestamp::max)
}

fn view(platform: &Platform, index: &IndexRecord, now: Timestamp) -> Index {
    let mut view = Index::new(index.id.as_str());
    view.index_name = Some(index.name.clone());
    view.models.clone_from(&index.models);
    view.addons = Some(index.addons.clone());
    view.created_at = Some(api_timestamp(index.created_at));
    view.updated_at = Some(api_timestamp(updated_at(platform, index, now)));
    match index.expires_at {
        Some(time) => view.expires_at = Some(api_timestamp(time)),
        // An index of a paid plan has an explicit null.
        None => _ = view.extra.insert("expires_at".to_owned(), Value::Null),
    }
    let (mut count, mut seconds) = (0.0, 0.0);
    for video in platform.state.videos_of(&index.id, now) {
        count += 1.0;
        seconds += video.measured.duration.unwrap_or(0.0);
    }
    view.video_count = Some(count);
    view.total_duration = Some(seconds);
    view
}

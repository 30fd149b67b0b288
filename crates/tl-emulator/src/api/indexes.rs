//! `/indexes`: create, list, rename and delete indexes, and check their models.

use std::time::Duration;

use jiff::Timestamp;
use tl_model::{
    Addon, CreatedIndex, ErrorCode, Index, IndexModel, ModelFamily, ModelName, ModelOption, Page,
    Value,
};
use tl_protocol::endpoint::{CreateIndex, DeleteIndex, GetIndex, ListIndexes, RenameIndex};

use tl_validate::{RulePack, rules::EngineStatus};

use super::{
    handle::handle,
    listing::{self, SortKey},
};
use crate::{
    core::{
        Env, Refusal, State, effect::Effect, lifecycle::after, records::IndexRecord,
        time::api_timestamp,
    },
    media::renditions,
};

handle!(CreateIndex, |state, env, request| create(
    state, env, request
));
handle!(ListIndexes, |state, env, request| list(
    state, env, &request
));
handle!(GetIndex, |state, env, request| retrieve(
    state, env, &request
));
handle!(RenameIndex, |state, env, request| rename(
    state, env, &request
));
handle!(DeleteIndex, |state, env, request| delete(
    state, env, &request
));

/// Models for analysis only, which were never available for indexes (model documentation, October
/// 2026).
const ANALYSIS_ONLY: [ModelName; 2] = [ModelName::Pegasus1_5, ModelName::Pegasus1_6];
/// The options that a model may have.
const OPTIONS: [ModelOption; 2] = [ModelOption::Visual, ModelOption::Audio];

pub(crate) fn create(
    state: &mut State,
    env: &Env<'_>,
    create: CreateIndex,
) -> Result<CreatedIndex, Refusal> {
    let index = create.index;
    check_name(state, &index.index_name, None)?;
    check_models(&index.models, &models(&env.settings.rules))?;
    // `null` means absent: Python clients before 1.0 send it.
    let addons = index.addons.unwrap_or_default();
    check_addons(&addons)?;
    let id = env.next_id(state);
    let record = IndexRecord {
        id: id.clone(),
        number: state.last_number(),
        name: index.index_name,
        models: index.models,
        addons,
        created_at: env.now,
        updated_at: env.now,
        expires_at: expiry(env),
    };
    state.indexes.insert(id.clone(), record);
    Ok(CreatedIndex::new(id))
}

/// When an index created now expires, according to the plan.
pub(crate) fn expiry(env: &Env<'_>) -> Option<Timestamp> {
    let days = env.settings.plan.retention_days?;
    Some(after(env.now, Duration::from_secs(days * 86_400)))
}

fn check_name(state: &State, name: &str, except: Option<&str>) -> Result<(), Refusal> {
    if name.trim().is_empty() {
        return Err(Refusal::invalid("index_name", "it is empty"));
    }
    let taken = state
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
    state: &State,
    env: &Env<'_>,
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
    let items = state.indexes.values().filter_map(|index| {
        let sort_key = SortKey {
            created: index.created_at,
            updated: updated_at(state, env, index),
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
        &env.settings.quirks,
        |index| view(state, env, index),
    )
}

pub(crate) fn retrieve(state: &State, env: &Env<'_>, get: &GetIndex) -> Result<Index, Refusal> {
    state
        .index(get.index_id.as_str())
        .map(|index| view(state, env, index))
}

pub(crate) fn rename(
    state: &mut State,
    env: &Env<'_>,
    rename: &RenameIndex,
) -> Result<(), Refusal> {
    let id = state.index(rename.index_id.as_str())?.id.clone();
    check_name(state, &rename.index_name, Some(&id))?;
    if let Some(index) = state.indexes.get_mut(&id) {
        index.name.clone_from(&rename.index_name);
        index.updated_at = env.now;
    }
    Ok(())
}

/// Deletes the index with its videos and tasks. Whether the platform deletes them is undocumented.
pub(crate) fn delete(
    state: &mut State,
    env: &mut Env<'_>,
    delete: &DeleteIndex,
) -> Result<(), Refusal> {
    let id = state.index(delete.index_id.as_str())?.id.clone();
    state.indexes.remove(&id);
    let tasks = state.tasks.values().filter(|task| task.index_id == id);
    for task in tasks.map(|task| task.id.clone()).collect::<Vec<_>>() {
        state.tasks.remove(&task);
    }
    let videos = state.videos.values().filter(|video| video.index_id == id);
    for video in videos.map(|video| video.id.clone()).collect::<Vec<_>>() {
        renditions::remove(state, env, &video);
        let removed = state.videos.remove(&video);
        env.effects
            .extend(removed.and_then(|video| video.media).map(Effect::Discard));
    }
    Ok(())
}

/// When the index was last changed: its name, or its videos.
fn updated_at(state: &State, env: &Env<'_>, index: &IndexRecord) -> Timestamp {
    let indexed_at = state
        .videos_of(&index.id, env.now)
        .map(|video| video.indexed_at);
    indexed_at.fold(index.updated_at, Timestamp::max)
}

fn view(state: &State, env: &Env<'_>, index: &IndexRecord) -> Index {
    let mut view = Index::new(index.id.as_str());
    view.index_name = Some(index.name.clone());
    view.models.clone_from(&index.models);
    view.addons = Some(index.addons.clone());
    view.created_at = Some(api_timestamp(index.created_at));
    view.updated_at = Some(api_timestamp(updated_at(state, env, index)));
    match index.expires_at {
        Some(time) => view.expires_at = Some(api_timestamp(time)),
        // An index of a paid plan has an explicit null.
        None => _ = view.extra.insert("expires_at".to_owned(), Value::Null),
    }
    let (mut count, mut seconds) = (0.0, 0.0);
    for video in state.videos_of(&index.id, env.now) {
        count += 1.0;
        seconds += video.measured.duration.unwrap_or(0.0);
    }
    view.video_count = Some(count);
    view.total_duration = Some(seconds);
    view
}

//! Resources that are referred to by id or by name: entity collections, knowledge stores, and
//! collections of their items.

use tl_client::Client;
use tl_model::{
    EntityCollection, EntityCollectionId, ItemCollection, ItemCollectionId, KnowledgeStore,
    KnowledgeStoreId, StoreItemId,
};
use tl_protocol::endpoint::{
    ListEntityCollections, ListItemCollections, ListKnowledgeStores, PageRequest,
};
use tl_protocol::flow::Paged;

use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Returns the id of the entity collection with this id or name.
///
/// # Errors
/// If no collection or more than one has the name, and errors of the platform.
pub(crate) async fn entity_collection(
    client: &Client,
    text: &str,
) -> Result<EntityCollectionId, Failure> {
    if text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.into());
    }
    let list = ListEntityCollections::default()
        .page(largest())
        .name(text.to_owned());
    let noun = Noun {
        singular: "entity collection",
        plural: "entity collections",
        command: "tl entity collection list",
    };
    let of = |found: &EntityCollection| (found.id.to_string(), found.name.clone());
    resolve(client, list, &noun, text, of).await.map(Into::into)
}

/// Returns the id of the knowledge store with this id or name.
///
/// # Errors
/// As [`entity_collection`].
pub(crate) async fn store(client: &Client, text: &str) -> Result<KnowledgeStoreId, Failure> {
    if is_prefixed(text, "ks_") {
        return Ok(text.into());
    }
    check_kind(text, "a knowledge store")?;
    let noun = Noun {
        singular: "knowledge store",
        plural: "knowledge stores",
        command: "tl store list",
    };
    let list = ListKnowledgeStores::default().page(largest());
    let of = |found: &KnowledgeStore| (found.id.to_string(), found.name.clone());
    resolve(client, list, &noun, text, of).await.map(Into::into)
}

/// Returns the id of the item collection of a store with this id or name.
///
/// # Errors
/// As [`entity_collection`].
pub(crate) async fn item_collection(
    client: &Client,
    store: &KnowledgeStoreId,
    text: &str,
) -> Result<ItemCollectionId, Failure> {
    if is_prefixed(text, "ksic_") {
        return Ok(text.into());
    }
    check_kind(text, "an item collection")?;
    let noun = Noun {
        singular: "item collection",
        plural: "item collections",
        command: "tl store collection list STORE",
    };
    let list = ListItemCollections::new(store.clone()).page(largest());
    let of = |found: &ItemCollection| (found.id.to_string(), found.name.clone());
    resolve(client, list, &noun, text, of).await.map(Into::into)
}

/// The prefixes of ids, with what they identify (official Python client 1.3.6).
const PREFIXES: [(&str, &str); 5] = [
    ("ks_", "a knowledge store"),
    ("ksi_", "an item of a knowledge store"),
    ("ksic_", "an item collection"),
    ("resp_", "a response"),
    ("sess_", "a session"),
];

/// Refuses the id of something else, which no request could find.
fn check_kind(text: &str, expected: &str) -> Result<(), Failure> {
    let found = PREFIXES
        .iter()
        .find(|(prefix, _)| is_prefixed(text, prefix));
    match found {
        Some((_, noun)) if *noun != expected => Err(Failure::usage(format!(
            "`{text}` is the id of {noun}, not of {expected}"
        ))
        .hint(format!("pass the id of {expected}"))),
        _ => Ok(()),
    }
}

/// Refuses what is the id of something else than an item of a knowledge store.
///
/// # Errors
/// What it identifies.
pub(crate) fn check_item(id: &StoreItemId) -> Result<(), Failure> {
    check_kind(id.as_str(), "an item of a knowledge store")
}

/// Whether a text is an id with this prefix, such as `ks_` and a UUID.
fn is_prefixed(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 36)
}

fn largest() -> PageRequest {
    PageRequest::default().with_page(1).with_page_limit(50)
}

struct Noun {
    singular: &'static str,
    plural: &'static str,
    /// Lists the resources.
    command: &'static str,
}

/// The id of the only item of the list with this name.
async fn resolve<E: Paged>(
    client: &Client,
    list: E,
    noun: &Noun,
    name: &str,
    of: impl Fn(&E::Item) -> (String, Option<String>),
) -> Result<String, Failure> {
    let mut pages = client.pages(list);
    let mut ids = Vec::new();
    while let Some(page) = pages.next_page().await {
        let named = page?.data.iter().map(&of).collect::<Vec<_>>();
        let named = named
            .into_iter()
            .filter(|(_, found)| found.as_deref() == Some(name));
        ids.extend(named.map(|(id, _)| id));
    }
    match &ids[..] {
        [only] => Ok(only.clone()),
        [] => Err(Failure::new(
            Exit::Refused,
            "not_found",
            format!("no {} with the name or id `{name}`", noun.singular),
        )
        .hint(format!(
            "`{}` shows what this API key can access",
            noun.command
        ))),
        several => Err(Failure::usage(format!(
            "{} {} are named `{name}`: {}",
            several.len(),
            noun.plural,
            several.join(", ")
        ))
        .hint("pass the id")),
    }
}

//! `/responses`: answers about the content of a knowledge store. Nothing is understood: an answer
//! lists the clips that a search finds, with what sidecars say about them.

mod answer;
mod events;

use tl_model::{ChatInclude, ChatResponse, ChatSelection, ChatSelectionKind, NewChatResponse};
use tl_protocol::endpoint::CreateChatResponse;

use super::handle::handle;
use crate::core::{Env, Refusal, State, ids, records::ChatSessionRecord};

handle!(CreateChatResponse, |state, env, request| create(
    state,
    env,
    &request.response
));

fn create(
    state: &mut State,
    env: &mut Env<'_>,
    request: &NewChatResponse,
) -> Result<ChatResponse, Refusal> {
    let store = request.knowledge_store_id.as_str();
    state.knowledge_store(store)?;
    for selection in &request.selections {
        check_selection(state, store, selection)?;
    }
    let session = session(state, env, store, request)?;
    let answer = answer::answer(state, env, store, &session, request)?;
    env.answer = Some(answer.source);
    let number = env.next_uuid(state);
    let message_id = format!("msg_{}_{}", session.id, session.turns);
    let parts = answer::Parts {
        response_id: format!("resp_{number}"),
        message_id,
        call_id: number,
        with_steps: request.include.contains(&ChatInclude::IntermediateOutputs),
    };
    let response = answer.response(&parts, store, &session.id, env.now);
    let mut session = session;
    session.turns += 1;
    state.chat_sessions.insert(session.id.clone(), session);
    if request.stream == Some(true) {
        env.stream(events::stream(&response, env.settings.seed)?);
    }
    Ok(response)
}

/// The conversation of the request, with its selections. It is stored once the answer is made.
fn session(
    state: &mut State,
    env: &Env<'_>,
    store: &str,
    request: &NewChatResponse,
) -> Result<ChatSessionRecord, Refusal> {
    let mut session = match &request.session_id {
        None => ChatSessionRecord {
            id: format!("sess_{}", env.next_uuid(state)),
            store_id: store.to_owned(),
            turns: 0,
            selections: Vec::new(),
            created_at: env.now,
        },
        Some(id) => {
            ids::check_prefixed("session_id", "sess_", id.as_str())?;
            let known = state.chat_sessions.get(id.as_str()).cloned();
            // Documented: 400 if the session belongs to another store.
            known
                .filter(|session| session.store_id == store)
                .ok_or_else(|| {
                    Refusal::invalid(
                        "session_id",
                        &format!("the knowledge store {store} has no session {id}"),
                    )
                })?
        }
    };
    for selection in &request.selections {
        if !session.selections.contains(selection) {
            session.selections.push(selection.clone());
        }
    }
    Ok(session)
}

fn check_selection(state: &State, store: &str, selection: &ChatSelection) -> Result<(), Refusal> {
    let id = selection.id.as_str();
    let is_known = match selection.kind {
        ChatSelectionKind::Collection => {
            ids::check_prefixed("selections.id", "ksic_", id)?;
            state.item_collection(store, id).is_ok()
        }
        _ => {
            ids::check_prefixed("selections.id", "ksi_", id)?;
            state.store_item(store, id).is_ok()
        }
    };
    if is_known {
        return Ok(());
    }
    let detail = format!("the knowledge store has no {} {id}", selection.kind);
    Err(Refusal::invalid("selections", &detail))
}

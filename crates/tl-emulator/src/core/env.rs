//! What a handler may use besides the state.

use jiff::Timestamp;

use super::{
    answers::AnswerSource,
    effect::Effect,
    faults::TaskFault,
    ids::Ids,
    quirks::Quirk,
    settings::Settings,
    state::State,
    stream::{EventStream, Pieces, StreamFault},
};

/// The environment of one request or event: the time, the settings with limits and quirks, new
/// identifiers, the fault to inject, and the queue of side effects.
#[derive(Debug)]
pub(crate) struct Env<'a> {
    /// The time of the request.
    pub(crate) now: Timestamp,
    /// The authority by which the client reached the emulator; URLs in responses use it.
    pub(crate) host: &'a str,
    /// The settings: plan, rules, quirks and schedule.
    pub(crate) settings: &'a Settings,
    /// The fault for the next task or asset that is created.
    pub(crate) task_fault: Option<TaskFault>,
    /// Side effects for the server to execute.
    pub(crate) effects: Vec<Effect>,
    /// The source of the answer, if the response contains the output of a model.
    pub(crate) answer: Option<AnswerSource>,
    /// Faults of a streamed response.
    pub(crate) stream_fault: StreamFault,
    /// The streamed response, if the handler asked for one.
    pub(crate) pieces: Option<Pieces>,
    /// The media type of the streamed response.
    pub(crate) stream_type: &'static str,
    ids: Ids,
}

impl<'a> Env<'a> {
    /// The environment of an event that is not a request of a client.
    pub(crate) fn new(settings: &'a Settings, now: Timestamp) -> Self {
        Self {
            now,
            host: "127.0.0.1",
            settings,
            task_fault: None,
            effects: Vec::new(),
            answer: None,
            stream_fault: StreamFault::default(),
            pieces: None,
            stream_type: "",
            ids: Ids::new(settings.seed),
        }
    }

    /// The value of a quirk.
    pub(crate) fn quirk(&self, quirk: &Quirk) -> &'static str {
        self.settings.quirks.get(quirk)
    }

    /// Sends these events instead of the response that the handler returns.
    pub(crate) fn stream(&mut self, events: EventStream) {
        self.stream_type = events.content_type;
        self.pieces = Some(events.pieces(self.stream_fault));
    }

    /// Returns a new identifier. The counter is part of the state.
    pub(crate) fn next_id(&self, state: &mut State) -> String {
        self.next_id_at(state, self.now)
    }

    /// Returns a new UUID. It uses the same counter.
    pub(crate) fn next_uuid(&self, state: &mut State) -> String {
        let number = state.last_number() + 1;
        state.set_last_number(number);
        self.ids.uuid(self.now, number)
    }

    /// Returns a new identifier of the time `at`.
    pub(crate) fn next_id_at(&self, state: &mut State, at: Timestamp) -> String {
        let number = state.last_number() + 1;
        state.set_last_number(number);
        self.ids.id(at, number)
    }
}

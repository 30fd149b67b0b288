//! One answer: shown while it arrives on a terminal; in a pipe only if it is complete.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::PathBuf;

use tl_model::{
    ChatCitation, ChatEvent, ChatEventType, ChatOutput, ChatOutputType, ChatPhase, ChatResponse,
    ChatSessionId, ChatStatus,
};

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::ui::escape::{plain, plain_line};
use crate::ui::progress::Progress;

/// An answer that is being received.
pub(super) struct Answer<'c> {
    context: &'c Context,
    progress: &'c Progress,
    /// Whether the text is printed while it arrives.
    streams: bool,
    session: Option<ChatSessionId>,
    /// The positions of output items that are not part of the answer.
    intermediate: BTreeSet<u64>,
    /// The text so far.
    text: String,
    /// The whole response, once it is complete.
    response: Option<ChatResponse>,
}

impl<'c> Answer<'c> {
    pub(super) fn new(
        context: &'c Context,
        progress: &'c Progress,
        session: Option<ChatSessionId>,
    ) -> Self {
        let output = &context.output;
        Self {
            context,
            progress,
            streams: std::io::stdout().is_terminal() && !output.is_json(),
            session,
            intermediate: BTreeSet::new(),
            text: String::new(),
            response: None,
        }
    }

    /// Handles one event of the stream.
    pub(super) fn event(&mut self, event: ChatEvent) {
        match event.event_type {
            ChatEventType::Keepalive => self.progress.show("working"),
            ChatEventType::OutputItemAdded => {
                if let (Some(at), Some(item)) = (event.output_index, &event.item)
                    && !item.is_answer()
                {
                    self.intermediate.insert(at);
                }
            }
            ChatEventType::OutputItemDone => self.step(event.item.as_ref()),
            ChatEventType::TextDelta => {
                let is_answer = event
                    .output_index
                    .is_none_or(|at| !self.intermediate.contains(&at));
                if let Some(delta) = event.delta.filter(|_| is_answer) {
                    if self.streams {
                        self.context.output.piece(&shown(&delta));
                    }
                    self.text.push_str(&delta);
                }
            }
            ChatEventType::Completed | ChatEventType::Incomplete => self.response = event.response,
            _ => {
                if let Some(session) = event.response.and_then(|response| response.session_id) {
                    self.session = Some(session);
                }
            }
        }
    }

    /// Shows a step that led to the answer.
    fn step(&self, item: Option<&ChatOutput>) {
        let Some(item) = item else { return };
        let name = item.name.as_deref().unwrap_or("function");
        match item.output_type {
            Some(ChatOutputType::FunctionCall) => {
                let arguments = item.arguments.as_deref().unwrap_or_default();
                self.context.output.note(&format!("{name}: {arguments}"));
            }
            Some(ChatOutputType::Message) if item.phase == Some(ChatPhase::Commentary) => {
                let texts = item.content.iter().filter_map(|part| part.text.as_deref());
                self.context.output.note(&texts.collect::<String>());
            }
            _ => {}
        }
    }

    /// The error of an answer that was cut off, with what arrived of it.
    pub(super) fn failed(&self, failure: Failure) -> Failure {
        let mut details = Vec::new();
        if self.streams && !self.text.is_empty() {
            self.context.output.piece("\n");
        } else if !self.text.is_empty() {
            details.push(match self.save() {
                Ok(path) => format!("the text so far was saved as {}", path_name(&path)),
                Err(error) => format!("the text so far could not be saved: {error}"),
            });
        }
        let failure = failure.with_details(details);
        match &self.session {
            Some(session) if !self.text.is_empty() => failure.hint(format!(
                "the answer is lost, the conversation is not: ask again with --session {session}"
            )),
            _ => failure,
        }
    }

    /// Saves the text so far in the folder for temporary files.
    fn save(&self) -> std::io::Result<PathBuf> {
        let name = format!("tl-ask-{}.txt", std::process::id());
        let path = std::env::temp_dir().join(name);
        // A link that another user put there must not be followed.
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        std::io::Write::write_all(&mut file, self.text.as_bytes())?;
        Ok(path)
    }

    /// Prints the answer, if it was not streamed, and its citations. Returns the conversation.
    pub(super) fn finish(mut self) -> Result<Option<ChatSessionId>, Failure> {
        let Some(response) = self.response.take() else {
            return Err(self.failed(Failure::new(
                Exit::Temporary,
                "malformed",
                "the answer ended without a response",
            )));
        };
        if let Some(session) = &response.session_id {
            self.session = Some(session.clone());
        }
        if response.status == Some(ChatStatus::Incomplete) {
            let reason = response.incomplete_details.as_ref();
            let reason = reason.and_then(|details| details.reason.as_deref());
            let message = format!(
                "the answer was cut off: {}",
                reason.unwrap_or("no reason is given")
            );
            let failure = Failure::new(Exit::Refused, "truncated", plain_line(&message))
                .hint("ask for a shorter answer");
            return Err(self.failed(failure));
        }
        let output = &self.context.output;
        output.json(&response);
        if self.streams {
            output.piece("\n");
        } else {
            output.line(&plain(&response.text()));
        }
        if !output.is_quiet() {
            for (text, citation) in response.citations() {
                output.line(&link(text, citation));
            }
            if let Some(session) = &self.session {
                output.note(&format!("continue with --session {session}"));
            }
        }
        Ok(self.session)
    }
}

/// A piece of an answer without control characters, except for line breaks.
fn shown(piece: &str) -> String {
    piece
        .split('\n')
        .map(plain_line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A citation as a numbered link: `[1] match.mp4 12.4-16.4 s ksi_…`.
fn link(text: &str, citation: &ChatCitation) -> String {
    let marker = citation.range_in(text).map_or("[?]", |range| &text[range]);
    let mut line = plain_line(marker);
    let mut add = |part: &str| {
        line.push(' ');
        line.push_str(&plain_line(part));
    };
    if let Some(title) = &citation.title {
        add(title);
    }
    if let (Some(start), Some(end)) = (citation.start_sec, citation.end_sec) {
        add(&format!("{start:.1}-{end:.1} s"));
    }
    let id = citation.item_id.as_ref().map(AsRef::as_ref);
    if let Some(id) = id.or(citation.collection_id.as_ref().map(AsRef::as_ref)) {
        add(id);
    }
    if let Some(url) = citation
        .hls_url
        .as_ref()
        .or(citation.thumbnail_url.as_ref())
    {
        add(url);
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn links_have_the_marker_of_the_text() {
        let citation: ChatCitation = serde_json::from_value(json!({
            "start_index": 4, "end_index": 6, "item_id": "ksi_a", "title": "a\u{1b}[2J.mp4",
            "start_sec": 12.44, "end_sec": 16, "hls_url": "https://example.com/a.m3u8",
        }))
        .unwrap();
        let line = "[1] a\\u{1b}[2J.mp4 12.4-16.0 s ksi_a https://example.com/a.m3u8";
        assert_eq!(link("Zoë [1]", &citation), line);
        assert!(link("Z", &citation).starts_with("[?] "));
    }

    #[test]
    fn pieces_keep_line_breaks_only() {
        assert_eq!(shown("a\n\u{1b}b\n"), "a\n\\u{1b}b\n");
    }
}

//! multipart/form-data with a length that is known before the first byte is read, so that a file is
//! streamed with `Content-Length`. Text parts come first and files last, as in the platform's own
//! clients.

use std::sync::Arc;

use bytes::Bytes;

use crate::{Body, Source, rng::Rng};

/// A form. Parts are sent in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub struct Form {
    texts: Vec<(String, String)>,
    files: Vec<(String, Arc<dyn Source>)>,
}

impl Form {
    /// An empty form.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text part.
    #[must_use]
    pub fn text(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.texts.push((name.into(), value.into()));
        self
    }

    /// Adds a text part if there is a value.
    #[must_use]
    pub fn text_if(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.text(name, value.to_string()),
            None => self,
        }
    }

    /// Adds a file part.
    #[must_use]
    pub fn file(mut self, name: impl Into<String>, source: Arc<dyn Source>) -> Self {
        self.files.push((name.into(), source));
        self
    }

    /// Returns the body and its `Content-Type`. The 128-bit boundary is derived from `seed`.
    #[must_use]
    pub fn encode(&self, seed: u64) -> (String, Body) {
        let mut rng = Rng::new(seed);
        let boundary = format!("tl-{:016x}{:016x}", rng.bits(), rng.bits());
        let mut pieces = Vec::new();
        let mut text = String::new();
        for (name, value) in &self.texts {
            text.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{value}\r\n",
                escaped(name)
            ));
        }
        for (name, source) in &self.files {
            text.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
                escaped(name),
                escaped(source.name()),
                media_type(source.name())
            ));
            pieces.push(Body::from(Bytes::from(std::mem::take(&mut text))));
            pieces.push(Body::from_source(Arc::clone(source)));
            text.push_str("\r\n");
        }
        text.push_str(&format!("--{boundary}--\r\n"));
        pieces.push(Body::from(Bytes::from(text)));
        (
            format!("multipart/form-data; boundary={boundary}"),
            Body::concat(pieces),
        )
    }
}

/// Escapes a name as it is sent, and as the platform stores it. The HTML standard
/// ("multipart/form-data") escapes quotation marks and line breaks. The backslash is escaped too,
/// because parsers disagree on whether it is an escape character.
#[must_use]
pub fn escaped(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\\', "%5C")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Guesses the media type from a file name (IANA names if registered). The platform inspects the
/// bytes itself.
#[must_use]
pub fn media_type(name: &str) -> &'static str {
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref().unwrap_or_default() {
        "mp4" | "m4v" => "video/mp4",
        "mov" | "qt" => "video/quicktime",
        "mkv" => "video/x-matroska",
        "webm" => "video/webm",
        "avi" => "video/x-msvideo",
        "ts" | "mts" | "m2ts" => "video/mp2t",
        "mpg" | "mpeg" => "video/mpeg",
        "flv" => "video/x-flv",
        "wmv" => "video/x-ms-wmv",
        "3gp" => "video/3gpp",
        "ogv" => "video/ogg",
        "mxf" => "application/mxf",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "m4a" => "audio/mp4",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use futures_util::{FutureExt, stream};
    use proptest::prelude::*;

    use super::*;
    use crate::BytesSource;

    type Part = (String, Option<String>, Option<String>, Vec<u8>);

    /// Parses the encoded form with a third-party parser.
    fn parsed(form: &Form, seed: u64) -> Vec<Part> {
        let (content_type, body) = form.encode(seed);
        let mut bytes = Vec::new();
        body.reader().read_to_end(&mut bytes).unwrap();
        assert_eq!(
            bytes.len() as u64,
            body.len(),
            "the announced length is the true one"
        );
        let boundary = multer::parse_boundary(&content_type).unwrap();
        let chunks = stream::iter(
            bytes
                .chunks(7)
                .map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)))
                .collect::<Vec<_>>(),
        );
        let mut multipart = multer::Multipart::new(chunks, boundary);
        async move {
            let mut parts = Vec::new();
            while let Some(field) = multipart.next_field().await.unwrap() {
                parts.push((
                    field.name().unwrap_or_default().to_owned(),
                    field.file_name().map(str::to_owned),
                    field.content_type().map(ToString::to_string),
                    field.bytes().await.unwrap().to_vec(),
                ));
            }
            parts
        }
        .now_or_never()
        .expect("a stream in memory is always ready")
    }

    #[test]
    fn texts_are_first_and_files_are_last() {
        let form = Form::new()
            .file(
                "video_file",
                Arc::new(BytesSource::new("match.mp4", &b"media"[..])),
            )
            .text("index_id", "6298d673f1090f1100476d4c")
            .text_if("enable_video_stream", Some(true))
            .text_if("user_metadata", None::<String>);
        assert_eq!(
            parsed(&form, 1),
            [
                (
                    "index_id".into(),
                    None,
                    None,
                    b"6298d673f1090f1100476d4c".to_vec()
                ),
                ("enable_video_stream".into(), None, None, b"true".to_vec()),
                (
                    "video_file".into(),
                    Some("match.mp4".into()),
                    Some("video/mp4".into()),
                    b"media".to_vec()
                ),
            ]
        );
    }

    #[test]
    fn empty_form() {
        assert!(parsed(&Form::new(), 1).is_empty());
    }

    proptest! {
        #[test]
        fn third_party_parser_round_trip(
            texts in prop::collection::vec(("[a-z_]{1,12}", "\\PC{0,40}"), 0..5),
            files in prop::collection::vec(("[a-z_]{1,12}", "[ -~äöü日\"\r\n]{1,20}", prop::collection::vec(any::<u8>(), 0..200)), 0..3),
            seed: u64,
        ) {
            let mut form = Form::new();
            for (name, value) in &texts { form = form.text(name, value); }
            for (name, file, bytes) in &files {
                form = form.file(name, Arc::new(BytesSource::new(file.clone(), bytes.clone())));
            }
            let parts = parsed(&form, seed);
            prop_assert_eq!(parts.len(), texts.len() + files.len());
            for ((name, value), part) in texts.iter().zip(&parts) {
                prop_assert_eq!((name, value.as_bytes()), (&part.0, &part.3[..]));
            }
            for ((name, _, bytes), part) in files.iter().zip(&parts[texts.len()..]) {
                prop_assert_eq!((name, bytes), (&part.0, &part.3));
                prop_assert!(part.1.is_some(), "a file part has a file name");
            }
        }
    }
}

//! Analyses with the async client.

use serde::de::DeserializeOwned;
use tl_http_async::AsyncStream;
use tl_model::{AnalyzeVideo, CreatedAnalyzeTask};
use tl_protocol::{
    endpoint::{CreateAnalyzeTask, StreamAnalysis},
    flow::Events,
    pegasus::Usage,
};

use crate::{
    Client, Error,
    analysis::{self, Answer, AnswerReader, PartialAnswer, Settings, analysis_settings},
};

impl Client {
    /// Analyzes a video: text, structured data, or, as a task, segments.
    ///
    /// ```no_run
    /// # async fn example(client: tl_client::Client) -> Result<(), tl_client::Error> {
    /// use tl_client::model::AssetId;
    ///
    /// let video = AssetId::from("6298d673f1090f1100476d4c");
    /// let mut stream = client.analyze(video).prompt("What happens?").stream()?;
    /// while let Some(text) = stream.next().await {
    ///     print!("{}", text?);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn analyze(&self, video: impl Into<AnalyzeVideo>) -> Analyze {
        let mut settings = Settings::default();
        settings.request.video = Some(video.into());
        Analyze {
            client: self.clone(),
            settings,
            key: None,
        }
    }

    /// Analyzes images with Pegasus 1.6: see [`image_file`](crate::analysis::image_file).
    pub fn analyze_images(
        &self,
        images: impl IntoIterator<Item = tl_model::AnalyzeImage>,
    ) -> Analyze {
        let mut settings = Settings::default();
        settings.request.model_name = Some(tl_model::AnalyzeModel::Pegasus1_6);
        settings.request.image = images.into_iter().collect();
        Analyze {
            client: self.clone(),
            settings,
            key: None,
        }
    }
}

/// An analysis that was not sent yet.
#[derive(Debug)]
#[must_use = "nothing is sent until it is run"]
pub struct Analyze {
    client: Client,
    settings: Settings,
    key: Option<String>,
}

impl Analyze {
    analysis_settings!();

    /// Streams the text of the answer while it is written.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest), with the reason; nothing was
    /// sent. Errors of the request are items of the stream.
    pub fn stream(self) -> Result<AnswerStream, Error> {
        let request = self.settings.checked(Usage::Response)?;
        let events = self.client.stream(&StreamAnalysis::new(request));
        Ok(AnswerStream {
            events,
            reader: AnswerReader::default(),
        })
    }

    /// Returns the whole answer.
    ///
    /// # Errors
    /// Those of [`stream`](Self::stream) and of requests. If the answer was cut off or truncated,
    /// the error has the text so far: see [`Error::partial`].
    pub async fn text(self) -> Result<Answer, Error> {
        let mut stream = self.stream()?;
        while let Some(text) = stream.next().await {
            text?;
        }
        stream.answer()
    }

    /// Returns the answer as a value of the type `T`. It must conform to the schema that was set.
    ///
    /// # Errors
    /// Those of [`text`](Self::text), and
    /// [`ErrorKind::Malformed`](crate::ErrorKind::Malformed) with the text if it is not JSON, does
    /// not conform to the schema, or is no `T`. It is never repaired.
    pub async fn value<T: DeserializeOwned>(self) -> Result<T, Error> {
        let schema = self.schema_asked();
        analysis::value(&self.text().await?, schema.as_ref())
    }

    /// Starts the analysis as a task. Wait for it with
    /// [`GetAnalyzeTask`](tl_protocol::endpoint::GetAnalyzeTask), also in another process.
    ///
    /// # Errors
    /// Those of [`stream`](Self::stream) and of requests.
    pub async fn create_task(self) -> Result<CreatedAnalyzeTask, Error> {
        let mut create = CreateAnalyzeTask::new(self.settings.checked(Usage::Task)?);
        create.idempotency_key = self.key;
        self.client.analyze_tasks().create(create).await
    }
}

/// The text of an answer while it is written.
#[derive(Debug)]
pub struct AnswerStream {
    events: AsyncStream<Events<StreamAnalysis, Error>>,
    reader: AnswerReader,
}

impl AnswerStream {
    /// Returns the next piece of text, or the error that ended the stream, with the text so far.
    /// `None` at its end: [`answer`](Self::answer) then tells whether the answer is whole.
    ///
    /// Cancel safe: nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Result<String, Error>> {
        loop {
            match self.events.next().await? {
                Ok(event) => {
                    if let Some(text) = self.reader.event(event) {
                        return Some(Ok(text));
                    }
                }
                Err(error) => return Some(Err(self.reader.failed(error))),
            }
        }
    }

    /// What was received so far.
    #[must_use]
    pub fn so_far(&self) -> &PartialAnswer {
        self.reader.partial()
    }

    /// The whole answer, after [`next`](Self::next) has returned `None`.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`](crate::ErrorKind::Truncated) if the maximum length was reached.
    pub fn answer(self) -> Result<Answer, Error> {
        self.reader.finish()
    }
}

//! One video: check, create, wait. What both colours share lives here; each colour adds how it waits for a file to be read.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use tl_model::{IndexId, UserMetadata};
use tl_protocol::{
    Observer, Source,
    endpoint::{CreateTask, Media},
    flow::{IngestedTask, WaitPolicy},
};
use url::Url;

use crate::{Error, ErrorKind, Event, FileSource};

/// Where a video comes from.
#[derive(Debug, Clone)]
pub enum Input {
    /// A file on this machine.
    File(PathBuf),
    /// A direct link to the raw file; the platform fetches it.
    Url(Url),
    /// Bytes of any other origin. They are sent unchecked: only a file can be checked.
    Source(Arc<dyn Source>),
}

impl Input {
    /// Reads what a person writes: an `http://` or `https://` address is a URL, everything else a path.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for a text with another scheme, such as `ftp://` or `s3://`, and for a URL without host.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let Some((scheme, _)) = text.split_once("://").filter(|(scheme, _)| {
            !scheme.is_empty()
                && scheme
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        }) else {
            return Ok(Self::File(text.into()));
        };
        if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "the platform cannot fetch `{scheme}://` addresses: give an https link to the raw file, for example a presigned URL"
                ),
            ));
        }
        let url = Url::parse(text).map_err(|error| {
            Error::new(
                ErrorKind::Configuration,
                "the URL of the video cannot be used",
            )
            .because(error)
        })?;
        Ok(Self::Url(url))
    }
}

impl From<&str> for Input {
    /// A path; use [`Input::parse`] or [`Url`] for a link.
    fn from(path: &str) -> Self {
        Self::File(path.into())
    }
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&std::path::Path> for Input {
    fn from(path: &std::path::Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<Url> for Input {
    fn from(url: Url) -> Self {
        Self::Url(url)
    }
}

impl From<Arc<dyn Source>> for Input {
    fn from(source: Arc<dyn Source>) -> Self {
        Self::Source(source)
    }
}

/// A video that the platform has taken, and how it went.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ingested {
    /// What the platform made of it: task, video, statuses and times.
    pub task: IngestedTask,
    /// What the local check said; `None` where nothing was checked.
    #[cfg(feature = "validate")]
    pub report: Option<tl_validate::Report>,
    /// The time that the local check took.
    pub checking: Duration,
}

type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// What is asked of one ingestion.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) input: Input,
    pub(crate) index_id: IndexId,
    pub(crate) user_metadata: Option<UserMetadata>,
    pub(crate) enable_video_stream: Option<bool>,
    pub(crate) wait: Option<WaitPolicy>,
    #[cfg_attr(
        not(feature = "validate"),
        expect(dead_code, reason = "nothing is checked without `validate`")
    )]
    pub(crate) unchecked: bool,
    pub(crate) listener: Option<Listener>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("input", &self.input)
            .field("index_id", &self.index_id)
            .finish_non_exhaustive()
    }
}

/// A request that has passed the check and may be sent.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) create: CreateTask,
    #[cfg(feature = "validate")]
    pub(crate) report: Option<tl_validate::Report>,
}

impl Request {
    pub(crate) fn new(input: Input, index_id: IndexId) -> Self {
        Self {
            input,
            index_id,
            user_metadata: None,
            enable_video_stream: None,
            wait: Some(WaitPolicy::default()),
            unchecked: false,
            listener: None,
        }
    }

    #[cfg(feature = "validate")]
    fn tell(&self, event: &Event) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }

    /// The listener for what happens between here and the platform.
    pub(crate) fn observer(&self) -> Observer {
        match self.listener.clone() {
            None => Observer::none(),
            Some(listener) => Observer::new(move |event| listener(&Event::Api(event.clone()))),
        }
    }

    /// Opens and checks. It blocks while it reads.
    ///
    /// # Errors
    /// [`ErrorKind::RefusedLocally`] with the report where the platform would refuse the file.
    pub(crate) fn prepare(
        &self,
        #[cfg(feature = "validate")] checker: impl FnOnce() -> Result<crate::Checker, Error>,
    ) -> Result<Prepared, Error> {
        if self.index_id.as_str().is_empty() {
            return Err(Error::new(
                ErrorKind::Configuration,
                "no index: say which one with `into_index`",
            ));
        }
        if let Some(metadata) = &self.user_metadata {
            metadata.check().map_err(|error| {
                Error::new(ErrorKind::Configuration, "the user metadata cannot be sent")
                    .because(error)
            })?;
        }
        #[cfg(feature = "validate")]
        let mut report = None;
        let media = match &self.input {
            Input::Url(url) => Media::Url(url.clone()),
            Input::Source(source) => Media::File(self.observed(Arc::clone(source))),
            Input::File(path) => {
                let file = FileSource::open(path)?;
                #[cfg(feature = "validate")]
                if !self.unchecked {
                    report = Some(self.check(&file, &checker()?)?);
                }
                Media::File(self.observed(Arc::new(file)))
            }
        };
        let mut create = CreateTask::new(self.index_id.clone(), media);
        create.user_metadata.clone_from(&self.user_metadata);
        create.enable_video_stream = self.enable_video_stream;
        Ok(Prepared {
            create,
            #[cfg(feature = "validate")]
            report,
        })
    }

    #[cfg(feature = "validate")]
    fn check(
        &self,
        file: &FileSource,
        checker: &crate::Checker,
    ) -> Result<tl_validate::Report, Error> {
        let handle = file.try_clone_file().map_err(|error| {
            Error::new(
                ErrorKind::File,
                format!("`{}` cannot be opened a second time", file.path().display()),
            )
            .because(error)
        })?;
        let name = file.path().display().to_string();
        let checked = checker.check_file(handle, &name, tl_validate::Route::Tasks)?;
        self.tell(&Event::Checked(Box::new(checked.report.clone())));
        if checked.report.is_refused() {
            return Err(Error::new(
                ErrorKind::RefusedLocally,
                format!(
                    "`{name}` was not sent: the platform would refuse it. {}",
                    checked.report
                ),
            )
            .with_report(checked.report));
        }
        Ok(checked.report)
    }

    fn observed(&self, source: Arc<dyn Source>) -> Arc<dyn Source> {
        match self.listener.clone() {
            None => source,
            Some(listener) => Arc::new(Observed::new(source, move |sent, total| {
                listener(&Event::Sending { sent, total });
            })),
        }
    }
}

impl Prepared {
    /// Joins what the platform answered to what the check had said.
    pub(crate) fn conclude(
        #[cfg(feature = "validate")] report: Option<tl_validate::Report>,
        outcome: Result<IngestedTask, tl_protocol::Error>,
        checking: Duration,
    ) -> Result<Ingested, Error> {
        match outcome {
            Ok(task) => Ok(Ingested {
                task,
                #[cfg(feature = "validate")]
                report,
                checking,
            }),
            #[cfg(feature = "validate")]
            Err(error) => Err(match report {
                Some(report) => Error::from(error).with_report(report),
                None => Error::from(error),
            }),
            #[cfg(not(feature = "validate"))]
            Err(error) => Err(error.into()),
        }
    }
}

/// A source that tells how many of its bytes have been taken.
#[derive(Clone)]
struct Observed {
    inner: Arc<dyn Source>,
    tell: Arc<dyn Fn(u64, u64) + Send + Sync>,
}

impl Observed {
    fn new(inner: Arc<dyn Source>, tell: impl Fn(u64, u64) + Send + Sync + 'static) -> Self {
        Self {
            inner,
            tell: Arc::new(tell),
        }
    }
}

impl std::fmt::Debug for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl Source for Observed {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read_at(offset, buffer)?;
        (self.tell)(offset + count as u64, self.inner.len());
        Ok(count)
    }
}

/// The settings of an ingestion, the same in both colours.
macro_rules! ingest_settings {
    () => {
        /// The index that the video goes into.
        pub fn into_index(mut self, index_id: impl Into<tl_model::IndexId>) -> Self {
            self.request.index_id = index_id.into();
            self
        }

        /// The caller's own data about the video.
        pub fn metadata(mut self, metadata: tl_model::UserMetadata) -> Self {
            self.request.user_metadata = Some(metadata);
            self
        }

        /// Whether the platform keeps the video for streaming. The platform's default is yes.
        pub fn enable_video_stream(mut self, enable: bool) -> Self {
            self.request.enable_video_stream = Some(enable);
            self
        }

        /// How to wait until the video is indexed. Default: [`WaitPolicy::default`](tl_protocol::flow::WaitPolicy).
        pub fn wait(mut self, policy: tl_protocol::flow::WaitPolicy) -> Self {
            self.request.wait = Some(policy);
            self
        }

        /// Returns as soon as the platform has the video; see
        /// [`wait_for_task`](tl_protocol::Client::wait_for_task).
        pub fn without_waiting(mut self) -> Self {
            self.request.wait = None;
            self
        }

        /// Sends the file without looking at it: the platform may refuse what was uploaded in vain.
        #[cfg(feature = "validate")]
        pub fn unchecked(mut self) -> Self {
            self.request.unchecked = true;
            self
        }

        /// Tells `listen` how it goes on. Called often while bytes are sent: it should return soon.
        pub fn observe(mut self, listen: impl Fn(&crate::Event) + Send + Sync + 'static) -> Self {
            self.request.listener = Some(std::sync::Arc::new(listen));
            self
        }
    };
}

pub(crate) use ingest_settings;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_writes_is_a_path_or_a_link() {
        let check = |text: &str, expected: &str| {
            let seen = match Input::parse(text) {
                Ok(Input::File(path)) => format!("file {}", path.display()),
                Ok(Input::Url(url)) => format!("url {url}"),
                Ok(Input::Source(_)) => "source".to_owned(),
                Err(error) => error.to_string(),
            };
            assert!(seen.contains(expected), "{text}: {seen}");
        };
        check("clips/a.mp4", "file clips/a.mp4");
        check("C:\\clips\\a.mp4", "file C:\\clips\\a.mp4");
        check("./odd://name.mp4", "file ./odd://name.mp4");
        check(
            "https://example.com/a.mp4?x=1",
            "url https://example.com/a.mp4?x=1",
        );
        check("HTTPS://example.com/a.mp4", "url https://example.com/a.mp4");
        check("ftp://example.com/a.mp4", "cannot fetch `ftp://`");
        check("s3://bucket/a.mp4", "cannot fetch `s3://`");
        check("https://", "cannot be used");
    }
}

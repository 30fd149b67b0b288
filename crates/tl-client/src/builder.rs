//! Builder methods of clients, uploads and ingestions, shared by the async and the blocking client.

/// Methods of both `Upload` and `Ingest`.
macro_rules! upload_settings {
    () => {
        /// Sets the route. By default the client chooses: `asset` (one request) if the rules allow
        /// the size, `multipart` (chunks) for larger files, and `asset-url` for a link.
        /// [`Route::Tasks`](tl_validate::Route::Tasks) is the older route, which creates a task
        /// instead of an asset. It is never chosen by default.
        pub fn route(mut self, route: tl_validate::Route) -> Self {
            self.request.route = Some(route);
            self
        }

        /// Stores the checkpoint in `folder` and resumes from a checkpoint found there. By default,
        /// checkpoints are written for files only, in
        /// [`default_folder`](crate::checkpoint::default_folder).
        pub fn checkpoint(mut self, folder: impl Into<std::path::PathBuf>) -> Self {
            self.request.checkpoint = crate::ingest::CheckpointLocation::Folder(folder.into());
            self
        }

        /// Neither writes nor reads a checkpoint: an interrupted upload starts over.
        pub fn without_checkpoint(mut self) -> Self {
            self.request.checkpoint = crate::ingest::CheckpointLocation::Disabled;
            self
        }

        /// Starts over instead of resuming an interrupted upload, and removes its checkpoint. An
        /// unreadable checkpoint is renamed in its folder instead.
        pub fn restart(mut self) -> Self {
            self.request.restart = true;
            self
        }

        /// Cancels this run when `handle` is canceled, whatever it is doing: checking, connecting,
        /// sending, or waiting. It then returns within about 200 ms with
        /// [`Canceled`](tl_protocol::ErrorKind::Canceled), and the error has what was reached. What
        /// the platform has stays there, and a later run resumes from the checkpoint.
        pub fn cancel_by(mut self, handle: &crate::CancelHandle) -> Self {
            self.request.cancels.set_handle(handle);
            self
        }

        /// Sets concurrency, bandwidth and deadline of the chunk upload, and the control that
        /// pauses it. Its `cancel` cancels the whole run, like
        /// [`cancel_by`](Self::cancel_by).
        pub fn chunks(mut self, settings: tl_protocol::flow::upload::UploadSettings) -> Self {
            self.request.cancels.set_control(&settings.control);
            self.request.settings = settings;
            self
        }

        /// Sets how to proceed if the response to a create request is lost.
        pub fn reconcile(mut self, reconcile: tl_protocol::flow::Reconcile) -> Self {
            self.request.reconcile = reconcile;
            self
        }

        /// Sets the user metadata: of the asset if it is only uploaded, otherwise of the video in
        /// the index.
        pub fn metadata(mut self, metadata: tl_model::UserMetadata) -> Self {
            self.request.user_metadata = Some(metadata);
            self
        }

        /// Sets how to wait until the asset is ready and until the video is indexed. Default:
        /// [`WaitPolicy::default`](tl_protocol::flow::WaitPolicy) for each.
        pub fn wait(mut self, policy: tl_protocol::flow::WaitPolicy) -> Self {
            self.request.wait = Some(policy);
            self
        }

        /// Returns as soon as the platform has accepted the last request. If the asset is to be
        /// indexed, the client still waits until the asset is ready, because indexing requires
        /// that.
        pub fn without_waiting(mut self) -> Self {
            self.request.wait = None;
            self
        }

        /// Skips the local check. The platform may then reject the file after the upload.
        pub fn skip_check(mut self) -> Self {
            self.request.skip_check = true;
            self
        }

        /// Calls `listen` with each event. It is called often while bytes are sent, so it should
        /// return quickly.
        pub fn observe(mut self, listen: impl Fn(&crate::Event) + Send + Sync + 'static) -> Self {
            self.request.listener = Some(std::sync::Arc::new(listen));
            self
        }
    };
}

/// Methods of both builders, after `http_client`.
macro_rules! client_builder {
    ($client:ident, $transport:ident) => {
        /// Sets the API key, the base URL and other settings. Default: [`Config::from_env`].
        pub fn config(mut self, config: Config) -> Self {
            self.config = Some(config);
            self
        }

        /// Uses `checker` instead of [`Checker::standard`] to check files and to choose routes.
        pub fn checker(mut self, checker: Checker) -> Self {
            self.checker = Some(checker);
            self
        }

        /// Creates the client. It does not connect yet.
        ///
        /// # Errors
        /// [`ErrorKind::Configuration`] if a setting is invalid or missing.
        pub fn build(self) -> Result<$client, Error> {
            let config = match self.config {
                Some(config) => config,
                None => Config::from_env()?,
            };
            let settings = config.http.clone();
            let transport = match self.http_client {
                Some(client) => $transport::with_client(settings, client),
                None => $transport::new(settings),
            };
            let transport = transport.map_err(|error| {
                Error::new(ErrorKind::Configuration, "the HTTP client cannot be set up")
                    .with_source(error)
            })?;
            let checker = self.checker.map(std::sync::OnceLock::from);
            Ok($client {
                api: tl_protocol::Client::new(transport, config.client_settings()).with_error(),
                checker: std::sync::Arc::new(checker.unwrap_or_default()),
            })
        }
    };
}

/// Methods of `Ingest` only.
macro_rules! ingest_settings {
    () => {
        upload_settings!();

        /// Sets the index.
        pub fn into_index(mut self, index_id: impl Into<tl_model::IndexId>) -> Self {
            self.request.index_id = Some(index_id.into());
            self
        }

        /// Sets whether the platform keeps the video for streaming. The platform's default is no
        /// for an indexed asset, and yes for the route `tasks`.
        pub fn enable_video_stream(mut self, enable: bool) -> Self {
            self.request.enable_video_stream = Some(enable);
            self
        }
    };
}

pub(crate) use {client_builder, ingest_settings, upload_settings};

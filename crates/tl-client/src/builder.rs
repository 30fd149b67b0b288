//! Builder methods of uploads and ingestions, shared by the async and the blocking client.

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

        /// Sets concurrency, bandwidth and deadline of the chunk upload, and the handle that pauses
        /// and cancels it.
        pub fn chunks(mut self, settings: tl_protocol::flow::upload::UploadSettings) -> Self {
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

pub(crate) use {ingest_settings, upload_settings};

//! The settings of an upload and of an ingestion, written once for both colours.

/// What an upload and an ingestion have in common.
macro_rules! upload_settings {
    () => {
        /// By which way it goes. Without this the client chooses: one request where the rules surely allow it, chunks for what
        /// is larger, and `asset-url` for a link. [`Route::Tasks`](tl_validate::Route::Tasks) is the older way, which makes a
        /// task in place of an asset; it is never chosen by itself.
        pub fn route(mut self, route: tl_validate::Route) -> Self {
            self.request.route = Some(route);
            self
        }

        /// Keeps in `folder` what another process needs to go on, and goes on from what is there. Without this it is kept, of
        /// files only, in [`default_folder`](crate::checkpoint::default_folder).
        pub fn checkpoint(mut self, folder: impl Into<std::path::PathBuf>) -> Self {
            self.request.keep = crate::ingest::Keep::In(folder.into());
            self
        }

        /// Keeps nothing, and takes up nothing: an upload that is cut off begins anew.
        pub fn without_checkpoint(mut self) -> Self {
            self.request.keep = crate::ingest::Keep::Nowhere;
            self
        }

        /// Begins with the first byte, though an earlier upload could be taken up; its checkpoint goes. One that cannot be read
        /// is set aside in its folder.
        pub fn restart(mut self) -> Self {
            self.request.anew = true;
            self
        }

        /// How chunks are sent: concurrency, bandwidth, deadline, and the handle that pauses and cancels.
        pub fn chunks(mut self, settings: tl_protocol::flow::upload::UploadSettings) -> Self {
            self.request.settings = settings;
            self
        }

        /// What is done where the answer to a create is lost.
        pub fn reconcile(mut self, reconcile: tl_protocol::flow::Reconcile) -> Self {
            self.request.reconcile = reconcile;
            self
        }

        /// The caller's own data: about the asset where it is only uploaded, else about the video in the index.
        pub fn metadata(mut self, metadata: tl_model::UserMetadata) -> Self {
            self.request.user_metadata = Some(metadata);
            self
        }

        /// How to wait until the asset is ready, and until the video is indexed. Default:
        /// [`WaitPolicy::default`](tl_protocol::flow::WaitPolicy) for each.
        pub fn wait(mut self, policy: tl_protocol::flow::WaitPolicy) -> Self {
            self.request.wait = Some(policy);
            self
        }

        /// Returns as soon as the platform has taken the last step on. An asset that is to be indexed is waited for all the
        /// same, because it must be ready.
        pub fn without_waiting(mut self) -> Self {
            self.request.wait = None;
            self
        }

        /// Sends the file without looking at it: the platform may refuse what was uploaded in vain.
        pub fn skip_check(mut self) -> Self {
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

/// What only an ingestion has.
macro_rules! ingest_settings {
    () => {
        upload_settings!();

        /// The index that the video goes into.
        pub fn into_index(mut self, index_id: impl Into<tl_model::IndexId>) -> Self {
            self.request.index_id = Some(index_id.into());
            self
        }

        /// Whether the platform keeps the video for streaming. Its default is no for an asset that is indexed, and yes by the
        /// route `tasks`.
        pub fn enable_video_stream(mut self, enable: bool) -> Self {
            self.request.enable_video_stream = Some(enable);
            self
        }
    };
}

pub(crate) use {ingest_settings, upload_settings};

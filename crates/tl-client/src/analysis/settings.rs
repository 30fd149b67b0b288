//! The settings that the async and the blocking builder share.

/// Defines the settings of an analysis.
macro_rules! analysis_settings {
    () => {
        /// Sets the instructions.
        pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
            self.settings.request.prompt = Some(prompt.into());
            self
        }

        /// Uses this model. Default: see
        /// [`DEFAULT_MODEL`](tl_protocol::pegasus::DEFAULT_MODEL).
        pub fn model(mut self, model: impl Into<tl_model::AnalyzeModel>) -> Self {
            self.settings.request.model_name = Some(model.into());
            self
        }

        /// Asks for JSON that conforms to `schema`, a text or a value. It is checked against the
        /// subset that the platform accepts before anything is sent.
        ///
        /// ```no_run
        /// # fn example(schema: &str) -> Result<(), Box<dyn std::error::Error>> {
        /// let schema: tl_client::model::JsonSchema = schema.parse()?;
        /// # Ok(()) }
        /// ```
        pub fn schema(mut self, schema: impl Into<tl_model::JsonSchema>) -> Self {
            self.settings.request.response_format = Some(tl_model::ResponseFormat::schema(schema));
            self
        }

        /// Reads the schema from a file.
        pub fn schema_file(self, path: impl AsRef<std::path::Path>) -> Self {
            let path = path.as_ref();
            let read = std::fs::read_to_string(path).map_err(|error| error.to_string());
            let parsed = read.and_then(|text| {
                text.parse::<tl_model::JsonSchema>()
                    .map_err(|error| format!("it is not JSON: {error}"))
            });
            match parsed {
                Ok(schema) => self.schema(schema),
                Err(reason) => self.invalid(format!("the schema {}: {reason}", path.display())),
            }
        }

        /// Analyzes only these seconds of the video.
        pub fn window(mut self, seconds: std::ops::Range<f64>) -> Self {
            self.settings.request.start_time = Some(seconds.start);
            self.settings.request.end_time = Some(seconds.end);
            self
        }

        /// Sets the maximum length of the answer in tokens. An answer that reaches it is an error
        /// of the kind [`Truncated`](crate::ErrorKind::Truncated).
        pub fn max_tokens(mut self, tokens: u64) -> Self {
            self.settings.request.max_tokens = Some(tl_model::MaxTokens::Limit(tokens));
            self
        }

        /// Sets the randomness, from 0 to 1. Default 0.2.
        pub fn temperature(mut self, temperature: f64) -> Self {
            self.settings.request.temperature = Some(temperature);
            self
        }

        /// For tasks: extracts segments instead of answering a prompt.
        pub fn segments(
            mut self,
            definitions: impl Into<Vec<tl_model::SegmentDefinition>>,
        ) -> Self {
            let request = &mut self.settings.request;
            request.analysis_mode = Some(tl_model::AnalyzeMode::TimeBasedMetadata);
            request.response_format = Some(tl_model::ResponseFormat::segments(definitions));
            self
        }

        /// For tasks: sets your identifier.
        pub fn custom_id(mut self, id: impl Into<String>) -> Self {
            self.settings.request.custom_id = Some(id.into());
            self
        }

        /// For tasks: the `Idempotency-Key`. With the same key, a repeated call, also of another
        /// process, creates no second task. Default: a new key per call.
        pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
            self.key = Some(key.into());
            self
        }

        /// The duration of the video in seconds, if it is known: a window that is too long or too
        /// short is then refused before anything is sent.
        pub fn duration(mut self, seconds: f64) -> Self {
            self.settings.duration = Some(seconds);
            self
        }

        /// Changes the request directly, for settings without a method.
        pub fn with_request(mut self, change: impl FnOnce(&mut tl_model::AnalyzeRequest)) -> Self {
            change(&mut self.settings.request);
            self
        }

        /// Sends the request without the local check of its bounds and its schema.
        pub fn skip_check(mut self) -> Self {
            self.settings.skip_check = true;
            self
        }

        fn invalid(mut self, reason: String) -> Self {
            self.settings.fault.get_or_insert(reason);
            self
        }

        fn schema_asked(&self) -> Option<tl_model::JsonSchema> {
            let format = self.settings.request.response_format.as_ref();
            format.and_then(|format| format.json_schema.clone())
        }
    };
}

pub(crate) use analysis_settings;

//! The named error codes of the platform. Error bodies are in `error_body.rs`.

open_enum! {
    /// A named error code: the `code` of an error body.
    ///
    /// The HTTP status of a code is known for some codes only. Use the status for decisions and the
    /// code for explanations.
    pub enum ErrorCode {
        /// A parameter has a value that is not allowed. HTTP 400.
        ParameterInvalid = "parameter_invalid",
        /// A required parameter is missing. HTTP 400.
        ParameterNotProvided = "parameter_not_provided",
        /// The endpoint does not know the parameter. HTTP 400.
        ParameterUnknown = "parameter_unknown",
        /// The collection has no resource with this identifier. HTTP 404.
        ResourceNotExist = "resource_not_exist",
        /// The key is missing, wrong or expired. HTTP 401.
        ApiKeyInvalid = "api_key_invalid",
        /// The tags are not allowed.
        TagsNotAllowed = "tags_not_allowed",
        /// The endpoint requires another version of the API.
        ApiUpgradeRequired = "api_upgrade_required",
        /// A rate limit is exceeded. HTTP 429.
        TooManyRequests = "too_many_requests",
        /// The endpoint requires a paid plan.
        ApiAllowedForPaidPlan = "api_allowed_for_paid_plan",
        /// The account is not allowed to use the endpoint.
        ApiNotAllowed = "api_not_allowed",
        /// Not authorized.
        Unauthorized = "unauthorized",
        /// The spelling of `unauthorized` in the examples of the API description.
        UnauthorizedRequest = "unauthorized_request",
        /// Not available in this region.
        RegionNotAllowed = "region_not_allowed",
        /// The request was canceled, or took too long.
        RequestCanceledOrTimedOut = "request_canceled_or_timed_out",
        /// The options of an index cannot be changed. HTTP 400.
        IndexOptionCannotBeChanged = "index_option_cannot_be_changed",
        /// The models of an index cannot be changed. HTTP 400.
        IndexEngineCannotBeChanged = "index_engine_cannot_be_changed",
        /// The account already has an index with this name. HTTP 400.
        IndexNameAlreadyExists = "index_name_already_exists",
        /// The resolution is below the platform's minimum. HTTP 400.
        VideoResolutionTooLow = "video_resolution_too_low",
        /// The resolution is above the platform's maximum. HTTP 400.
        VideoResolutionTooHigh = "video_resolution_too_high",
        /// The aspect ratio is too narrow or too wide.
        VideoResolutionInvalidAspectRatio = "video_resolution_invalid_aspect_ratio",
        /// The video is too short. HTTP 400.
        VideoDurationTooShort = "video_duration_too_short",
        /// The video is too long. HTTP 400.
        VideoDurationTooLong = "video_duration_too_long",
        /// The file cannot be read as a video. HTTP 400.
        VideoFileBroken = "video_file_broken",
        /// The file is larger than the limit of the endpoint. HTTP 400.
        VideoFilesizeTooLarge = "video_filesize_too_large",
        /// The file cannot be read as audio. Named by third parties only.
        AudioFileBroken = "audio_file_broken",
        /// The file type is not supported. Named by third parties only.
        UnsupportedFileType = "unsupported_file_type",
        /// The free credit is used up. HTTP 400.
        UsageLimitExceeded = "usage_limit_exceeded",
        /// The code that the examples of the API description use with the text of
        /// `usage_limit_exceeded`.
        InsufficientFunds = "insufficient_funds",
        /// The task is neither `ready` nor `failed`, or its video still exists. HTTP 400.
        TaskCannotBeDeleted = "task_cannot_be_deleted",
        /// The index was created without this search option. HTTP 400.
        SearchOptionNotSupported = "search_option_not_supported",
        /// The search options exclude each other. HTTP 400.
        SearchOptionCombinationNotSupported = "search_option_combination_not_supported",
        /// The filter of a search cannot be parsed. HTTP 400.
        SearchFilterInvalid = "search_filter_invalid",
        /// The page token of a search has expired. HTTP 400.
        SearchPageTokenExpired = "search_page_token_expired",
        /// The models of the index do not support search. HTTP 400.
        IndexNotSupportedForSearch = "index_not_supported_for_search",
        /// The models of the index do not support text generation. HTTP 400.
        IndexNotSupportedForGenerate = "index_not_supported_for_generate",
        /// The prompt or the response has too many tokens. HTTP 400.
        TokenLimitExceeded = "token_limit_exceeded",
        /// The endpoint does not accept the `Content-Type` of the request. HTTP 400; undocumented,
        /// seen live.
        ContentTypeInvalid = "content_type_invalid",
        /// The resource belongs to another account. HTTP 403; undocumented, seen live.
        ReadNotAllowed = "read_not_allowed",
        /// The video is not indexed yet. HTTP 400.
        VideoNotReady = "video_not_ready",
        /// The endpoint was removed. HTTP 410.
        EndpointDeprecated = "endpoint_deprecated",
        /// No such video, indexed asset or upload session. HTTP 404.
        NotFound = "not_found",
        /// The placeholder in the examples of the API description.
        GenericError = "generic_error",
        /// Nested format: the request is not valid.
        ValidationError = "VALIDATION_ERROR",
        /// Nested format: a rate limit is exceeded.
        RateLimitExceeded = "RATE_LIMIT_EXCEEDED",
        /// Nested format: internal error of the platform.
        InternalServerError = "INTERNAL_SERVER_ERROR",
    }
}

impl ErrorCode {
    /// The named code that replaced a numeric code of the first API version (2022), if there is
    /// one.
    pub fn from_numeric(number: i64) -> Option<Self> {
        Some(match number {
            101 => Self::ApiKeyInvalid,
            102 => Self::ParameterNotProvided,
            103 => Self::ParameterUnknown,
            104 => Self::ParameterInvalid,
            201 => Self::ResourceNotExist,
            302 => Self::VideoResolutionTooLow,
            303 => Self::VideoResolutionTooHigh,
            304 => Self::VideoDurationTooLong,
            305 => Self::VideoDurationTooShort,
            401 => Self::VideoFileBroken,
            501 => Self::SearchOptionNotSupported,
            _ => return None,
        })
    }
}

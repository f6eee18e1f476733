//! What went wrong with memory and system prompts.

use gateway_proto::{ApiError, ErrorCode};
use gateway_storage::BUCKET_CAP_BYTES;

/// A write that would take a bucket over its cap.
pub(crate) fn memory_bucket_full(used: u32, would_be: u64) -> ApiError {
    let message = format!(
        "The bucket holds {used} bytes and would hold {would_be}, more than its {BUCKET_CAP_BYTES}; nothing was stored. \
         Delete entries, or store a shorter value."
    );
    ApiError::new(ErrorCode::MemoryBucketFull, message)
        .with_param("value")
        .with_metadata("used_bytes", used.to_string())
        .with_metadata("would_be_bytes", would_be.to_string())
        .with_metadata("cap_bytes", BUCKET_CAP_BYTES.to_string())
}

/// An entry that is not there.
pub(crate) fn memory_not_found() -> ApiError {
    let message = "There is no entry under this key in this bucket; GET /v1/memory lists those that there are.";
    // Without its name, which may hold what somebody wanted remembered.
    ApiError::new(ErrorCode::MemoryNotFound, message).with_param("query.key").with_resource("memory entry", "")
}

/// A write by a tool whose confirmation does not hold. Why is not told: it may not be for who asks.
pub(crate) fn memory_not_confirmed() -> ApiError {
    let message = "The confirm token is not valid for these arguments: it is unknown, used or expired, or was made for \
                   others. Call the tool without it to get a new one.";
    ApiError::new(ErrorCode::MemoryConfirmRequired, message).with_param("confirm_token")
}

/// A prompt beyond what a level may hold.
pub(crate) fn system_prompt_too_large(bytes: usize, limit: usize) -> ApiError {
    let message = format!("'content' has {bytes} bytes of UTF-8; a system prompt may have up to {limit}.");
    ApiError::new(ErrorCode::SystemPromptTooLarge, message)
        .with_param("content")
        .with_metadata("bytes", bytes.to_string())
        .with_metadata("maximum_bytes", limit.to_string())
}

/// A version that is not there.
pub(crate) fn system_prompt_version_not_found(level: &str, version: u32) -> ApiError {
    let message = format!(
        "There is no version {version} at the level '{level}'; GET /v1/system-prompts/{level}/versions lists those that \
         there are."
    );
    ApiError::new(ErrorCode::SystemPromptVersionNotFound, message)
        .with_param("version")
        .with_resource("system prompt version", version.to_string())
        .with_metadata("level", level)
}

/// A level without a current version.
pub(crate) fn system_prompt_not_set(level: &str) -> ApiError {
    let message =
        format!("The level '{level}' has no current system prompt; write one, or make one of its versions current.");
    ApiError::new(ErrorCode::SystemPromptVersionNotFound, message)
        .with_param("level")
        .with_resource("system prompt version", "current")
        .with_metadata("level", level)
}

/// The current version, which cannot be deleted.
pub(crate) fn system_prompt_current_locked(level: &str, version: u32) -> ApiError {
    let message = format!(
        "Version {version} is the current one of the level '{level}' and cannot be deleted; make another one current, or \
         none, first."
    );
    ApiError::new(ErrorCode::SystemPromptCurrentLocked, message)
        .with_param("version")
        .with_metadata("level", level)
        .with_metadata("version", version.to_string())
}

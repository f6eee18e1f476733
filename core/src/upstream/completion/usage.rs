//! What a call took.

use gateway_proto::json::{Fault, Reader};
use gateway_proto::v1::{CompletionTokensDetails, PromptTokensDetails, Usage};

gateway_proto::json_members! {
    enum UsageMember {
        Prompt = "prompt_tokens",
        Completion = "completion_tokens",
        Total = "total_tokens",
        PromptDetails = "prompt_tokens_details",
        CompletionDetails = "completion_tokens_details",
    }
}
gateway_proto::json_members! { enum PromptDetail { Cached = "cached_tokens", Audio = "audio_tokens" } }
gateway_proto::json_members! {
    enum CompletionDetail {
        Reasoning = "reasoning_tokens",
        Audio = "audio_tokens",
        Accepted = "accepted_prediction_tokens",
        Rejected = "rejected_prediction_tokens",
    }
}

/// Reads the usage of a call.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Usage, Fault> {
    let mut usage = Usage::default();
    usage.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            UsageMember::Prompt => usage.prompt_tokens = optional_count(reader)?.unwrap_or_default(),
            UsageMember::Completion => usage.completion_tokens = optional_count(reader)?.unwrap_or_default(),
            UsageMember::Total => usage.total_tokens = optional_count(reader)?.unwrap_or_default(),
            UsageMember::PromptDetails => usage.prompt_tokens_details = reader.nullable(prompt_details)?,
            UsageMember::CompletionDetails => usage.completion_tokens_details = reader.nullable(completion_details)?,
        }
        Ok(())
    })?;
    Ok(usage)
}

fn prompt_details(reader: &mut Reader<'_>) -> Result<PromptTokensDetails, Fault> {
    let mut details = PromptTokensDetails::default();
    details.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            PromptDetail::Cached => details.cached_tokens = optional_count(reader)?,
            PromptDetail::Audio => details.audio_tokens = optional_count(reader)?,
        }
        Ok(())
    })?;
    Ok(details)
}

fn completion_details(reader: &mut Reader<'_>) -> Result<CompletionTokensDetails, Fault> {
    let mut details = CompletionTokensDetails::default();
    details.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            CompletionDetail::Reasoning => details.reasoning_tokens = optional_count(reader)?,
            CompletionDetail::Audio => details.audio_tokens = optional_count(reader)?,
            CompletionDetail::Accepted => details.accepted_prediction_tokens = optional_count(reader)?,
            CompletionDetail::Rejected => details.rejected_prediction_tokens = optional_count(reader)?,
        }
        Ok(())
    })?;
    Ok(details)
}

fn optional_count(reader: &mut Reader<'_>) -> Result<Option<u32>, Fault> {
    reader.nullable(count)
}

/// A number of tokens, or of a choice.
pub(super) fn count(reader: &mut Reader<'_>) -> Result<u32, Fault> {
    u32::try_from(reader.integer()?).map_err(|_| Fault::invalid("must be a whole number from 0 to 4294967295."))
}

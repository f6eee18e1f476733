//! The whole answer out.

use gateway_proto::json::Writer;
use gateway_proto::v1::{AssistantMessage, ChatCompletion, Choice, assistant_message, choice};

use super::answer_parts::{write_finish_reason, write_logprobs, write_notices, write_tool_calls, write_usage};

/// What an answer takes besides its texts, roughly: room enough that the buffer seldom grows.
const USUAL_BYTES: usize = 1024;

/// Writes an answer. Members that OpenAI's API always gives are given as null where there is nothing to tell.
pub(crate) fn chat_completion(completion: &ChatCompletion) -> Vec<u8> {
    let mut writer = Writer::with_capacity(USUAL_BYTES);
    writer.begin_object();
    writer.optional_string("id", Some(&completion.id));
    writer.optional_string("object", Some("chat.completion"));
    writer.name("created");
    writer.integer(completion.created);
    writer.optional_string("model", Some(&completion.model));
    writer.name("choices");
    writer.begin_array();
    completion.choices.iter().for_each(|choice| write_choice(&mut writer, choice));
    writer.end_array();
    if let Some(usage) = &completion.usage {
        write_usage(&mut writer, usage);
    }
    writer.optional_string("service_tier", completion.service_tier.as_deref());
    writer.optional_string("system_fingerprint", completion.system_fingerprint.as_deref());
    if !completion.notices.is_empty() {
        writer.name("spass");
        writer.begin_object();
        write_notices(&mut writer, &completion.notices);
        writer.end_object();
    }
    writer.members_of(&completion.unknown_members_json);
    writer.end_object();
    writer.finish()
}

fn write_choice(writer: &mut Writer, choice: &Choice) {
    writer.begin_object();
    writer.name("index");
    writer.integer(choice.index);
    writer.name("message");
    match &choice.message {
        Some(message) => write_message(writer, message),
        None => writer.null(),
    }
    writer.name("logprobs");
    write_logprobs_form(writer, choice.logprobs_form.as_ref());
    write_finish_reason(writer, choice.finish_reason(), &choice.other_finish_reason);
    writer.members_of(&choice.unknown_members_json);
    writer.end_object();
}

fn write_message(writer: &mut Writer, message: &AssistantMessage) {
    writer.begin_object();
    writer.optional_string("role", Some("assistant"));
    writer.name("content");
    match &message.content {
        None => writer.null(),
        Some(assistant_message::Content::Text(text)) => writer.string(text),
        Some(assistant_message::Content::ContentJson(json)) => writer.raw(json),
    }
    writer.nullable_string("refusal", message.refusal.as_deref());
    write_tool_calls(writer, &message.tool_calls);
    writer.members_of(&message.unknown_members_json);
    writer.end_object();
}

fn write_logprobs_form(writer: &mut Writer, form: Option<&choice::LogprobsForm>) {
    match form {
        None => writer.null(),
        Some(choice::LogprobsForm::LogprobsJson(json)) => writer.raw(json),
        Some(choice::LogprobsForm::Logprobs(logprobs)) => write_logprobs(writer, logprobs),
    }
}

#[cfg(test)]
mod tests;

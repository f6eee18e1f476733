//! System prompts as JSON: what is told of them, and what is asked of them.

use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_proto::json::{Fault, Member, Writer};
use gateway_proto::v1::{
    EffectiveSystemPrompt, ListSystemPromptVersionsRequest, ListSystemPromptVersionsResponse, PutSystemPromptRequest,
    SystemPrompt,
};
use http::Uri;
use percent_encoding::percent_decode_str;

use crate::body::{BodyFault, non_empty, read_object, scope, string, user_id};
use crate::query::{LIMIT_RANGE, OFFSET_RANGE, Query};
use crate::resources::{page, resource, write_number, write_time};

/// The path before a level.
const PREFIX: &str = "/v1/system-prompts/";

gateway_proto::json_members! {
    enum PromptMember { Content = "content", Note = "note", Scope = "scope", UserId = "user_id" }
}

/// The place of a prompt that an address names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AskedPrompt {
    pub(crate) level: String,
    pub(crate) scope_id: String,
    pub(crate) user_id: String,
}

/// The place of a prompt, in the path and the query of an address.
pub(crate) fn asked_prompt(uri: &Uri) -> Result<AskedPrompt, ApiError> {
    let query = Query::of(uri);
    Ok(AskedPrompt { level: level(uri), scope_id: query.scope()?, user_id: query.user_id()? })
}

/// The place of a prompt, and which of its versions is meant.
pub(crate) fn asked_version(uri: &Uri) -> Result<(AskedPrompt, u32), ApiError> {
    Ok((asked_prompt(uri)?, version(uri)?))
}

/// Which page of versions is asked for.
pub(crate) fn asked_versions(uri: &Uri) -> Result<ListSystemPromptVersionsRequest, ApiError> {
    let AskedPrompt { level, scope_id, user_id } = asked_prompt(uri)?;
    let query = Query::of(uri);
    let limit = query.whole_number("limit", LIMIT_RANGE)?;
    let offset = query.whole_number("offset", OFFSET_RANGE)?;
    Ok(ListSystemPromptVersionsRequest { level, scope_id, limit, offset, user_id })
}

/// The level in the path as it is; what is none is refused by the core.
pub(crate) fn level(uri: &Uri) -> String {
    percent_decode_str(segment(uri, 0)).decode_utf8_lossy().into_owned()
}

/// The number of the version in the path. One that no message can hold belongs to no version.
fn version(uri: &Uri) -> Result<u32, ApiError> {
    let digits = segment(uri, 2);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiError::invalid_field("version", "'version' must be a whole number from 1."));
    }
    Ok(digits.parse().unwrap_or(u32::MAX))
}

fn segment(uri: &Uri, index: usize) -> &str {
    uri.path().strip_prefix(PREFIX).and_then(|rest| rest.split('/').nth(index)).unwrap_or_default()
}

/// Reads what is to be a new version. A member that there is not is refused, so that a typing error is not lost in silence.
pub(crate) fn new_prompt(body: &Bytes) -> Result<PutSystemPromptRequest, BodyFault> {
    read_object(body, |reader| {
        let mut asked = PutSystemPromptRequest::default();
        reader.members(|reader, member| {
            match member {
                Member::Known(PromptMember::Content) => {
                    asked.content = reader.nullable(non_empty)?.unwrap_or_default();
                }
                Member::Known(PromptMember::Note) => asked.note = reader.nullable(string)?,
                Member::Known(PromptMember::Scope) => asked.scope_id = reader.nullable(scope)?.unwrap_or_default(),
                Member::Known(PromptMember::UserId) => asked.user_id = reader.nullable(user_id)?.unwrap_or_default(),
                Member::Unknown(_) => {
                    let there_are = "'content', 'note', 'scope' and 'user_id' are what there is.";
                    return Err(Fault::invalid(format!("cannot be set; {there_are}")));
                }
            }
            Ok(())
        })?;
        Ok(asked)
    })
}

/// A version.
pub(crate) fn system_prompt(prompt: &SystemPrompt) -> Vec<u8> {
    resource(|writer| write_prompt(writer, prompt))
}

/// A page of versions.
pub(crate) fn system_prompt_list(answer: &ListSystemPromptVersionsResponse) -> Vec<u8> {
    page(&answer.items, [answer.total, answer.limit, answer.offset], write_prompt)
}

/// What a chat gets.
pub(crate) fn effective_system_prompt(effective: &EffectiveSystemPrompt) -> Vec<u8> {
    resource(|writer| {
        writer.begin_object();
        writer.name("levels");
        writer.begin_array();
        effective.levels.iter().for_each(|prompt| write_prompt(writer, prompt));
        writer.end_array();
        writer.optional_string("content", effective.content.as_deref());
        writer.end_object();
    })
}

fn write_prompt(writer: &mut Writer, prompt: &SystemPrompt) {
    writer.begin_object();
    writer.optional_string("level", Some(&prompt.level));
    writer.optional_string("scope_id", prompt.scope_id.as_deref());
    writer.optional_string("user_id", prompt.user_id.as_deref());
    write_number(writer, "version", prompt.version);
    writer.name("is_current");
    writer.boolean(prompt.is_current);
    writer.optional_string("content", prompt.content.as_deref());
    write_number(writer, "size_bytes", prompt.size_bytes);
    writer.optional_string("note", prompt.note.as_deref());
    writer.optional_string("author_token_id", Some(&prompt.author_token_id));
    writer.optional_string("author_user_id", prompt.author_user_id.as_deref());
    write_time(writer, "created_at", prompt.created_at);
    writer.end_object();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &'static str) -> ApiError {
        match new_prompt(&Bytes::from_static(body.as_bytes())).unwrap_err() {
            BodyFault::Json(error) | BodyFault::Field(error) => error,
        }
    }

    #[test]
    fn a_new_version_is_read_strictly() {
        let asked = new_prompt(&Bytes::from_static(br#"{"content":"Be brief.","note":"n","scope":"room"}"#)).unwrap();
        assert_eq!((asked.content.as_str(), asked.note.as_deref()), ("Be brief.", Some("n")));
        assert_eq!((asked.scope_id.as_str(), asked.user_id.as_str(), asked.level.as_str()), ("room", "", ""));
        for (body, param) in [
            (r#"{"contents":"k"}"#, "contents"),
            (r#"{"content":["k"]}"#, "content"),
            (r#"{"content":""}"#, "content"),
            (r#"{"note":1}"#, "note"),
            (r#"{"scope":""}"#, "scope"),
        ] {
            assert_eq!(
                (fault(body).code().facts().code, fault(body).param()),
                ("invalid_field", Some(param)),
                "{body}"
            );
        }
        for body in ["7", r#"{"note":"a","note":"a"}"#] {
            assert_eq!(fault(body).code().facts().code, "invalid_json", "{body}");
        }
    }

    #[test]
    fn level_and_version_are_segments_of_the_path() {
        let asked = |path: &str| asked_version(&path.parse().unwrap()).map(|(asked, version)| (asked.level, version));
        assert_eq!(asked("/v1/system-prompts/user/v/7?scope=a").unwrap(), ("user".to_owned(), 7));
        assert_eq!(asked("/v1/system-prompts/a%20b/current/007").unwrap(), ("a b".to_owned(), 7));
        assert_eq!(asked("/v1/system-prompts/user/v/4294967296").unwrap().1, u32::MAX);
        for bad in ["x", "-1", "+1", "1.0", "1e2", "%31"] {
            let error = asked(&format!("/v1/system-prompts/user/v/{bad}")).unwrap_err();
            assert_eq!((error.code().facts().code, error.param()), ("invalid_field", Some("version")), "{bad}");
        }
    }
}

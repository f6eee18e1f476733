//! The tools that the gateway runs itself as JSON, and what is asked of them.

use bytes::Bytes;
use gateway_proto::json::{Fault, Member, Reader, Writer};
use gateway_proto::v1::{ExecuteToolRequest, ExecuteToolResponse, ListToolsResponse};

use crate::body::{BodyFault, read_object, string, user_id};

gateway_proto::json_members! {
    enum ExecuteMember { Name = "name", Arguments = "arguments", UserId = "user_id" }
}

/// What a tool takes, roughly.
const USUAL_BYTES: usize = 1024;

/// The tools.
pub(crate) fn tool_list(answer: &ListToolsResponse) -> Vec<u8> {
    let mut writer = Writer::with_capacity(USUAL_BYTES * (1 + answer.items.len()));
    writer.begin_object();
    writer.name("items");
    writer.begin_array();
    for tool in &answer.items {
        writer.begin_object();
        writer.optional_string("name", Some(&tool.name));
        writer.optional_string("description", Some(&tool.description));
        writer.name("parameters");
        writer.raw(&tool.parameters_json);
        writer.end_object();
    }
    writer.end_array();
    writer.end_object();
    writer.finish()
}

/// Which tool is to be run. A member that is not known is refused, so that a typing error is not lost in silence.
pub(crate) fn execute_request(body: &Bytes) -> Result<ExecuteToolRequest, BodyFault> {
    read_object(body, |reader| {
        let mut request = ExecuteToolRequest::default();
        reader.members(|reader, member| {
            match member {
                Member::Known(ExecuteMember::Name) => request.name = string(reader)?,
                Member::Known(ExecuteMember::Arguments) => {
                    let arguments = reader.nullable(Reader::object_value)?;
                    request.arguments_json = arguments.map(|text| body.slice_ref(text.as_bytes())).unwrap_or_default();
                }
                Member::Known(ExecuteMember::UserId) => {
                    request.user_id = reader.nullable(user_id)?.unwrap_or_default();
                }
                Member::Unknown(_) => {
                    return Err(Fault::invalid("is not known; 'name', 'arguments' and 'user_id' are what there is."));
                }
            }
            Ok(())
        })?;
        Ok(request)
    })
}

/// What a tool gave.
pub(crate) fn executed(answer: &ExecuteToolResponse) -> Vec<u8> {
    let mut writer = Writer::with_capacity(answer.result_json.len() + 128);
    writer.begin_object();
    writer.optional_string("name", Some(&answer.name));
    writer.name("result");
    if answer.result_json.is_empty() {
        writer.null()
    } else {
        writer.raw(&answer.result_json)
    }
    writer.name("is_error");
    writer.boolean(answer.is_error);
    writer.end_object();
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_run_is_read_strictly() {
        let read = |body: &'static str| execute_request(&Bytes::from_static(body.as_bytes()));
        let request = read(r#"{"name":"f","arguments":{"b":1.0,"a":"\u00e9"},"user_id":"ann"}"#).unwrap();
        assert_eq!(request.arguments_json, r#"{"b":1.0,"a":"\u00e9"}"#);
        assert_eq!((request.name.as_str(), request.user_id.as_str()), ("f", "ann"));
        assert!(read(r#"{"name":"f","arguments":null}"#).unwrap().arguments_json.is_empty());
        for (body, param) in [
            (r#"{"name":7}"#, "name"),
            (r#"{"name":"f","arguments":"{}"}"#, "arguments"),
            (r#"{"name":"f","args":{}}"#, "args"),
        ] {
            let (BodyFault::Json(error) | BodyFault::Field(error)) = read(body).unwrap_err();
            assert_eq!((error.code().facts().code, error.param()), ("invalid_field", Some(param)), "{body}");
        }
    }

    #[test]
    fn a_result_is_given_as_it_is() {
        let answer = ExecuteToolResponse { name: "f".into(), result_json: r#"{"b":1.0}"#.into(), is_error: false };
        assert_eq!(executed(&answer), br#"{"name":"f","result":{"b":1.0},"is_error":false}"#);
    }
}

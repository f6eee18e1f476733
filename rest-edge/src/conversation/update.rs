//! What is to be changed of a conversation.

use bytes::Bytes;
use gateway_proto::FieldMask;
use gateway_proto::json::{Fault, Member, Reader};
use gateway_proto::v1::UpdateConversationRequest;

use crate::body::{BodyFault, read_object, string, user_id};

gateway_proto::json_members! {
    enum UpdateMember { Title = "title", Metadata = "metadata", UserId = "user_id" }
}

/// Reads what is to be changed: the members that are there, of which `null` takes the value away. A member that cannot
/// be changed is refused, so that a typing error is not lost in silence.
pub(crate) fn conversation_update(body: &Bytes) -> Result<UpdateConversationRequest, BodyFault> {
    read_object(body, |reader| {
        let mut update = UpdateConversationRequest::default();
        let mut mask = FieldMask::default();
        reader.members(|reader, member| {
            match member {
                Member::Known(UpdateMember::Title) => {
                    update.title = reader.nullable(string)?;
                    mask.paths.push("title".to_owned());
                }
                Member::Known(UpdateMember::Metadata) => {
                    let labels = reader.nullable(Reader::object_value)?;
                    update.metadata_json = labels.map(|text| body.slice_ref(text.as_bytes())).unwrap_or_default();
                    mask.paths.push("metadata_json".to_owned());
                }
                Member::Known(UpdateMember::UserId) => update.user_id = reader.nullable(user_id)?.unwrap_or_default(),
                Member::Unknown(_) => {
                    return Err(Fault::invalid("cannot be set; 'title', 'metadata' and 'user_id' are what there is."));
                }
            }
            Ok(())
        })?;
        update.update_mask = Some(mask);
        Ok(update)
    })
}

#[cfg(test)]
mod tests {
    use gateway_proto::ApiError;

    use super::*;

    fn read(body: &'static str) -> UpdateConversationRequest {
        conversation_update(&Bytes::from_static(body.as_bytes())).unwrap()
    }

    fn fault(body: &'static str) -> ApiError {
        match conversation_update(&Bytes::from_static(body.as_bytes())).unwrap_err() {
            BodyFault::Json(error) | BodyFault::Field(error) => error,
        }
    }

    fn paths(update: &UpdateConversationRequest) -> Vec<&str> {
        update.update_mask.iter().flat_map(|mask| &mask.paths).map(String::as_str).collect()
    }

    #[test]
    fn what_is_there_is_set_and_null_takes_away() {
        let update = read(r#"{"metadata":{"b":"\u00e9" , "a":"x"},"title":"T","user_id":"ann"}"#);
        assert_eq!(paths(&update), ["metadata_json", "title"]);
        assert_eq!((update.title.as_deref(), update.user_id.as_str()), (Some("T"), "ann"));
        assert_eq!(update.metadata_json, r#"{"b":"\u00e9" , "a":"x"}"#);
        let update = read(r#"{"title":null,"metadata":null,"user_id":null}"#);
        assert_eq!(paths(&update), ["title", "metadata_json"]);
        assert_eq!((update.title, update.metadata_json.is_empty(), update.user_id.as_str()), (None, true, ""));
        assert_eq!(read(r#"{"metadata":{}}"#).metadata_json, "{}");
        assert!(paths(&read("{}")).is_empty());
    }

    #[test]
    fn what_cannot_be_set_is_named() {
        for (body, param) in [
            (r#"{"titel":"T"}"#, "titel"),
            (r#"{"title":7}"#, "title"),
            (r#"{"metadata":[]}"#, "metadata"),
            (r#"{"user_id":""}"#, "user_id"),
            (r#"{"title":"T","id":"x"}"#, "id"),
        ] {
            let error = fault(body);
            assert_eq!((error.code().facts().code, error.param()), ("invalid_field", Some(param)), "{body}");
        }
        for body in ["[]", "", r#"{"title":"a","title":"a"}"#, r#"{"titel":"#] {
            assert_eq!(fault(body).code().facts().code, "invalid_json", "{body}");
        }
    }
}

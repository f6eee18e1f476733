//! A turn as the core works with it.

use gateway_proto::ApiError;
use gateway_proto::v1;
use gateway_storage::KeyClaim;

use super::json_request;
use crate::conversations::parse_id;
use crate::domain::chat::check_request;
use crate::domain::tools::OtherTools;
use crate::domain::turn::{NewMessages, select_new, user_message};
use crate::gate::Acting;
use crate::turn::{Kept, Turn};

/// The one provider that changes an alias.
const OLLAMA: &str = "ollama";

/// Judges a turn, and takes out of it what is new.
pub(in crate::grpc) fn kept_turn(turn: v1::Turn, acting: Acting, key: Option<KeyClaim>) -> Result<Kept, ApiError> {
    let chat = turn.chat.ok_or_else(|| ApiError::missing_field("chat"))?;
    let mut request = json_request(chat)?;
    match turn.provider.as_str() {
        "" => {}
        OLLAMA if !request.parameters.model.is_empty() => request.parameters.model.push_str("-ollama"),
        OLLAMA => {}
        other => return Err(crate::api_errors::provider_not_found(other)),
    }
    if request.parameters.n.is_some_and(|n| n != 1) {
        return Err(ApiError::invalid_field("n", "'n' must be 1 here: a stored turn has one answer."));
    }
    let new = if turn.message_json.is_empty() {
        if request.messages.is_empty() {
            return Err(ApiError::missing_field("message"));
        }
        check_request(&request, OtherTools::Any)?;
        select_new(&request.messages)?
    } else {
        if !request.messages.is_empty() {
            let message = "'message' and 'messages' do not go together; send one of them.";
            return Err(ApiError::invalid_field("messages", message));
        }
        let message = user_message(&turn.message_json)?;
        request.messages = vec![message.clone()];
        check_request(&request, OtherTools::Any).map_err(|error| error.renamed("messages[0].content", "message"))?;
        NewMessages::of_user(message)
    };
    let conversation = match turn.conversation_id.as_str() {
        "" => None,
        id => Some(parse_id(id)?),
    };
    Ok(Kept { acting, request, key, turn: Some(Turn { conversation, new }) })
}

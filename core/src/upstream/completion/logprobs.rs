//! Log probabilities.

use bytes::Bytes;
use gateway_proto::json::{Fault, Reader};
use gateway_proto::v1::{Logprobs, TokenLogprob, TopLogprob, choice};

use super::{list, owned, text};

gateway_proto::json_members! { enum LogprobsMember { Content = "content", Refusal = "refusal" } }
gateway_proto::json_members! {
    enum TokenMember { Token = "token", Logprob = "logprob", Bytes = "bytes", TopLogprobs = "top_logprobs" }
}

/// Reads log probabilities in OpenAI's form, or keeps them as the server wrote them where they are in another.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Option<choice::LogprobsForm>, Fault> {
    let text = reader.value()?;
    if text == "null" {
        return Ok(None);
    }
    Ok(Some(match logprobs(&mut Reader::of_str(text)) {
        Ok(logprobs) => choice::LogprobsForm::Logprobs(logprobs),
        Err(_) => choice::LogprobsForm::LogprobsJson(owned(text)),
    }))
}

fn logprobs(reader: &mut Reader<'_>) -> Result<Logprobs, Fault> {
    let mut logprobs = Logprobs::default();
    logprobs.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            LogprobsMember::Content => logprobs.content = list(reader, token)?,
            LogprobsMember::Refusal => logprobs.refusal = list(reader, token)?,
        }
        Ok(())
    })?;
    Ok(logprobs)
}

fn token(reader: &mut Reader<'_>) -> Result<TokenLogprob, Fault> {
    let mut token = TokenLogprob::default();
    token.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            TokenMember::Token => token.token = text(reader)?,
            TokenMember::Logprob => token.logprob = reader.double()?,
            TokenMember::Bytes => token.utf8 = reader.nullable(bytes)?,
            TokenMember::TopLogprobs => token.top_logprobs = list(reader, top_logprob)?,
        }
        Ok(())
    })?;
    Ok(token)
}

/// A likely token has the members of a token but for the list of likely ones.
fn top_logprob(reader: &mut Reader<'_>) -> Result<TopLogprob, Fault> {
    let TokenLogprob { token, logprob, utf8, unknown_members_json, .. } = token(reader)?;
    Ok(TopLogprob { token, logprob, utf8, unknown_members_json })
}

fn bytes(reader: &mut Reader<'_>) -> Result<Bytes, Fault> {
    let byte = |reader: &mut Reader<'_>| u8::try_from(reader.integer()?).map_err(|_| Fault::invalid("must be a byte."));
    list(reader, byte).map(Bytes::from)
}

//! The list of a model server's models.

use gateway_proto::json::{Fault, Member, Reader};

use super::error::UpstreamError;

gateway_proto::json_members! { enum ListMember { Data = "data" } }
gateway_proto::json_members! { enum ModelMember { Id = "id" } }

/// Reads `{"data":[{"id":"..."}]}`.
pub(super) fn read(body: &[u8]) -> Result<Vec<String>, UpstreamError> {
    let mut ids = None;
    let read = Reader::new(body).and_then(|mut reader| {
        reader.members(|reader, member| {
            match member {
                Member::Known(ListMember::Data) => ids = Some(model_ids(reader)?),
                Member::Unknown(_) => drop(reader.value()?),
            }
            Ok(())
        })
    });
    read.map_err(|fault| UpstreamError::Malformed(fault.into_error(body, "it").message().to_owned()))?;
    ids.ok_or_else(|| UpstreamError::Malformed("it is not a list of models".to_owned()))
}

fn model_ids(reader: &mut Reader<'_>) -> Result<Vec<String>, Fault> {
    let mut ids = Vec::new();
    reader.elements(|reader, _| {
        reader.members(|reader, member| {
            match member {
                Member::Known(ModelMember::Id) => ids.push(reader.string()?.into_owned()),
                Member::Unknown(_) => drop(reader.value()?),
            }
            Ok(())
        })
    })?;
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read() {
        let body = br#"{"object":"list","data":[{"id":"a/b","object":"model"},{"id":"c:1","owned_by":null}]}"#;
        assert_eq!(read(body).unwrap(), ["a/b", "c:1"]);
        assert_eq!(read(br#"{"data":[]}"#).unwrap(), [""; 0]);
        assert!(read(b"{}").is_err() && read(b"<html>").is_err() && read(br#"{"data":[7]}"#).is_err());
    }
}

//! What stands behind the question mark, read strictly. Parameters that a route does not know are passed over.

use std::borrow::Cow;

use gateway_proto::ApiError;
use http::Uri;
use percent_encoding::percent_decode_str;

/// Which limits are right, as a message goes on; the core holds to it.
pub(crate) const LIMIT_RANGE: &str = "from 1 to 100";
/// Which offsets are right, as a message goes on; the core knows which are too large.
pub(crate) const OFFSET_RANGE: &str = "of at least 0";

/// The query of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// The query of this address.
    pub(crate) fn of(uri: &'a Uri) -> Self {
        Self(uri.query().unwrap_or_default())
    }

    /// The parameter of this name. Given twice it must be the same, since nobody could tell which one counts.
    pub(crate) fn text(self, name: &str) -> Result<Option<String>, ApiError> {
        let mut found = None;
        for pair in self.0.split('&') {
            let (written_name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !decode(written_name).is_ok_and(|written_name| written_name == name) {
                continue;
            }
            let value = decode(value).map_err(|_| invalid(name, "must be percent-encoded UTF-8"))?;
            if found.as_ref().is_some_and(|found| *found != value) {
                return Err(invalid(name, "is given twice with different values; send one"));
            }
            found = Some(value);
        }
        Ok(found)
    }

    /// The whole number of this name; which ones are right is for the core to say, and `range` tells it.
    pub(crate) fn whole_number(self, name: &str, range: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_whole);
        number.map(Some).ok_or_else(|| invalid(name, &format!("must be a whole number {range}")))
    }

    /// The end user, empty where the query names none.
    pub(crate) fn user_id(self) -> Result<String, ApiError> {
        self.name("user_id")
    }

    /// The end user, whom the body may name too.
    pub(crate) fn user_id_beside(self, of_body: String) -> Result<String, ApiError> {
        let message = "'body.user_id' and 'query.user_id' name different users; send one of them.";
        beside(self.user_id()?, of_body).ok_or_else(|| ApiError::invalid_field("body.user_id", message))
    }

    /// The scope of memory and prompts, empty where the query names none.
    pub(crate) fn scope(self) -> Result<String, ApiError> {
        self.name("scope")
    }

    /// The scope of memory and prompts, which the body may name too.
    pub(crate) fn scope_beside(self, of_body: String) -> Result<String, ApiError> {
        let message = "'scope' and 'query.scope' name different scopes; send one of them.";
        beside(self.scope()?, of_body).ok_or_else(|| ApiError::invalid_field("scope", message))
    }

    /// A name, empty where there is none. The contract's messages cannot tell an empty name from none, so that it is
    /// refused here: a client that forgot to fill it in must not act as the token itself, or in the usual scope.
    fn name(self, parameter: &str) -> Result<String, ApiError> {
        match self.text(parameter)? {
            Some(empty) if empty.is_empty() => Err(invalid(parameter, "must be 1 to 128 visible ASCII characters")),
            name => Ok(name.unwrap_or_default()),
        }
    }
}

/// The name that one of the two gives; none where they differ.
fn beside(of_query: String, of_body: String) -> Option<String> {
    match (of_query.is_empty(), of_body.is_empty()) {
        (true, _) => Some(of_body),
        (_, true) => Some(of_query),
        _ => (of_query == of_body).then_some(of_body),
    }
}

/// Takes the escapes away, `+` for a space among them, as every form and every client library writes it.
fn decode(written: &str) -> Result<String, std::str::Utf8Error> {
    let spaced = if written.contains('+') { Cow::Owned(written.replace('+', " ")) } else { Cow::Borrowed(written) };
    percent_decode_str(&spaced).decode_utf8().map(Cow::into_owned)
}

/// The error for a parameter with a wrong value.
pub(crate) fn invalid(name: &str, rest_of_sentence: &str) -> ApiError {
    let param = format!("query.{name}");
    let message = format!("'{param}' {rest_of_sentence}.");
    ApiError::invalid_field(param, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: &str = "from 1 to 100";

    fn param<T: std::fmt::Debug>(read: Result<T, ApiError>) -> String {
        let error = read.unwrap_err();
        assert_eq!(error.code().facts().code, "invalid_field");
        error.param().unwrap().to_owned()
    }

    #[test]
    fn parameters_are_found_by_name_and_others_are_passed_over() {
        let uri = Uri::from_static("/x?a=1&b=%C3%A9+%2B&%61fter=z&&c&%ff=%ff");
        let query = Query::of(&uri);
        assert_eq!(query.text("b").unwrap().as_deref(), Some("é +"));
        assert_eq!(query.text("after").unwrap().as_deref(), Some("z"));
        assert_eq!(query.text("c").unwrap().as_deref(), Some(""));
        assert_eq!(query.text("d").unwrap(), None);
        assert_eq!(Query::of(&Uri::from_static("/x")).text("a").unwrap(), None);
    }

    #[test]
    fn a_parameter_must_not_have_two_values() {
        assert_eq!(Query("limit=5&limit=%35").whole_number("limit", RANGE).unwrap(), Some(5));
        assert_eq!(param(Query("limit=5&limit=6").whole_number("limit", RANGE)), "query.limit");
        assert_eq!(param(Query("after=&after=a").text("after")), "query.after");
    }

    #[test]
    fn escapes_must_be_utf_8() {
        assert_eq!(param(Query("after=%ff").text("after")), "query.after");
        assert_eq!(param(Query("after=a&after=%C3").text("after")), "query.after");
    }

    #[test]
    fn only_whole_numbers_are_numbers() {
        for (text, number) in [("0", 0), ("-1", -1), ("020", 20), ("9223372036854775807", i64::MAX)] {
            assert_eq!(Query(&format!("limit={text}")).whole_number("limit", RANGE).unwrap(), Some(number));
        }
        for text in ["", "-", "%2B5", "+5", "5 ", "1.0", "1e2", "ten", "9223372036854775808", "%D9%A3"] {
            let read = Query(&format!("limit={text}").replace(' ', "%20")).whole_number("limit", RANGE);
            assert_eq!(read.as_ref().unwrap_err().message(), "'query.limit' must be a whole number from 1 to 100.");
            assert_eq!(param(read), "query.limit", "{text}");
        }
        assert_eq!(Query("").whole_number("limit", RANGE).unwrap(), None);
    }

    #[test]
    fn body_and_query_must_not_name_different_users() {
        let beside = |query: &'static str, of_body: &str| Query(query).user_id_beside(of_body.to_owned());
        assert_eq!(beside("user_id=ann", "").unwrap(), "ann");
        assert_eq!(beside("user_id=ann", "ann").unwrap(), "ann");
        assert_eq!(beside("", "ann").unwrap(), "ann");
        assert_eq!(beside("", "").unwrap(), "");
        assert_eq!(param(beside("user_id=bob", "ann")), "body.user_id");
        assert_eq!(param(beside("user_id=", "ann")), "query.user_id");
        let scope = |query: &'static str, of_body: &str| Query(query).scope_beside(of_body.to_owned());
        assert_eq!((scope("scope=a", "").unwrap(), scope("", "b").unwrap()), ("a".to_owned(), "b".to_owned()));
        assert_eq!(
            (param(scope("scope=a", "b")), param(scope("scope=", ""))),
            ("scope".to_owned(), "query.scope".to_owned())
        );
    }
}

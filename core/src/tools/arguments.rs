//! Arguments as a type: the schema that is published and the check of what comes are made of the same one.

use std::marker::PhantomData;

use bytes::Bytes;
use gateway_proto::ApiError;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::MAX_ARGUMENTS_BYTES;

/// The arguments of a tool.
#[derive(Debug)]
pub(super) struct Arguments<T> {
    schema: Value,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + JsonSchema> Arguments<T> {
    /// Those of this type.
    pub(super) fn of_type() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.meta_schema = None;
            // Models understand a schema without references better, and some servers take no other.
            settings.inline_subschemas = true;
        });
        let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("title");
            schema.remove("description");
            // Some servers refuse an object without the member.
            schema.entry("properties").or_insert_with(|| Value::Object(serde_json::Map::new()));
        }
        Self { schema, of: PhantomData }
    }

    /// Their JSON Schema.
    pub(super) fn schema(&self) -> Bytes {
        self.schema.to_string().into()
    }

    /// Reads them. An error names the argument and what would be right.
    pub(super) fn read(&self, json: &[u8]) -> Result<T, ApiError> {
        if json.len() > MAX_ARGUMENTS_BYTES {
            let message = format!("'arguments' must be at most {MAX_ARGUMENTS_BYTES} bytes, not {}.", json.len());
            return Err(ApiError::invalid_field("arguments", message));
        }
        // A model that has nothing to say often says nothing at all.
        let json = if json.trim_ascii().is_empty() { b"{}" } else { json };
        // An array would be read as the values in their order.
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(not_an_object());
        }
        let mut reader = serde_json::Deserializer::from_slice(json);
        let read = T::deserialize(&mut reader).and_then(|read| reader.end().map(|()| read));
        read.map_err(|error| self.fault(json, &error))
    }

    fn fault(&self, json: &[u8], error: &serde_json::Error) -> ApiError {
        let Ok(Value::Object(given)) = serde_json::from_slice::<Value>(json) else {
            return not_an_object();
        };
        let properties = self.schema["properties"].as_object();
        let required = self.schema["required"].as_array();
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !given.contains_key(name) {
                return ApiError::missing_field(format!("arguments.{name}"));
            }
        }
        for (name, value) in &given {
            let param = format!("arguments.{}", name.chars().take(64).collect::<String>());
            match properties.and_then(|properties| properties.get(name)) {
                None => {
                    let known: Vec<_> = properties.into_iter().flat_map(|all| all.keys()).map(String::as_str).collect();
                    let message = match known.as_slice() {
                        [] => format!("'{param}' is not known; this tool takes no arguments."),
                        known => format!("'{param}' is not known; this tool takes {}.", known.join(", ")),
                    };
                    return ApiError::invalid_field(param, message);
                }
                Some(schema) if !fits(schema, value) => {
                    let message = format!("'{param}' must be {}.", wanted(schema));
                    return ApiError::invalid_field(param, message);
                }
                Some(_) => {}
            }
        }
        // What is left: a member given twice.
        tracing::debug!(%error, "arguments do not fit");
        ApiError::invalid_field("arguments", "'arguments' must be a JSON object that names each argument once.")
    }
}

fn not_an_object() -> ApiError {
    ApiError::invalid_field("arguments", "'arguments' must be a JSON object.")
}

fn fits(schema: &Value, value: &Value) -> bool {
    match (&schema["enum"], schema["type"].as_str()) {
        (Value::Array(values), _) => values.contains(value),
        (_, Some("string")) => value.is_string(),
        (_, Some("boolean")) => value.is_boolean(),
        (_, Some("integer" | "number")) => value.is_number(),
        _ => true,
    }
}

fn wanted(schema: &Value) -> String {
    match (&schema["enum"], schema["type"].as_str()) {
        (Value::Array(values), _) => values
            .iter()
            .map(|value| format!("'{}'", value.as_str().unwrap_or_default()))
            .collect::<Vec<_>>()
            .join(" or "),
        (_, Some("string")) => "text".to_owned(),
        (_, Some("boolean")) => "true or false".to_owned(),
        _ => "a number".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        /// The key.
        key: String,
        kind: Kind,
        #[serde(default)]
        #[schemars(with = "String")]
        note: Option<String>,
    }

    #[derive(Debug, Deserialize, JsonSchema, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Small,
        Large,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    #[test]
    fn the_schema_says_what_is_taken() {
        let schema: Value = serde_json::from_slice(&Arguments::<Sample>::of_type().schema()).unwrap();
        let expected = serde_json::json!({
            "type": "object",
            "properties": {
                "key": {"description": "The key.", "type": "string"},
                "kind": {"type": "string", "enum": ["small", "large"]},
                "note": {"type": "string"},
            },
            "required": ["key", "kind"],
            "additionalProperties": false,
        });
        assert_eq!(schema["properties"]["note"]["type"], "string");
        assert_eq!(schema["required"], expected["required"]);
        assert_eq!(schema["properties"]["key"], expected["properties"]["key"]);
        assert_eq!(schema["properties"]["kind"], expected["properties"]["kind"]);
        assert_eq!(schema["additionalProperties"], expected["additionalProperties"]);
        let empty: Value = serde_json::from_slice(&Arguments::<Nothing>::of_type().schema()).unwrap();
        assert_eq!((&empty["type"], &empty["properties"]), (&"object".into(), &serde_json::json!({})));
    }

    #[test]
    fn what_fits_is_read() {
        let sample = Arguments::<Sample>::of_type();
        let read = sample.read(br#"{"key":"a","kind":"large","note":null}"#).unwrap();
        assert_eq!((read.key.as_str(), read.kind, read.note), ("a", Kind::Large, None));
        assert!(Arguments::<Nothing>::of_type().read(b" ").is_ok());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let sample = Arguments::<Sample>::of_type();
        for (json, code, param) in [
            (r#"{"kind":"small"}"#, "missing_field", "arguments.key"),
            (r#"{"key":"a"}"#, "missing_field", "arguments.kind"),
            (r#"{"key":7,"kind":"small"}"#, "invalid_field", "arguments.key"),
            (r#"{"key":"a","kind":"huge"}"#, "invalid_field", "arguments.kind"),
            (r#"{"key":"a","kind":"small","tenant":"x"}"#, "invalid_field", "arguments.tenant"),
            (r#"{"key":"a","key":"b","kind":"small"}"#, "invalid_field", "arguments"),
            (r#"["a","small"]"#, "invalid_field", "arguments"),
            (r#"{"key":"a""#, "invalid_field", "arguments"),
            (r#"{"key":"a","kind":"small"} x"#, "invalid_field", "arguments"),
        ] {
            let error = sample.read(json.as_bytes()).unwrap_err();
            assert_eq!((error.code().facts().code, error.param()), (code, Some(param)), "{json}");
        }
        let message = sample.read(br#"{"key":"a","kind":"huge"}"#).unwrap_err().message().to_owned();
        assert_eq!(message, "'arguments.kind' must be 'small' or 'large'.");
        let huge = format!(r#"{{"key":"{}","kind":"small"}}"#, "x".repeat(MAX_ARGUMENTS_BYTES));
        assert_eq!(sample.read(huge.as_bytes()).unwrap_err().param(), Some("arguments"));
    }
}

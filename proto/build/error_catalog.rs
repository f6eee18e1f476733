//! Turns the options of `enum ErrorCode` into a const table; a value without all its facts fails the build by name.

use prost_reflect::{DescriptorPool, DynamicMessage, EnumValueDescriptor, ReflectMessage, Value};
use std::error::Error;
use std::fmt::Write;

use crate::text::{leading_comment, upper_camel};

const PREFIX: &str = "ERROR_CODE_";
/// AIP-193: a reason has at most 63 characters.
const MAX_REASON_CHARS: usize = 63;

pub(crate) fn generate(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let codes = pool.get_enum_by_name("chatgateway.v1.ErrorCode").ok_or("enum ErrorCode is missing")?;
    let option = pool.get_extension_by_name("chatgateway.v1.error_spec").ok_or("option error_spec is missing")?;

    let mut rows = String::new();
    let mut variants = String::new();
    let mut count = 0;
    for (index, value) in codes.values().enumerate().filter(|(_, value)| value.number() != 0) {
        let options = value.options();
        if !options.has_extension(&option) {
            return Err(format!("{} has no error_spec", value.name()).into());
        }
        let spec = options.get_extension(&option);
        let spec = spec.as_message().ok_or("error_spec is not a message")?;
        let enum_path = codes.path();
        let comment_path: Vec<i32> = enum_path.iter().copied().chain([2, i32::try_from(index)?]).collect();
        let description = leading_comment(&codes.parent_file(), &comment_path)
            .ok_or_else(|| format!("{} has no comment", value.name()))?;
        if value.number() != count + 1 {
            return Err(format!("{} must have the number {}", value.name(), count + 1).into());
        }
        rows.push_str(&row(&value, spec, &description)?);
        write!(variants, "ErrorCode::{},", upper_camel(reason(&value)?))?;
        count += 1;
    }
    Ok(format!(
        "/// Every error code, in published order.\n\
         static CODES: [ErrorCode; {count}] = [{variants}];\n\
         /// The facts of every code; a code's number less one is its index.\n\
         static FACTS: [ErrorFacts; {count}] = [\n{rows}];\n"
    ))
}

fn reason(value: &EnumValueDescriptor) -> Result<&str, Box<dyn Error>> {
    let reason = value.name().strip_prefix(PREFIX).ok_or_else(|| format!("{} lacks {PREFIX}", value.name()))?;
    if reason.len() > MAX_REASON_CHARS {
        return Err(format!("{reason} is longer than {MAX_REASON_CHARS} characters").into());
    }
    Ok(reason)
}

fn row(value: &EnumValueDescriptor, spec: &DynamicMessage, description: &str) -> Result<String, Box<dyn Error>> {
    let name = value.name();
    let reason = reason(value)?;
    let http_status = number(spec, "http_status");
    let grpc_code = enum_name(spec, "grpc_code");
    let error_type = enum_name(spec, "type");
    let error_type = error_type.strip_prefix("ERROR_TYPE_").unwrap_or(&error_type).to_lowercase();
    let title = string(spec, "title");
    let remediation = string(spec, "remediation");

    if error_type == "unspecified" || title.is_empty() || remediation.is_empty() {
        return Err(format!("{name} must state type, title and remediation").into());
    }
    if title.ends_with('.') || !remediation.ends_with('.') || !remediation.starts_with(|c: char| c.is_uppercase()) {
        return Err(format!("{name}: a title has no full stop, a remediation is a sentence").into());
    }
    let is_failure = (400..=599).contains(&http_status);
    if !(is_failure || http_status == 200) || (http_status == 200) != (grpc_code == "OK") {
        return Err(format!("{name}: HTTP {http_status} and gRPC {grpc_code} do not fit together").into());
    }

    let typical_param = match string(spec, "typical_param") {
        param if param.is_empty() => "None".to_owned(),
        param => format!("Some({param:?})"),
    };
    Ok(format!(
        "ErrorFacts {{ reason: {reason:?}, code: {code:?}, error_type: {error_type:?}, http_status: {http_status}, \
         grpc_code: tonic::Code::{grpc_variant}, grpc_status: {grpc_code:?}, title: {title:?}, \
         description: {description:?}, remediation: {remediation:?}, typical_param: {typical_param}, \
         retryable: {retryable}, http_only: {http_only} }},\n",
        code = reason.to_lowercase(),
        grpc_variant = upper_camel(&grpc_code),
        retryable = boolean(spec, "retryable"),
        http_only = boolean(spec, "http_only"),
    ))
}

fn field(spec: &DynamicMessage, name: &str) -> Value {
    spec.get_field_by_name(name).map(|value| value.into_owned()).unwrap_or(Value::Bool(false))
}

fn string(spec: &DynamicMessage, name: &str) -> String {
    field(spec, name).as_str().unwrap_or_default().to_owned()
}

fn number(spec: &DynamicMessage, name: &str) -> u32 {
    field(spec, name).as_u32().unwrap_or_default()
}

fn boolean(spec: &DynamicMessage, name: &str) -> bool {
    field(spec, name).as_bool().unwrap_or_default()
}

fn enum_name(spec: &DynamicMessage, name: &str) -> String {
    let number = field(spec, name).as_enum_number().unwrap_or_default();
    let descriptor = spec.descriptor().get_field_by_name(name);
    let kind = descriptor.map(|descriptor| descriptor.kind());
    let value = kind.as_ref().and_then(|kind| kind.as_enum()).and_then(|kind| kind.get_value(number));
    value.map(|value| value.name().to_owned()).unwrap_or_default()
}

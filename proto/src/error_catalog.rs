//! The error catalog as a const table, made by the build from the options in `error_code.proto`.

use crate::v1::ErrorCode;

/// The facts of one error code, as `error_code.proto` states them.
#[derive(Debug)]
pub struct ErrorFacts {
    /// The code on the gRPC wire: `ErrorInfo.reason`.
    pub reason: &'static str,
    /// The code in JSON: the reason in lower case.
    pub code: &'static str,
    /// The `type` in the envelope.
    pub error_type: &'static str,
    /// The HTTP status.
    pub http_status: u16,
    /// The gRPC status code.
    pub grpc_code: tonic::Code,
    /// The gRPC status code by its canonical name.
    pub grpc_status: &'static str,
    /// A short name for people.
    pub title: &'static str,
    /// When it is raised.
    pub description: &'static str,
    /// What to do about it.
    pub remediation: &'static str,
    /// The usual `param`.
    pub typical_param: Option<&'static str>,
    /// Whether the same request may be sent again unchanged.
    pub retryable: bool,
    /// Whether only the HTTP edge can raise it.
    pub http_only: bool,
}

include!(concat!(env!("OUT_DIR"), "/error_catalog.rs"));

impl ErrorCode {
    /// Every code, in published order.
    pub const ALL: &'static [Self] = &CODES;

    /// The facts of this code. `Unspecified`, which is never raised, has those of `internal_error`.
    #[must_use]
    pub const fn facts(self) -> &'static ErrorFacts {
        let number = match self {
            Self::Unspecified => Self::InternalError as usize,
            code => code as usize,
        };
        &FACTS[number - 1]
    }

    /// The code whose `ErrorInfo.reason` this is.
    #[must_use]
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.facts().reason == reason)
    }

    /// The code whose JSON spelling this is.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|candidate| candidate.facts().code == code)
    }

    /// The code for a status whose reason is unknown here, by its gRPC code: what an older edge makes of a newer core.
    #[must_use]
    pub fn fallback(grpc_code: tonic::Code) -> Self {
        use tonic::Code;
        match grpc_code {
            Code::InvalidArgument | Code::FailedPrecondition => Self::InvalidField,
            Code::Unauthenticated => Self::InvalidAuthorization,
            Code::PermissionDenied => Self::Forbidden,
            Code::NotFound | Code::Unimplemented => Self::RouteNotFound,
            Code::ResourceExhausted => Self::RateLimitExceeded,
            Code::DeadlineExceeded => Self::UpstreamTimeout,
            Code::Unavailable => Self::UpstreamUnavailable,
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::AlreadyExists
            | Code::Aborted
            | Code::OutOfRange
            | Code::Internal
            | Code::DataLoss => Self::InternalError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_names() {
        assert_eq!(ErrorCode::ALL.len(), 32);
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_reason(code.facts().reason), Some(*code));
            assert_eq!(ErrorCode::from_code(code.facts().code), Some(*code));
            assert_eq!(format!("ERROR_CODE_{}", code.facts().reason), code.as_str_name());
        }
    }

    #[test]
    fn the_table_holds_what_the_proto_says() {
        let facts = ErrorCode::MemoryBucketFull.facts();
        assert_eq!((facts.http_status, facts.grpc_code), (409, tonic::Code::ResourceExhausted));
        assert_eq!((facts.code, facts.typical_param), ("memory_bucket_full", Some("value")));
        assert!(facts.description.starts_with("The write would take the memory bucket over its cap"));
        assert!(ErrorCode::RequestTimeout.facts().http_only);
    }
}

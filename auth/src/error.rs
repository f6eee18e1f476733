//! What can be wrong with a credential or with the token file.

/// Why a caller is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no credential.
    #[error("no credential")]
    Missing,
    /// There is one and it is not accepted; the reason is for the log only.
    #[error("credential not accepted: {0}")]
    NotAccepted(&'static str),
    /// The token is bound to no tenant and the caller chose none.
    #[error("no tenant chosen")]
    TenantNotChosen,
}

/// Why a token file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It is not YAML of the right form. The text names line and column and holds nothing of the file's values.
    #[error("{0}")]
    Form(String),
    /// A secret cannot be used.
    #[error("line {line}: secret {number} of token '{token}' {reason}")]
    Secret {
        /// The line of the secret, from 1.
        line: u64,
        /// The token's id.
        token: String,
        /// Which of its secrets, from 1.
        number: usize,
        /// What is wrong with it, as in `is shorter than 32 characters`.
        reason: String,
    },
    /// What is said of a tenant or of a token cannot be taken.
    #[error("line {line}: {kind} '{id}' {reason}")]
    Entry {
        /// The line, from 1.
        line: u64,
        /// `tenant` or `token`.
        kind: &'static str,
        /// Its id.
        id: String,
        /// What is wrong with it, as in `has no secret`.
        reason: String,
    },
}

//! Secrets, which are kept only as digests and cannot be printed.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// The fewest characters of a secret that is given in plain: 32 random ones of any usual alphabet are 128 bits and more.
const MIN_CHARS: usize = 32;
/// A digest in the token file begins with this.
const DIGEST_PREFIX: &str = "sha256:";
/// Values that stand in published samples: whoever uses one has no secret.
const PUBLISHED: [&str; 5] = [
    "replace-this-with-a-secret-of-32-characters-or-more",
    "replace-this-with-a-secret-of-32-characters-or-more-of-the-dashboard",
    "replace-this-with-a-secret-of-32-characters-or-more-of-the-platform",
    "sk-0123456789abcdef0123456789abcdef",
    "00000000000000000000000000000000",
];

/// The SHA-256 of a bearer token: what is stored, compared and used as a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Secret([u8; 32]);

/// Why a secret is not taken from the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakSecret {
    /// Too short.
    #[error("is shorter than {MIN_CHARS} characters")]
    Short,
    /// From a published sample.
    #[error("is a published sample value; make your own, for instance with: openssl rand -hex 32")]
    Published,
    /// A digest that is none.
    #[error("begins with {DIGEST_PREFIX} and is not followed by 64 hexadecimal digits")]
    NotADigest,
    /// Characters that an HTTP header cannot carry as they are.
    #[error("holds characters other than visible ASCII, which a bearer token cannot")]
    Unprintable,
}

impl Secret {
    /// The digest of what a caller sent.
    #[must_use]
    pub fn of_token(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// A secret from the operator, in plain.
    pub fn from_plain(value: &str) -> Result<Self, WeakSecret> {
        if value.len() < MIN_CHARS {
            return Err(WeakSecret::Short);
        }
        if PUBLISHED.contains(&value) {
            return Err(WeakSecret::Published);
        }
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WeakSecret::Unprintable);
        }
        Ok(Self::of_token(value.as_bytes()))
    }

    /// A secret from the operator, as `sha256:` and 64 hexadecimal digits.
    pub fn from_digest(value: &str) -> Result<Self, WeakSecret> {
        let is_digest = |digits: &&str| digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digits = value.strip_prefix(DIGEST_PREFIX).filter(is_digest).ok_or(WeakSecret::NotADigest)?;
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).unwrap_or_default();
            *byte = u8::from_str_radix(pair, 16).map_err(|_| WeakSecret::NotADigest)?;
        }
        if PUBLISHED.iter().any(|sample| Self::of_token(sample.as_bytes()).0 == digest) {
            return Err(WeakSecret::Published);
        }
        Ok(Self(digest))
    }

    /// The digest as a token file holds it: `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn digest_text(&self) -> String {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{DIGEST_PREFIX}{digits}")
    }

    /// Compares in a time that does not depend on where the two differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_digest_of_one_secret_are_the_same() {
        // printf correct-horse-battery-staple-0001 | sha256sum
        let digest = "sha256:2f4e28f7a93d48b3e3ce08a0a6b6ceac0a5a9d7b728aab5e99480292f40a49cd";
        let plain = Secret::from_plain("correct-horse-battery-staple-0001").unwrap();
        assert!(plain.matches(&Secret::from_digest(digest).unwrap()));
        assert!(!plain.matches(&Secret::of_token(digest.as_bytes())));
        assert_eq!(plain.digest_text(), digest);
    }

    #[test]
    fn weak_secrets_are_refused() {
        assert_eq!(Secret::from_plain("short"), Err(WeakSecret::Short));
        assert_eq!(Secret::from_plain(PUBLISHED[0]), Err(WeakSecret::Published));
        assert_eq!(Secret::from_plain(&"ä".repeat(32)), Err(WeakSecret::Unprintable));
        assert_eq!(Secret::from_digest("sha256:12"), Err(WeakSecret::NotADigest));
        assert_eq!(Secret::from_digest(&format!("sha256:{}", "+1".repeat(32))), Err(WeakSecret::NotADigest));
        assert_eq!(Secret::from_digest(&"0".repeat(64)), Err(WeakSecret::NotADigest));
    }

    #[test]
    fn a_secret_cannot_be_printed() {
        assert_eq!(format!("{:?}", Secret::of_token(b"x")), "Secret([redacted])");
    }
}

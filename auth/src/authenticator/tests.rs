use super::*;
use crate::scope::Role;
use crate::token::TokenSecret;

pub(super) const FIRST: &str = "first-secret-of-32-characters-0001";
const SECOND: &str = "second-secret-of-32-characters-002";

pub(super) fn limits(rate: Option<f64>) -> UsualLimits {
    let three = NonZeroU32::new(3).unwrap();
    UsualLimits { rate: rate.map(|per_second| RateLimit { per_second, burst: three }), burst: three, streams: three }
}

fn token(id: &str, bound_tenant: Option<&str>, secrets: &[&str]) -> Token {
    let secret = |plain: &&str| TokenSecret::always(Secret::from_plain(plain).unwrap());
    let tenant = bound_tenant.map(|name| TenantId::parse(name).unwrap());
    Token::plain(id, tenant, Role::User, secrets.iter().map(secret).collect())
}

fn table(tokens: impl IntoIterator<Item = Token>) -> TokenTable {
    TokenTable { tenants: Vec::new(), tokens: tokens.into_iter().collect() }
}

pub(super) fn knows(secrets: &[&str]) -> TokenTable {
    table([token("app", Some("acme"), secrets)])
}

fn caller(authenticator: &Authenticator, secret: &str) -> Result<Caller, AuthError> {
    let header = format!("Bearer {secret}");
    authenticator.authenticate([header.as_bytes()].into_iter(), std::iter::empty())
}

fn authenticate(bound: Option<&str>, credentials: &[&[u8]], tenants: &[&[u8]]) -> Result<String, AuthError> {
    let authenticator = Authenticator::new(table([token("app", bound, &[FIRST, SECOND])]), limits(None));
    let caller = authenticator.authenticate(credentials.iter().copied(), tenants.iter().copied())?;
    Ok(format!("{}@{}", caller.token().id, caller.tenant().id))
}

#[test]
fn every_secret_of_a_token_is_accepted() {
    for secret in [FIRST, SECOND] {
        let header = format!("Bearer {secret}");
        assert_eq!(authenticate(Some("acme"), &[header.as_bytes()], &[]).unwrap(), "app@acme");
    }
}

#[test]
fn hostile_credentials_are_not_accepted() {
    let good = format!("Bearer {FIRST}");
    let digest = "Bearer sha256:2f4e28f7a93d48b3e3ce08a0a6b6ceac0a5a9d7b728aab5e99480292f40a49cd";
    let long = format!("Bearer {}", "x".repeat(1 << 20));
    assert_eq!(authenticate(Some("acme"), &[], &[]), Err(AuthError::Missing));
    for bad in [
        b"".as_slice(),
        b"Bearer",
        b"Bearer ",
        b"bearer x",
        b"Basic eA==",
        b"Bearer \xff",
        b"Bearer a b",
        b"Bearer \0",
        b"' OR 1=1 --",
        digest.as_bytes(),
        long.as_bytes(),
        &good.as_bytes()[..good.len() - 1],
    ] {
        let refused = authenticate(Some("acme"), &[bad], &[]).unwrap_err();
        assert!(matches!(refused, AuthError::NotAccepted(_)), "{}", String::from_utf8_lossy(bad));
    }
    let twice = authenticate(Some("acme"), &[good.as_bytes(), good.as_bytes()], &[]);
    assert!(matches!(twice, Err(AuthError::NotAccepted(_))));
}

#[test]
fn a_tenant_must_be_the_bound_one_or_chosen() {
    let good = format!("Bearer {FIRST}");
    let credential: &[&[u8]] = &[good.as_bytes()];
    assert_eq!(authenticate(Some("acme"), credential, &[b"acme"]).unwrap(), "app@acme");
    assert_eq!(authenticate(Some("acme"), credential, &[b"acme", b"acme"]).unwrap(), "app@acme");
    assert_eq!(authenticate(None, credential, &[b"other"]).unwrap(), "app@other");
    assert_eq!(authenticate(None, credential, &[]), Err(AuthError::TenantNotChosen));
    for (bound, tenants) in [
        (Some("acme"), &[b"other".as_slice()][..]),
        (Some("acme"), &[b"acme", b"x"]),
        (None, &[b"a", b"b"]),
        (None, &[b"a/b"]),
    ] {
        assert!(matches!(authenticate(bound, credential, tenants), Err(AuthError::NotAccepted(_))));
    }
}

#[test]
fn a_secret_outside_of_its_time_looks_unknown() {
    let mut late = token("app", Some("acme"), &[FIRST, SECOND]);
    late.secrets[0].expires_at = Some(Timestamp::now());
    late.secrets[1].not_before = Some("2999-01-01T00:00:00Z".parse().unwrap());
    let authenticator = Authenticator::new(table([late]), limits(None));
    for secret in [FIRST, SECOND] {
        assert!(matches!(caller(&authenticator, secret), Err(AuthError::NotAccepted(_))));
    }
}

#[test]
fn a_secret_that_stays_keeps_its_rate_and_its_streams() {
    let authenticator = Authenticator::new(knows(&[FIRST]), limits(Some(0.001)));
    let old = caller(&authenticator, FIRST).unwrap();
    old.limiter().unwrap().charge().unwrap();
    let streams: Vec<_> = (0..3).map(|_| old.open_stream().unwrap()).collect();

    authenticator.replace(knows(&[SECOND, FIRST]));
    let same = caller(&authenticator, FIRST).unwrap();
    assert_eq!(same.limiter().unwrap().peek().unwrap().remaining, 2);
    assert!(!old.revoked().is_cancelled());
    // The new secret has a rate of its own, and shares the streams of its token.
    let new = caller(&authenticator, SECOND).unwrap();
    assert_eq!(new.limiter().unwrap().peek().unwrap().remaining, 3);
    assert_eq!(new.open_stream().unwrap_err().get(), 3);
    drop(streams);
    assert!(new.open_stream().is_ok());
}

#[test]
fn a_secret_that_is_gone_is_refused_and_its_callers_are_told() {
    let authenticator = Authenticator::new(knows(&[FIRST, SECOND]), limits(None));
    let (first, second) = (caller(&authenticator, FIRST).unwrap(), caller(&authenticator, SECOND).unwrap());
    authenticator.replace(knows(&[SECOND]));
    assert!(first.revoked().is_cancelled() && !second.revoked().is_cancelled());
    assert!(caller(&authenticator, FIRST).is_err() && caller(&authenticator, SECOND).is_ok());
    // Back again, it is another.
    authenticator.replace(knows(&[FIRST, SECOND]));
    assert!(!caller(&authenticator, FIRST).unwrap().revoked().is_cancelled());
}

#[test]
fn a_secret_that_changes_hands_does_not_go_on() {
    let authenticator = Authenticator::new(knows(&[FIRST]), limits(None));
    let old = caller(&authenticator, FIRST).unwrap();
    authenticator.replace(table([token("app", Some("other"), &[FIRST])]));
    assert!(old.revoked().is_cancelled());
    assert_eq!(caller(&authenticator, FIRST).unwrap().tenant().id.as_str(), "other");
}

#[test]
fn callers_are_told_when_a_secret_expires() {
    let mut short = token("app", Some("acme"), &[FIRST]);
    let end: Timestamp = "2999-01-01T00:00:00Z".parse().unwrap();
    short.secrets[0].expires_at = Some(end);
    let authenticator = Authenticator::new(table([short]), limits(None));
    let open = caller(&authenticator, FIRST).unwrap();
    authenticator.revoke_expired("2998-12-31T23:59:59Z".parse().unwrap());
    assert!(!open.revoked().is_cancelled());
    authenticator.revoke_expired(end);
    assert!(open.revoked().is_cancelled());
}

use std::sync::Arc;

use http::HeaderMap;

use super::*;
use crate::domain::alias::ModelAlias;
use crate::routing::dice::Dice;
use crate::routing::{Candidate, CircuitState, Target};
use crate::upstream::{BreakerSettings, DailyLimit, Endpoint, Handling, Phase, RetryRule, Timeouts, Upstream};

const SECOND: Duration = Duration::from_secs(1);
const KIND: AnswerKind = AnswerKind::Whole;

fn target(name: &str, retry: RetryRule, daily: Option<u32>) -> Arc<Target> {
    let endpoint = Endpoint {
        base_url: "http://127.0.0.1:1/v1".parse().unwrap(),
        api_key: None,
        headers: HeaderMap::new(),
        extra_roots: Vec::new(),
        timeouts: Timeouts { connect: SECOND, first_byte: SECOND, idle: SECOND, total: SECOND * 60 },
    };
    let handling = Handling {
        retry,
        daily_limit: daily.map(|requests| DailyLimit { requests: Some(requests) }),
        breaker: Some(BreakerSettings { failures: 3, longest_open: SECOND * 30 }),
        ..Handling::default()
    };
    Arc::new(Target::new(
        &Arc::new(Upstream::http(name.to_owned(), &endpoint, handling, 1024).unwrap()),
        name.to_owned(),
    ))
}

fn careful(name: &str) -> Arc<Target> {
    target(name, RetryRule::Unanswered, None)
}

fn safe(name: &str) -> Arc<Target> {
    target(name, RetryRule::Safe, None)
}

/// A route of these targets with their tiers and weights.
fn route(targets: &[(&Arc<Target>, usize, u32)]) -> Route {
    let alias = ModelAlias::parse("asked").unwrap();
    let mut candidates = targets
        .iter()
        .map(|(target, tier, weight)| {
            let member = ModelAlias::parse(target.upstream_model()).unwrap();
            Candidate::new(Arc::clone(target), &alias, member, *tier, *weight)
        })
        .collect::<Vec<_>>()
        .into_iter();
    let first = candidates.next().unwrap();
    let mut route = Route::new(alias.clone(), first, candidates);
    route.dice = Dice::seeded(1);
    route
}

fn walk(route: &Route) -> Walk<'_> {
    Walk::new(route, KIND, None)
}

fn name(attempt: &Attempt) -> String {
    attempt.upstream().name().to_owned()
}

fn refused(status: u16, retry_after: Option<Duration>) -> UpstreamError {
    UpstreamError::Refused { status, message: None, about_token_limit: false, retry_after, says_daily: false }
}

fn unreachable() -> UpstreamError {
    UpstreamError::Unreachable("x".into())
}

fn broken() -> UpstreamError {
    UpstreamError::Broken("x".into())
}

/// Who is asked, in order, when each fails in the same way; and the last failure.
async fn asked(route: &Route, error: impl Fn() -> UpstreamError) -> (Vec<String>, RouteError) {
    let mut walk = walk(route);
    let mut names = Vec::new();
    let mut next = walk.begin();
    loop {
        match next {
            Ok(attempt) => {
                names.push(name(&attempt));
                next = walk.after(attempt, error()).await;
            }
            Err(error) => return (names, error),
        }
    }
}

/// How many of a thousand calls that are answered at once each target gets.
fn shares(route: &Route, targets: &[&Arc<Target>]) -> Vec<usize> {
    let mut shares = vec![0; targets.len()];
    for _ in 0..1000 {
        let attempt = walk(route).begin().unwrap();
        let index = targets.iter().position(|target| target.upstream().name() == name(&attempt)).unwrap();
        shares[index] += 1;
    }
    shares
}

#[tokio::test(start_paused = true)]
async fn a_tier_is_shared_by_weight_and_the_next_is_left_alone() {
    let (a, b, c) = (careful("a"), careful("b"), careful("c"));
    let route = route(&[(&a, 0, 3), (&b, 0, 1), (&c, 1, 1)]);
    let shares = shares(&route, &[&a, &b, &c]);
    assert!((700..800).contains(&shares[0]) && shares[2] == 0, "{shares:?}");
}

#[tokio::test(start_paused = true)]
async fn the_quicker_and_the_less_busy_of_two_is_asked() {
    let (a, b) = (careful("a"), careful("b"));
    let route = route(&[(&a, 0, 1), (&b, 0, 1)]);
    let busy: Vec<_> = (0..8).map(|_| walk(&route).begin().unwrap()).collect();
    let to_a = busy.iter().filter(|attempt| name(attempt) == "a").count();
    assert!((3..=5).contains(&to_a), "{to_a} of 8");
    drop(busy);
    a.answered(KIND, crate::routing::breaker::Pass::Usual, SECOND);
    b.answered(KIND, crate::routing::breaker::Pass::Usual, SECOND * 5);
    assert_eq!(shares(&route, &[&a, &b]), [1000, 0]);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_goes_to_everyone_and_then_to_the_last_again() {
    let (a, b, c) = (careful("a"), careful("b"), careful("c"));
    let route = route(&[(&a, 0, 1), (&b, 1, 1), (&c, 2, 1)]);
    let (names, error) = asked(&route, unreachable).await;
    assert_eq!(names, ["a", "b", "c", "c", "c"]);
    assert!(matches!(error, RouteError::Failed { error: UpstreamError::Unreachable(_), is_daily: false }));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_answered_goes_on_only_from_a_safe_server() {
    let (a, b) = (careful("a"), careful("b"));
    let route = route(&[(&a, 0, 1), (&b, 1, 1)]);
    assert_eq!(asked(&route, broken).await.0, ["a"]);
    assert_eq!(asked(&route, || refused(503, None)).await.0, ["a"]);
    assert_eq!(asked(&route, || refused(503, Some(SECOND))).await.0, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_safe_server_is_asked_again_within_the_budget() {
    let only = safe("a");
    let route = route(&[(&only, 0, 1)]);
    let mut sent = 0;
    for calls in 1..=200 {
        // Malformed answers open no circuit.
        sent += asked(&route, || UpstreamError::Malformed(String::new())).await.0.len();
        assert!(sent * 10 <= calls * 11, "{sent} for {calls}");
    }
    assert_eq!(sent, 220);
    assert_eq!(asked(&route, || refused(400, None)).await.0, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_safe_server_leads_on_to_the_others() {
    let (a, b) = (safe("a"), careful("b"));
    let route = route(&[(&a, 0, 1), (&b, 1, 1)]);
    assert_eq!(asked(&route, broken).await.0, ["a", "b"]);
    assert_eq!(asked(&route, || UpstreamError::TimedOut(Phase::Idle)).await.0, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_asked_to_wait_is_passed_over_while_there_is_another() {
    let (a, b) = (careful("a"), careful("b"));
    let both = route(&[(&a, 0, 1), (&b, 1, 1)]);
    let quota = || refused(429, Some(SECOND * 7));
    assert_eq!(asked(&both, quota).await.0, ["a", "b"]);
    assert_eq!(asked(&route(&[(&a, 0, 1)]), quota).await.0, ["a"], "alone it is asked all the same");
    tokio::time::advance(SECOND * 8).await;
    let mut walk = walk(&both);
    let first = walk.begin().unwrap();
    assert_eq!((name(&first), first.fallback()), ("a".to_owned(), None));
    let attempt = walk.after(first, quota()).await.unwrap();
    assert_eq!((name(&attempt), attempt.fallback().unwrap().as_str()), ("b".to_owned(), "b"));
    drop(attempt);
    assert_eq!(name(&walk_begin(&both)), "b", "a rests");
}

fn walk_begin(route: &Route) -> Attempt {
    walk(route).begin().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_passed_over_and_told_where_there_is_no_other() {
    let (a, b) = (careful("a"), careful("b"));
    let (alone, both) = (route(&[(&a, 0, 1)]), route(&[(&a, 0, 1), (&b, 1, 1)]));
    for _ in 0..3 {
        asked(&alone, || refused(500, None)).await;
    }
    assert_eq!(a.circuit(), CircuitState::Open);
    assert_eq!(name(&walk_begin(&both)), "b");
    assert!(matches!(walk(&alone).begin().unwrap_err(), RouteError::CircuitOpen { wait } if wait <= SECOND));
    tokio::time::advance(SECOND).await;
    let trial = walk_begin(&alone);
    assert_eq!(a.circuit(), CircuitState::HalfOpen);
    assert!(walk(&alone).begin().is_err(), "one trial at a time");
    drop(trial);
    let mut trial = walk_begin(&alone);
    trial.answered();
    assert_eq!(a.circuit(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn neither_a_callers_fault_nor_its_leaving_opens_a_circuit() {
    let a = careful("a");
    let route = route(&[(&a, 0, 1)]);
    for _ in 0..20 {
        asked(&route, || refused(400, None)).await;
        asked(&route, || refused(429, None)).await;
        drop(walk_begin(&route));
        let mut walk = Walk::new(&route, KIND, Some(Instant::now() + SECOND));
        let attempt = walk.begin().unwrap();
        tokio::time::advance(SECOND).await;
        walk.after(attempt, UpstreamError::TimedOut(Phase::Total)).await.unwrap_err();
    }
    assert_eq!(a.circuit(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_beyond_the_callers_time() {
    let (a, b) = (safe("a"), safe("b"));
    let route = route(&[(&a, 0, 1), (&b, 1, 1)]);
    let mut walk = Walk::new(&route, KIND, Some(Instant::now() + SECOND));
    let attempt = walk.begin().unwrap();
    tokio::time::advance(SECOND).await;
    assert!(walk.after(attempt, broken()).await.is_err());

    let alone = super::tests::route(&[(&a, 0, 1)]);
    let mut walk = Walk::new(&alone, KIND, Some(Instant::now()));
    let attempt = walk.begin().unwrap();
    let before = Instant::now();
    assert!(walk.after(attempt, unreachable()).await.is_err());
    assert_eq!(before.elapsed(), Duration::ZERO, "there is no time for a pause");
}

#[tokio::test(start_paused = true)]
async fn an_allowance_for_the_day_leads_on_and_is_told_where_there_is_no_other() {
    let (a, b) = (target("a", RetryRule::Unanswered, Some(2)), careful("b"));
    let (alone, both) = (route(&[(&a, 0, 1)]), route(&[(&a, 0, 1), (&b, 1, 1)]));
    // A server that never saw it has not counted it.
    asked(&alone, unreachable).await;
    assert_eq!(
        [walk_begin(&both), walk_begin(&both), walk_begin(&both)].map(|attempt| name(&attempt)),
        ["a", "a", "b"]
    );
    assert!(matches!(walk(&alone).begin().unwrap_err(), RouteError::DailySpent { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_quota_is_one_for_the_day_by_its_words_or_its_length() {
    let (marked, plain) = (target("a", RetryRule::Unanswered, Some(100)), careful("b"));
    let daily = |says_daily, wait| UpstreamError::Refused {
        status: 429,
        message: None,
        about_token_limit: false,
        retry_after: wait,
        says_daily,
    };
    for (target, error, expected) in [
        (&marked, daily(true, None), true),
        (&marked, daily(false, Some(SECOND * 3601)), true),
        (&marked, daily(false, Some(SECOND * 3600)), false),
        (&marked, daily(false, None), false),
        (&plain, daily(true, Some(SECOND * 90_000)), false),
    ] {
        let told = walk_begin(&route(&[(target, 0, 1)])).refusal(error);
        assert!(matches!(told, RouteError::Failed { is_daily, .. } if is_daily == expected), "{told:?}");
    }
}

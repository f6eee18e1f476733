//! Gateways that share a database: what one writes, the chats of the others have within a second.

use std::time::{Duration, Instant};

use gateway_tests::Postgres;

use super::*;

/// How long it may take until a write is seen elsewhere.
const WITHIN: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_write_is_seen_by_the_other_process_within_a_second() {
    let postgres = Postgres::start();
    let server = echo().await;
    let start = || Stack::builder().upstream(&server.base_url()).set("--database-url", postgres.url()).start();
    let (here, there) = (start().await, start().await);
    let (writer, reader) = (Person::new(&here).named("ann"), Person::new(&there).named("ann"));
    assert_eq!(reader.greet(Way::HttpWhole).await.added(), (false, false));
    for round in 0..10 {
        let text = format!("Prompt {round}.");
        let level = ["tenant", "scope", "user"][round % 3];
        writer.prompt(level, &text).await;
        let acknowledged = Instant::now();
        writer.greet(Way::HttpWhole).await;
        assert!(added(&server).unwrap().contains(&text));
        loop {
            reader.greet(Way::HttpWhole).await;
            if added(&server).is_some_and(|seen| seen.contains(&text)) {
                break;
            }
            assert!(acknowledged.elapsed() < WITHIN, "{text}");
        }
    }
    reader.remember("public", "k", "v").await;
    let acknowledged = Instant::now();
    while !writer.greet(Way::GrpcTurn).await.added().1 {
        assert!(acknowledged.elapsed() < WITHIN);
    }
}

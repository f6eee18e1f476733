//! A client that leaves is booked once, in every phase, and the booking says that it is an estimate.

use gateway_tests::Joined;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// A script, whether a stream is asked for, what the client has to have heard before it leaves, and the answer's tokens
/// that are booked: those that came of a stream; of a whole answer nothing can be counted, and it is its reservation.
fn phases() -> Vec<(Vec<Step>, bool, Option<&'static str>, u64)> {
    let event = format!("data: {PIECE}\n\n");
    let end = format!("{event}data: {END}\n\n");
    vec![
        (vec![Step::Hang], false, None, 50),
        (vec![send("HTTP/1.1 200 OK\r\ncontent-ty"), Step::Hang], false, None, 50),
        (vec![send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":"), Step::Hang], false, None, 50),
        (vec![Step::Hang], true, None, 0),
        (vec![send(HEAD), send(": wait\n\n"), Step::Hang], true, None, 0),
        (vec![send(HEAD), send(&event), Step::Hang], true, Some("abcdefgh"), 2),
        (vec![send(HEAD), send(&end), Step::Hang], true, Some("stop"), 2),
    ]
}

#[tokio::test]
async fn in_every_phase_it_is_booked_once() {
    for joined in [Joined::InProcess, Joined::Tcp] {
        for (number, (script, stream, heard, tokens)) in phases().into_iter().enumerate() {
            let server = ScriptedServer::start(script).await;
            let budgets = "budgets: [{name: b, window: month, requests: 1, tokens: 100000}]";
            let stack = stack_of(&server).budgets(budgets).joined(joined).start().await;
            let body = body("priced", json!({"stream": stream})).to_string();
            let mut client = TcpStream::connect(stack.http_address()).await.unwrap();
            let head = format!(
                "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {BEARER}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            client.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            server.chat_came().await;
            if let Some(heard) = heard {
                let mut bytes = Vec::new();
                while !String::from_utf8_lossy(&bytes).contains(heard) {
                    assert!(client.read_buf(&mut bytes).await.unwrap() > 0);
                }
            }
            drop(client);
            let row = booked(&stack, "priced", 1).await;
            let found = (&row["estimated_requests"], &row["completion_tokens"], &row["priced_requests"]);
            assert_eq!(found, (&json!(1), &json!(tokens), &json!(1)), "{joined:?} {number}: {row}");
            // The budget is charged with it as well.
            assert_eq!(stack.chat(&body).await.code_and_param().0, "model_quota_exhausted", "{joined:?} {number}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_is_booked_with_what_came() {
    let server = ScriptedServer::start(vec![send(HEAD), send(format!("data: {PIECE}\n\n")), Step::Reset]).await;
    let stack = stack_of(&server).start().await;
    for path in ["/v1/chat/completions", "/c1/chat"] {
        post(&stack, path, BEARER, &body("priced", json!({"stream": true}))).await;
    }
    let row = booked(&stack, "priced", 2).await;
    assert_eq!((&row["estimated_requests"], &row["completion_tokens"]), (&json!(2), &json!(4)));
}

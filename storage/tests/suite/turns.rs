//! The life of a turn: what is stored of it, and what is seen before.

use bytes::Bytes;
use gateway_storage::{Begun, ConversationId, FinishedTurn, NewTurn, Stored, TurnSize};

use crate::actor::{ALL, MODEL, ann, cut, end_of, new_turn, running};
use crate::world::World;

on_both!(
    a_finished_turn_is_read_back_byte_for_byte,
    turns_follow_one_another_without_a_gap,
    a_pending_turn_is_invisible,
    an_abandoned_turn_leaves_nothing,
    a_cut_turn_is_kept_and_marked,
    history_is_read_from_any_turn_on,
    the_prompt_begins_where_it_began_for_the_same_model,
    a_turn_of_an_unknown_conversation_is_not_begun,
    many_conversations_are_written_at_once,
);

async fn a_finished_turn_is_read_back_byte_for_byte(world: &World) {
    let ann = ann(&world.open().await);
    let long = "x".repeat(1 << 20);
    let texts = [r#"{"content":"a\u0000b"}"#, "\u{1F469}\u{200D}\u{1F680} e\u{301}", "", &long, "raw \0 and \n"];
    let mut end = end_of(&texts);
    // What is not even text comes back as well.
    end.messages.push(Bytes::from_static(&[0, 0xff, 0xfe, 0x80]));
    let bytes: u64 = end.messages.iter().map(|body| body.len() as u64).sum();
    let turn = ann.begin(None, None).await;
    assert!(turn.is_first && turn.history.is_empty() && turn.byte_count == 0 && turn.passed_over == 0);
    assert_eq!(ann.finish(&turn, end.clone()).await, Stored::Yes);

    let (conversation, messages) = ann.store.messages(&ann.reader(), turn.conversation, 0, 100).await.unwrap().unwrap();
    assert_eq!(conversation.message_count, 6);
    assert_eq!((conversation.user, conversation.model.as_str()), (ann.owner.user.clone(), MODEL));
    assert_eq!((conversation.title, conversation.metadata), (None, None));
    assert_eq!(conversation.created_at, turn.begun_at);
    assert!(conversation.last_used_at >= conversation.created_at);
    for (place, (message, body)) in messages.iter().zip(&end.messages).enumerate() {
        assert_eq!((message.sequence as usize, &message.body), (place, body));
        assert_eq!((message.turn_id, message.complete, message.model.as_str()), (turn.turn, true, MODEL));
        assert_eq!(message.created_at, turn.begun_at);
    }
    assert_eq!(ann.store.history(&ann.owner, turn.conversation, 0).await.unwrap(), end.messages);
    let next = ann.begin(Some(turn.conversation), None).await;
    assert_eq!((next.is_first, next.byte_count), (false, bytes));
    assert_eq!(next.history, [TurnSize { first_sequence: 0, bytes, tokens: 1, continues: false }]);
}

async fn turns_follow_one_another_without_a_gap(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["0", "1"])).await;
    ann.turn(Some(id), end_of(&["2"])).await;
    ann.turn(Some(id), end_of(&["3", "4", "5"])).await;
    assert_eq!(ann.texts(id).await, ["0", "1", "2", "3", "4", "5"]);
    let conversation = ann.get(id).await.unwrap();
    assert_eq!(conversation.message_count, 6);
    assert_eq!(ann.list().await.items, [conversation]);
}

async fn a_pending_turn_is_invisible(world: &World) {
    let ann = ann(&world.open().await);
    let first = ann.begin(None, None).await;
    assert_eq!(ann.get(first.conversation).await, None);
    assert_eq!(ann.list().await.total, 0);
    assert!(ann.list().await.items.is_empty());
    assert!(ann.store.messages(&ann.reader(), first.conversation, 0, 9).await.unwrap().is_none());
    ann.finish(&first, end_of(&["a"])).await;

    let before = ann.get(first.conversation).await.unwrap();
    let second = ann.begin(Some(first.conversation), None).await;
    assert_eq!(ann.texts(first.conversation).await, ["a"]);
    assert_eq!(ann.get(first.conversation).await.unwrap(), before);
    ann.finish(&second, end_of(&["b"])).await;
    assert_eq!(ann.texts(first.conversation).await, ["a", "b"]);
}

async fn an_abandoned_turn_leaves_nothing(world: &World) {
    let ann = ann(&world.open().await);
    let mut direct = world.direct().await;
    let first = ann.begin(None, None).await;
    ann.store.abandon_turn(&ann.owner, &first).await.unwrap();
    assert_eq!(direct.rows().await, [0; 6]);
    // What was given up is not stored later.
    assert_eq!(ann.finish(&first, end_of(&["a"])).await, Stored::LeaseLost);
    assert!(!ann.store.renew_turn(&ann.owner, &first).await.unwrap());
    assert_eq!(direct.rows().await, [0; 6]);

    let id = ann.turn(None, end_of(&["a"])).await;
    let (before, rows) = (ann.get(id).await, direct.rows().await);
    let second = ann.begin(Some(id), None).await;
    ann.store.abandon_turn(&ann.owner, &second).await.unwrap();
    assert_eq!((ann.get(id).await, direct.rows().await), (before, rows));
    assert_eq!(ann.finish(&second, end_of(&["b"])).await, Stored::LeaseLost);
    assert_eq!(ann.texts(id).await, ["a"]);
}

async fn a_cut_turn_is_kept_and_marked(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, cut(&["question", "half an ans"])).await;
    ann.turn(Some(id), end_of(&["again", "answer"])).await;
    let (_, messages) = ann.store.messages(&ann.reader(), id, 0, 9).await.unwrap().unwrap();
    let complete: Vec<bool> = messages.iter().map(|message| message.complete).collect();
    assert_eq!(complete, [false, false, true, true]);
    assert_eq!(ann.texts(id).await, ["question", "half an ans", "again", "answer"]);
}

async fn history_is_read_from_any_turn_on(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, FinishedTurn { tokens: 5, ..end_of(&["0", "11"]) }).await;
    ann.turn(Some(id), FinishedTurn { tokens: 7, continues: true, ..end_of(&["2222"]) }).await;
    ann.turn(Some(id), end_of(&["3", "4"])).await;
    for (from, expected) in [(0, 5), (2, 3), (3, 2), (5, 0), (u32::MAX, 0)] {
        assert_eq!(ann.store.history(&ann.owner, id, from).await.unwrap().len(), expected, "from {from}");
    }
    let next = ann.begin(Some(id), None).await;
    assert_eq!(next.byte_count, 9);
    let sizes = [(0, 3, 5, false), (2, 4, 7, true), (3, 2, 1, false)];
    let sizes =
        sizes.map(|(first_sequence, bytes, tokens, continues)| TurnSize { first_sequence, bytes, tokens, continues });
    assert_eq!(next.history, sizes);
    let nowhere = ConversationId::new_random();
    assert!(ann.store.history(&ann.owner, nowhere, 0).await.unwrap().is_empty());
}

async fn the_prompt_begins_where_it_began_for_the_same_model(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["0", "1"])).await;
    ann.turn(Some(id), end_of(&["2", "3"])).await;
    ann.turn(Some(id), FinishedTurn { prompt_start: 2, ..end_of(&["4", "5"]) }).await;
    let begin = async |model: &str| {
        let new = NewTurn { model: model.to_owned(), ..new_turn(Some(id), None) };
        let turn = running(ann.store.begin_turn(&ann.owner, new).await.unwrap());
        let starts: Vec<u32> = turn.history.iter().map(|size| size.first_sequence).collect();
        (turn.clone(), starts, turn.passed_over)
    };
    let (turn, starts, passed_over) = begin(MODEL).await;
    assert_eq!((starts, passed_over), (vec![2, 4], 1));
    ann.store.abandon_turn(&ann.owner, &turn).await.unwrap();
    // Another model has another window.
    let (turn, starts, passed_over) = begin("larger").await;
    assert_eq!((starts, passed_over), (vec![0, 2, 4], 0));
    ann.finish(&turn, FinishedTurn { model: "larger".to_owned(), prompt_start: 4, ..end_of(&["6"]) }).await;
    assert_eq!(ann.get(id).await.unwrap().model, "larger");
    let (turn, starts, passed_over) = begin("larger").await;
    assert_eq!((starts, passed_over), (vec![4, 6], 2));
    assert_eq!(turn.byte_count, 7);
    ann.store.abandon_turn(&ann.owner, &turn).await.unwrap();
    assert_eq!(begin(MODEL).await.2, 0);
}

async fn a_turn_of_an_unknown_conversation_is_not_begun(world: &World) {
    let ann = ann(&world.open().await);
    let nowhere = Some(ConversationId::new_random());
    assert!(matches!(ann.try_begin(nowhere, None).await, Begun::NotFound));
    assert_eq!(world.direct().await.rows().await, [0; 6]);
}

async fn many_conversations_are_written_at_once(world: &World) {
    let ann = ann(&world.open().await);
    let writers = (0..64).map(|number| {
        let ann = ann.clone();
        tokio::spawn(async move {
            let id = ann.turn(None, end_of(&[&format!("{number} a")])).await;
            ann.turn(Some(id), end_of(&[&format!("{number} b"), "c"])).await;
            (number, id)
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        let (number, id) = writer.await.unwrap();
        assert_eq!(ann.texts(id).await, [format!("{number} a"), format!("{number} b"), "c".to_owned()]);
    }
    let listed = ann.store.conversations(&ann.reader(), ALL).await.unwrap();
    assert_eq!((listed.items.len(), listed.total), (64, 64));
}

//! That pages are found by index; on PostgreSQL the suite counts the scans.

use super::*;

async fn plan(statement: &str, parameters: usize) -> String {
    let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
    migrations::migrate(&mut connection, migrations::SQLITE).await.unwrap();
    let explain = format!("EXPLAIN QUERY PLAN {statement}");
    let mut query = sqlx::query(sqlx::AssertSqlSafe(explain));
    for _ in 0..parameters {
        query = query.bind("");
    }
    let rows = query.fetch_all(&mut connection).await.unwrap();
    let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
    steps.join("\n")
}

#[tokio::test]
async fn pages_are_found_by_index_and_never_sorted() {
    let cases = [
        (conversations::OF_OWNER, 5, vec!["conversations_of_owner (tenant=? AND owner=? AND number<?)"]),
        (conversations::OF_TENANT, 5, vec!["conversations_of_tenant (tenant=? AND number<?)"]),
        (
            conversations::MESSAGES,
            4,
            vec![
                "turns_of_conversation (conversation_id=? AND first_sequence>? AND first_sequence<?)",
                "turns_of_conversation (conversation_id=? AND first_sequence<?)",
                "SEARCH messages USING INDEX sqlite_autoindex_messages_1 (turn_id=?)",
            ],
        ),
        (memory::OF_BUCKET, 5, vec!["sqlite_autoindex_memory_entries_1 (tenant=? AND scope=? AND owner=?)"]),
        (memory::OF_SCOPE, 4, vec!["memory_entries_of_scope (tenant=? AND scope=?)"]),
        (memory::OF_CHAT, 3, vec!["sqlite_autoindex_memory_entries_1 (tenant=? AND scope=? AND owner=?)"]),
        (prompts::LIST, 5, vec!["sqlite_autoindex_prompt_versions_1 (tenant=? AND level=? AND owner=?)"]),
        (
            prompts::OF_CHAT,
            3,
            vec![
                "SEARCH heads USING PRIMARY KEY (tenant=? AND level=? AND owner=?)",
                "SEARCH versions USING INDEX sqlite_autoindex_prompt_versions_1 (tenant=? AND level=? AND owner=? AND version=?)",
            ],
        ),
    ];
    for (statement, parameters, expected) in cases {
        let plan = plan(statement, parameters).await;
        for step in expected {
            assert!(plan.contains(step), "{plan}");
        }
        assert!(!plan.contains("SCAN"), "{plan}");
    }
    for (statement, parameters) in [
        (conversations::OF_OWNER, 5),
        (conversations::OF_TENANT, 5),
        (memory::OF_BUCKET, 5),
        (memory::OF_SCOPE, 4),
        (memory::OF_CHAT, 3),
        (prompts::LIST, 5),
    ] {
        assert!(!plan(statement, parameters).await.contains("TEMP B-TREE"));
    }
}

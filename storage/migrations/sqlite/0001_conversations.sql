-- A conversation whose first turn is stored. `number` is the order in which they came to be: neither an id nor a time is.
CREATE TABLE conversations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    title TEXT,
    metadata BLOB,
    model TEXT NOT NULL,
    message_count INTEGER NOT NULL,
    byte_count INTEGER NOT NULL,
    -- Where the prompt of the last turn began, and for which model.
    prompt_start INTEGER NOT NULL,
    prompt_model TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    -- Set when retention begins to take it away: from then on nobody sees it.
    removed_at INTEGER
) STRICT;
CREATE INDEX conversations_of_owner ON conversations (tenant, owner, number) WHERE removed_at IS NULL;
CREATE INDEX conversations_of_tenant ON conversations (tenant, number) WHERE removed_at IS NULL;
CREATE INDEX conversations_removed ON conversations (removed_at) WHERE removed_at IS NOT NULL;
CREATE INDEX conversations_by_use ON conversations (last_used_at);

-- How many conversations there are, kept with the writes. A user's stand in shard 0; those of a whole tenant, whose
-- owner is '', are spread over shards so that its users do not wait for each other.
CREATE TABLE conversation_counts (
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    shard INTEGER NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (tenant, owner, shard)
) STRICT, WITHOUT ROWID;

-- A turn that runs, which is also the lease of its conversation: nobody else may run one until it is gone or expired.
CREATE TABLE pending_turns (
    conversation_id BLOB NOT NULL PRIMARY KEY,
    turn_id BLOB NOT NULL,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    lease_owner BLOB NOT NULL,
    lease_expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A turn that ended. Its messages have the sequence numbers from `first_sequence` on.
CREATE TABLE turns (
    id BLOB NOT NULL PRIMARY KEY,
    conversation_id BLOB NOT NULL,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    first_sequence INTEGER NOT NULL,
    message_count INTEGER NOT NULL,
    byte_count INTEGER NOT NULL,
    token_count INTEGER NOT NULL,
    -- 1: whole, 0: cut.
    complete INTEGER NOT NULL,
    -- 1: it answers tool calls of the turn before, and makes no sense without it.
    continues INTEGER NOT NULL,
    model TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX turns_of_conversation ON turns (conversation_id, first_sequence);

CREATE TABLE messages (
    turn_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (turn_id, position)
) STRICT;

-- What was asked under an idempotency key. state 0: still runs, 1: answered, 2: cut.
CREATE TABLE idempotency_keys (
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    state INTEGER NOT NULL,
    turn_id BLOB NOT NULL,
    conversation_id BLOB,
    lease_owner BLOB NOT NULL,
    lease_expires_at INTEGER NOT NULL,
    answer BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, owner, route, key)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_of_conversation ON idempotency_keys (conversation_id) WHERE conversation_id IS NOT NULL;

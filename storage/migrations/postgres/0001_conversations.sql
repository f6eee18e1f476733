-- A conversation whose first turn is stored. `number` is the order in which they came to be: neither an id nor a time is.
CREATE TABLE conversations (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    title TEXT,
    metadata BYTEA,
    model TEXT NOT NULL,
    message_count BIGINT NOT NULL,
    byte_count BIGINT NOT NULL,
    -- Where the prompt of the last turn began, and for which model.
    prompt_start BIGINT NOT NULL,
    prompt_model TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    -- Set when retention begins to take it away: from then on nobody sees it.
    removed_at BIGINT
);
CREATE INDEX conversations_of_owner ON conversations (tenant, owner, number) WHERE removed_at IS NULL;
CREATE INDEX conversations_of_tenant ON conversations (tenant, number) WHERE removed_at IS NULL;
CREATE INDEX conversations_removed ON conversations (removed_at) WHERE removed_at IS NOT NULL;
CREATE INDEX conversations_by_use ON conversations (last_used_at);

-- How many conversations there are, kept with the writes. A user's stand in shard 0; those of a whole tenant, whose
-- owner is '', are spread over shards so that its users do not wait for each other.
CREATE TABLE conversation_counts (
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    shard BIGINT NOT NULL,
    total BIGINT NOT NULL,
    PRIMARY KEY (tenant, owner, shard)
);

-- A turn that runs, which is also the lease of its conversation: nobody else may run one until it is gone or expired.
CREATE TABLE pending_turns (
    conversation_id UUID NOT NULL PRIMARY KEY,
    turn_id UUID NOT NULL,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    lease_owner UUID NOT NULL,
    lease_expires_at BIGINT NOT NULL
);

-- A turn that ended. Its messages have the sequence numbers from `first_sequence` on.
CREATE TABLE turns (
    id UUID NOT NULL PRIMARY KEY,
    conversation_id UUID NOT NULL,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    first_sequence BIGINT NOT NULL,
    message_count BIGINT NOT NULL,
    byte_count BIGINT NOT NULL,
    token_count BIGINT NOT NULL,
    -- 1: whole, 0: cut.
    complete BIGINT NOT NULL,
    -- 1: it answers tool calls of the turn before, and makes no sense without it.
    continues BIGINT NOT NULL,
    model TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX turns_of_conversation ON turns (conversation_id, first_sequence);

CREATE TABLE messages (
    turn_id UUID NOT NULL,
    position BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (turn_id, position)
);

-- What was asked under an idempotency key. state 0: still runs, 1: answered, 2: cut.
CREATE TABLE idempotency_keys (
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    state BIGINT NOT NULL,
    turn_id UUID NOT NULL,
    conversation_id UUID,
    lease_owner UUID NOT NULL,
    lease_expires_at BIGINT NOT NULL,
    answer BYTEA,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, owner, route, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_of_conversation ON idempotency_keys (conversation_id) WHERE conversation_id IS NOT NULL;

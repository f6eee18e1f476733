-- What is remembered under a key. The owner of a bucket is a user, or '' for the one that all users of the scope share.
-- Keys are ordered by their bytes, as on the other database.
CREATE TABLE memory_entries (
    tenant TEXT NOT NULL,
    scope TEXT NOT NULL,
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    -- Key and value together, as UTF-8.
    byte_count INTEGER NOT NULL,
    -- The user who wrote the value, which in a shared bucket the owner does not say.
    writer TEXT NOT NULL,
    -- 0: a call of the service, 1: a tool, in the turn that stands beside it where a conversation was kept.
    origin INTEGER NOT NULL,
    conversation_id BLOB,
    turn_id BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, scope, owner, key)
) STRICT;
CREATE INDEX memory_entries_of_scope ON memory_entries (tenant, scope, key, owner) WHERE owner <> '';
CREATE INDEX memory_entries_of_turn ON memory_entries (turn_id) WHERE turn_id IS NOT NULL;

-- What a bucket holds, and the lock under which its writes run. One that holds nothing goes after a while.
CREATE TABLE memory_buckets (
    tenant TEXT NOT NULL,
    scope TEXT NOT NULL,
    owner TEXT NOT NULL,
    entry_count INTEGER NOT NULL,
    byte_count INTEGER NOT NULL,
    PRIMARY KEY (tenant, scope, owner)
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_buckets_empty ON memory_buckets (tenant, scope, owner) WHERE entry_count = 0;

-- How many entries the private buckets of a scope hold together, spread over shards so that its users do not wait for
-- each other.
CREATE TABLE memory_counts (
    tenant TEXT NOT NULL,
    scope TEXT NOT NULL,
    shard INTEGER NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (tenant, scope, shard)
) STRICT, WITHOUT ROWID;

-- A write that is to be confirmed: the SHA-256 of its token, who asked for it, and all that it is bound to. With a turn
-- it can be used only in another one, of the same conversation where one is kept.
CREATE TABLE memory_confirmations (
    token BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    scope TEXT NOT NULL,
    bucket_owner TEXT NOT NULL,
    key TEXT NOT NULL,
    -- The SHA-256 of the value.
    value_digest BLOB NOT NULL,
    conversation_id BLOB,
    turn_id BLOB,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_confirmations_by_end ON memory_confirmations (expires_at);
CREATE INDEX memory_confirmations_of_conversation ON memory_confirmations (conversation_id)
    WHERE conversation_id IS NOT NULL;

-- A place for a system prompt, and the lock under which its versions change. Its owner is '' for the tenant, the scope or
-- the user. That one version is current stands here alone, so that two never are.
CREATE TABLE prompt_heads (
    tenant TEXT NOT NULL,
    level TEXT NOT NULL,
    owner TEXT NOT NULL,
    -- The highest number that was ever given.
    last_version INTEGER NOT NULL,
    current_version INTEGER,
    version_count INTEGER NOT NULL,
    PRIMARY KEY (tenant, level, owner)
) STRICT, WITHOUT ROWID;

CREATE TABLE prompt_versions (
    tenant TEXT NOT NULL,
    level TEXT NOT NULL,
    owner TEXT NOT NULL,
    version INTEGER NOT NULL,
    content TEXT NOT NULL,
    byte_count INTEGER NOT NULL,
    note TEXT,
    author_token TEXT NOT NULL,
    author_user TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, level, owner, version)
) STRICT;

-- How many writes there were of memory and prompts, so that whoever missed the word of one sees that it did. Spread over
-- shards so that they do not wait for each other.
CREATE TABLE stack_changes (
    shard INTEGER NOT NULL PRIMARY KEY,
    counter INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

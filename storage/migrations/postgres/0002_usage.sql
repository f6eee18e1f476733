-- What a tenant used of a model within an hour (UTC), folded in from the journals of the processes.
CREATE TABLE usage_hours (
    tenant TEXT NOT NULL,
    hour BIGINT NOT NULL,
    model TEXT NOT NULL,
    requests BIGINT NOT NULL,
    -- Of these, the ones whose tokens were counted by the gateway, since the model server told none.
    estimated_requests BIGINT NOT NULL,
    -- Of these, the ones whose price was known.
    priced_requests BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    cached_prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cost_nano_usd BIGINT NOT NULL,
    PRIMARY KEY (tenant, hour, model)
);

-- Up to which record the journal of a process is folded in: what comes again is not counted again.
CREATE TABLE usage_journals (
    process UUID NOT NULL PRIMARY KEY,
    folded BIGINT NOT NULL,
    folded_at BIGINT NOT NULL
);
CREATE INDEX usage_journals_by_age ON usage_journals (folded_at);

-- What of a budget is taken within a window of its time: what was settled, and all that is leased to processes.
CREATE TABLE budget_windows (
    tenant TEXT NOT NULL,
    budget TEXT NOT NULL,
    unit TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    PRIMARY KEY (tenant, budget, unit, starts_at)
);
CREATE INDEX budget_windows_by_end ON budget_windows (ends_at);

-- What of a window a process holds: leased to it and not settled yet. What of it was settled shows in the journal of
-- the process; without its journal it stays taken.
CREATE TABLE budget_leases (
    process UUID NOT NULL,
    tenant TEXT NOT NULL,
    budget TEXT NOT NULL,
    unit TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (process, tenant, budget, unit, starts_at)
);
CREATE INDEX budget_leases_by_end ON budget_leases (ends_at);

-- The processes that lease, and when each last gave a sign of life.
CREATE TABLE budget_processes (
    process UUID NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL
);

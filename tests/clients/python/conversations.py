"""A client of stored conversations that keeps account of what was acknowledged, and finds out whether it is there."""

import http.client
import json
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from model_server import MODEL, answer_to
from programs import BEARER

# Nothing here takes that long; it keeps a test that hangs from hanging for ever.
TIMEOUT_SECONDS = 60
PAGE = 100


class Cut(Exception):
    """The connection ended before the whole answer was there."""


class Refused(Exception):
    """The answer was an error."""

    def __init__(self, status, error):
        super().__init__(f"{status} {error}")
        self.status, self.code = status, error.get("code")


class Answer(NamedTuple):
    conversation_id: str
    text: str
    # What tells one completion from another.
    completion_id: str


class Violation(NamedTuple):
    """A promise that was broken."""

    kind: str
    detail: str


class Client:
    """Speaks for one user to whichever gateway serves now: `server` gives its URL."""

    def __init__(self, server, user=None, token=BEARER):
        self.server = server
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if user:
            self.headers["SPASS-User-Id"] = user

    def open(self, method, path, body=None, headers=None):
        """Sends a request on a connection of its own, and gives that and the answer's head."""
        connection = http.client.HTTPConnection(urlsplit(self.server()).netloc, timeout=TIMEOUT_SECONDS)
        try:
            body = None if body is None else json.dumps(body).encode()
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            return connection, connection.getresponse()
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException) as failure:
            connection.close()
            raise Cut(repr(failure)) from failure

    def send(self, method, path, body=None, headers=None):
        """The whole answer: its status, its JSON if there is any, and its headers."""
        connection, response = self.open(method, path, body, headers)
        with connection_closed(connection):
            data = response.read()
            return response.status, json.loads(data) if data else None, response.headers

    def get(self, path):
        status, body, _ = self.send("GET", path)
        if status != 200:
            raise Refused(status, body["error"])
        return body

    def turn(self, text, conversation_id=None, stream=False, key=None):
        """One turn, answered in full."""
        body = {"model": MODEL, "message": text, "stream": stream}
        if conversation_id:
            body["conversation_id"] = conversation_id
        connection, response = self.open("POST", "/c1/chat", body, {"Idempotency-Key": key} if key else {})
        with connection_closed(connection):
            return answer_of(response, stream)

    def say(self, text, stream=False):
        """A chat that nothing is kept of."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": text}], "stream": stream}
        connection, response = self.open("POST", "/v1/chat/completions", body)
        with connection_closed(connection):
            return answer_of(response, stream)

    def conversations(self):
        """All rows of the list, and what it says of their number."""
        rows, total = [], None
        while total is None or len(rows) < total:
            after = f"&after={rows[-1]['id']}" if rows else ""
            page = self.get(f"/c1/conversations?limit={PAGE}{after}")
            total = page["total"]
            if not page["items"]:
                break
            rows += page["items"]
        return rows, total

    def messages(self, conversation_id):
        """All messages of a conversation, page by page."""
        messages, total = [], None
        while total is None or len(messages) < total:
            page = self.get(f"/c1/conversations/{conversation_id}/messages?limit={PAGE}&offset={len(messages)}")
            total = page["total"]
            if not page["items"]:
                break
            messages += page["items"]
        return messages


class connection_closed:
    """Closes a connection in the end, and tells an answer that breaks off by its name."""

    def __init__(self, connection):
        self.connection = connection

    def __enter__(self):
        pass

    def __exit__(self, _, failure, __):
        self.connection.close()
        if isinstance(failure, (OSError, http.client.HTTPException)) and not isinstance(failure, TimeoutError):
            raise Cut(repr(failure)) from failure


def answer_of(response, stream):
    """The answer to a chat, if it is there to its end."""
    conversation_id = response.headers["x-conversation-id"]
    if response.status != 200:
        raise Refused(response.status, json.loads(response.read())["error"])
    if not stream:
        completion = json.loads(response.read())
        return Answer(conversation_id, completion["choices"][0]["message"]["content"], completion["id"])
    text, ids = "", set()
    for data in data_lines(response):
        if data == b"[DONE]":
            (completion_id,) = ids
            return Answer(conversation_id, text, completion_id)
        chunk = json.loads(data)
        if "error" in chunk:
            raise Refused(200, chunk["error"])
        ids.add(chunk["id"])
        for choice in chunk["choices"]:
            text += choice["delta"].get("content") or ""
    raise Cut("the stream ended without [DONE]")


def data_lines(response):
    while line := response.readline():
        if line.startswith(b"data: "):
            yield line.removeprefix(b"data: ").rstrip(b"\r\n")


@dataclass
class Turn:
    text: str
    # Where it was sent to; after that, where its answer says it is.
    conversation_id: str | None
    is_acknowledged: bool = False


@dataclass
class Account:
    """What one user sent, in the order of sending, and what of it was acknowledged."""

    client: Client
    turns: dict[str, Turn] = field(default_factory=dict)
    # The conversations whose deletion was asked for, and whether it was acknowledged.
    deletions: dict[str, bool] = field(default_factory=dict)

    def turn(self, text, conversation_id=None, stream=False, key=None):
        """Sends a turn and takes note of it."""
        turn = self.note(text, conversation_id)
        answer = self.client.turn(text, conversation_id, stream, key)
        assert answer.text == answer_to(text), f"{answer.text!r} is no answer to {text!r}"
        assert answer.conversation_id and turn.conversation_id in (None, answer.conversation_id)
        turn.conversation_id, turn.is_acknowledged = answer.conversation_id, True
        return answer

    def note(self, text, conversation_id):
        """Takes note of a turn before it is sent. Its text is unlike every other, but may be sent again."""
        return self.turns.setdefault(text, Turn(text, conversation_id))

    def delete(self, conversation_id):
        """Deletes a conversation for good."""
        self.deletions.setdefault(conversation_id, False)
        status, body, _ = self.client.send("DELETE", f"/c1/conversations/{conversation_id}")
        if status != 204:
            raise Refused(status, body["error"])
        self.deletions[conversation_id] = True

    def check(self):
        """Reads everything back, and gives what is not as it was promised."""
        violations = []
        rows, total = self.client.conversations()
        ids = [row["id"] for row in rows]
        if not total == len(ids) == len(set(ids)):
            violations.append(Violation("list", f"{len(set(ids))} conversations in {len(ids)} rows, total {total}"))
        stored = {}
        for row in rows:
            conversation = self.client.get(f"/c1/conversations/{row['id']}")
            if row["message_count"] != conversation["message_count"]:
                violations.append(Violation("list", f"{row} is listed, {conversation['message_count']} messages found"))
            violations += self.check_conversation(conversation, stored)
        for conversation_id, is_acknowledged in self.deletions.items():
            if is_acknowledged and conversation_id in ids:
                violations.append(Violation("undeleted", conversation_id))
        for turn in self.turns.values():
            if turn.conversation_id in self.deletions and turn.conversation_id not in ids:
                continue
            if turn.is_acknowledged and stored.get(turn.text) != turn.conversation_id:
                violations.append(Violation("lost", f"{turn} is in {stored.get(turn.text)}"))
        return violations

    def check_conversation(self, conversation, stored):
        """What is wrong with one conversation. Notes in `stored` where each text was found."""
        name, messages = conversation["id"], conversation["messages"]
        violations = []
        if conversation["message_count"] != len(messages) or not messages:
            violations.append(Violation("count", f"{name}: {conversation['message_count']}, found {len(messages)}"))
        sequence = [message["sequence"] for message in messages]
        if sequence != list(range(len(messages))):
            violations.append(Violation("sequence", f"{name}: {sequence}"))
        turns = {}
        for message in messages:
            turns.setdefault(message["turn_id"], []).append(message)
        order = []
        for turn_id, parts in turns.items():
            if [part["role"] for part in parts] != ["user", "assistant"]:
                violations.append(Violation("half", f"{name}, {turn_id}: {parts}"))
                continue
            question, answer = (part["content"] for part in parts)
            if {part["status"] for part in parts} != {"complete"}:
                violations.append(Violation("half", f"{name}, {turn_id}: {parts}"))
            if question not in self.turns or self.turns[question].conversation_id not in (None, name):
                violations.append(Violation("stray", f"{name}, {turn_id}: {question!r} was not sent here"))
            if answer != answer_to(question):
                violations.append(Violation("changed", f"{name}, {turn_id}: {question!r} has the answer {answer!r}"))
            if question in stored:
                violations.append(Violation("duplicate", f"{question!r} is in {stored[question]} and {name}"))
            stored[question] = name
            order.append(question)
        known = set(order)
        if order != [text for text in self.turns if text in known]:
            violations.append(Violation("order", f"{name}: {order}"))
        return violations

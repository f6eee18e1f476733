"""The same calls over HTTP and over gRPC, and what comes of them in one form."""

import http.client
import json
import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

# Nothing here takes that long; it keeps a test that hangs from hanging for ever.
TIMEOUT_SECONDS = 60

# What an error of each code has as its status over gRPC; over HTTP the tests name it.
GRPC_STATUS = {
    "missing_authorization": grpc.StatusCode.UNAUTHENTICATED,
    "invalid_authorization": grpc.StatusCode.UNAUTHENTICATED,
    "forbidden": grpc.StatusCode.PERMISSION_DENIED,
    "missing_field": grpc.StatusCode.INVALID_ARGUMENT,
    "invalid_field": grpc.StatusCode.INVALID_ARGUMENT,
    "model_not_in_allowlist": grpc.StatusCode.INVALID_ARGUMENT,
    "rate_limit_exceeded": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "overloaded": grpc.StatusCode.UNAVAILABLE,
    "request_timeout": grpc.StatusCode.DEADLINE_EXCEEDED,
}


class Outcome(NamedTuple):
    """What came of a call. An error has a code, and whatever else belongs to it; an answer has none."""

    status: int | grpc.StatusCode
    code: str | None
    message: str
    param: str | None
    # Seconds, as the client is told to wait.
    retry_after: int | None
    headers: dict
    # The JSON over HTTP, the message over gRPC.
    body: object

    @property
    def is_admitted(self):
        return self.code is None

    @property
    def told(self):
        """What must be the same over both wires."""
        return self.code, self.param, self.message


def bearer(token):
    return {"authorization": f"Bearer {token}"}


class HttpWire:
    """Calls over HTTP, each on a connection of its own unless `kept` holds one."""

    name = "http"

    def __init__(self, gateway):
        self.address = urlsplit(gateway.http_url).netloc
        self.kept = None

    def __enter__(self):
        """Keeps one connection for the calls that follow, which must then come from one thread."""
        self.kept = http.client.HTTPConnection(self.address, timeout=TIMEOUT_SECONDS)
        return self

    def __exit__(self, *_):
        self.kept.close()
        self.kept = None

    def send(self, method, path, body=None, headers=None):
        connection = self.kept or http.client.HTTPConnection(self.address, timeout=TIMEOUT_SECONDS)
        headers = {"content-type": "application/json", **(headers or {})}
        body = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            data = response.read()
        finally:
            if connection is not self.kept:
                connection.close()
        return outcome_over_http(response, data)

    def list_models(self, headers):
        return self.send("GET", "/v1/models", headers=headers)

    def get_model(self, headers, alias):
        return self.send("GET", f"/v1/models/{quote(alias)}", headers=headers)

    def chat(self, headers, model, text):
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        return self.send("POST", "/v1/chat/completions", body, headers)

    def turn(self, headers, model, text, **members):
        return self.send("POST", "/c1/chat", {"model": model, "message": text, **members}, headers)

    def list_conversations(self, headers):
        return self.send("GET", "/c1/conversations", headers=headers)

    def get_conversation(self, headers, conversation_id):
        return self.send("GET", f"/c1/conversations/{conversation_id}", headers=headers)

    def delete_conversation(self, headers, conversation_id):
        return self.send("DELETE", f"/c1/conversations/{conversation_id}", headers=headers)

    def stream(self, headers, text, model="demo"):
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": True}
        return HttpStream(self.address, "/v1/chat/completions", body, headers)

    def stream_turn(self, headers, text, model="demo"):
        return HttpStream(self.address, "/c1/chat", {"model": model, "message": text, "stream": True}, headers)

    def close(self):
        pass


class HttpStream:
    """A stream that was asked for. `refusal` is there when it did not begin."""

    def __init__(self, address, path, body, headers):
        self.connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
        headers = {"content-type": "application/json", **headers}
        self.connection.request("POST", path, json.dumps(body).encode(), headers)
        self.response = self.connection.getresponse()
        self.refusal = None
        if self.response.status != 200:
            self.refusal = outcome_over_http(self.response, self.response.read())
            self.close()

    def next(self):
        """The data of the next event."""
        while line := self.response.readline():
            if line.startswith(b"data: "):
                return line.removeprefix(b"data: ").strip()
        raise AssertionError("the stream broke off")

    def end(self):
        """Reads to the end, and gives the error's code that it ended with; None when all is well."""
        code = None
        while (data := self.next()) != b"[DONE]":
            code = json.loads(data).get("error", {}).get("code")
        return code

    def close(self):
        self.response.close()
        self.connection.close()


class GrpcWire:
    """Calls over gRPC, all on one connection, which no other wire shares."""

    name = "grpc"

    def __init__(self, gateway, protos):
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        self.channel = grpc.insecure_channel(gateway.grpc_address, options=options)
        self.protos = protos
        self.chats = protos.ChatServiceStub(self.channel)
        self.models = protos.ModelServiceStub(self.channel)
        self.conversations = protos.ConversationServiceStub(self.channel)
        self.identities = protos.IdentityServiceStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, method, message, headers):
        metadata = list(headers.items()) if isinstance(headers, dict) else headers
        try:
            body, call = method.with_call(message, metadata=metadata, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            return outcome_over_grpc(error)
        headers = dict(call.initial_metadata()) | dict(call.trailing_metadata())
        return Outcome(grpc.StatusCode.OK, None, "", None, None, headers, body)

    def list_models(self, headers):
        return self.send(self.models.ListModels, self.protos.ListModelsRequest(), headers)

    def get_model(self, headers, alias):
        return self.send(self.models.GetModel, self.protos.GetModelRequest(alias=alias), headers)

    def chat_request(self, model, text):
        message = self.protos.ChatMessage(role=self.protos.ROLE_USER, text=text)
        return self.protos.ChatRequest(model=model, messages=[message])

    def chat(self, headers, model, text):
        message = self.protos.CreateChatCompletionRequest(chat=self.chat_request(model, text))
        return self.send(self.chats.CreateChatCompletion, message, headers)

    def turn_message(self, model, text, **members):
        chat = self.protos.ChatRequest(model=model)
        return self.protos.Turn(message_json=json.dumps(text).encode(), chat=chat, **members)

    def turn(self, headers, model, text, **members):
        message = self.protos.CreateTurnRequest(turn=self.turn_message(model, text, **members))
        return self.send(self.conversations.CreateTurn, message, headers)

    def list_conversations(self, headers):
        return self.send(self.conversations.ListConversations, self.protos.ListConversationsRequest(), headers)

    def get_conversation(self, headers, conversation_id):
        message = self.protos.GetConversationRequest(conversation_id=conversation_id)
        return self.send(self.conversations.GetConversation, message, headers)

    def delete_conversation(self, headers, conversation_id):
        message = self.protos.DeleteConversationRequest(conversation_id=conversation_id)
        return self.send(self.conversations.DeleteConversation, message, headers)

    def stream(self, headers, text, model="demo"):
        message = self.protos.StreamChatCompletionRequest(chat=self.chat_request(model, text))
        return GrpcStream(self.chats.StreamChatCompletion, message, headers)

    def stream_turn(self, headers, text, model="demo"):
        message = self.protos.StreamTurnRequest(turn=self.turn_message(model, text))
        return GrpcStream(self.conversations.StreamTurn, message, headers)

    def close(self):
        self.channel.close()


class GrpcStream:
    """A stream that was asked for. `refusal` is there when it did not begin."""

    def __init__(self, method, message, headers):
        self.call = method(message, metadata=list(headers.items()), timeout=TIMEOUT_SECONDS)
        self.refusal = None
        # A stream's head comes with its first message, an error instead of it without any.
        try:
            self.first = next(self.call)
        except grpc.RpcError as error:
            self.refusal = outcome_over_grpc(error)

    def next(self):
        first, self.first = self.first, None
        return first or next(self.call)

    def end(self):
        """Reads to the end, and gives the error's code that it ended with; None when all is well."""
        try:
            for _ in self.call:
                pass
            return None
        except grpc.RpcError as error:
            return outcome_over_grpc(error).code

    def close(self):
        self.call.cancel()


def outcome_over_http(response, data):
    headers = {name.lower(): value for name, value in response.headers.items()}
    body = json.loads(data) if data else None
    if response.status < 400:
        return Outcome(response.status, None, "", None, None, headers, body)
    error = body["error"]
    assert headers["x-error-code"] == error["code"]
    retry_after = headers.get("retry-after")
    retry_after = None if retry_after is None else int(retry_after)
    return Outcome(response.status, error["code"], error["message"], error.get("param"), retry_after, headers, body)


def outcome_over_grpc(error):
    status = rpc_status.from_call(error)
    assert status is not None, f"no details: {error}"
    details = {}
    for packed in status.details:
        name = packed.type_url.rsplit(".", 1)[1]
        details[name] = getattr(error_details_pb2, name)()
        assert packed.Unpack(details[name])
    code = details["ErrorInfo"].reason.lower()
    assert details["ErrorInfo"].domain == "chat-gateway"
    assert error.code() == GRPC_STATUS.get(code, error.code())
    param = details["BadRequest"].field_violations[0].field if "BadRequest" in details else None
    retry_after = None
    if "RetryInfo" in details:
        delay = details["RetryInfo"].retry_delay
        assert delay.nanos == 0
        retry_after = delay.seconds
    headers = dict(error.initial_metadata()) | dict(error.trailing_metadata())
    return Outcome(error.code(), code, error.details(), param, retry_after, headers, status)


def replace_file(path, text):
    """Puts a file in the place of another, so that nobody ever sees half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.chmod(0o600)
    os.replace(new, path)


def token(name, *secrets, **members):
    """A token of a token file, of tenant `acme`, a user without a limit unless something else is said."""
    usual = {"bound_tenant": "acme", "role": "user", "rate_limit": {"per_second": 0}}
    entries = [secret if isinstance(secret, dict) else {"value": secret} for secret in secrets]
    entry = {"id": name, **usual, **members, "secrets": entries}
    return {name: value for name, value in entry.items() if value is not None}


def token_file(*tokens, tenants=()):
    """The text of a token file: JSON, which is YAML too."""
    return json.dumps({"tenants": list(tenants), "tokens": list(tokens)}, indent=1)


def secret_of(name):
    """A secret that tells in a failed test whose it is."""
    return f"{name}-secret-of-the-python-tests-{len(name):032}"

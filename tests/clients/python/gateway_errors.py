"""The gateway's errors: the catalog as the protos state it, and what one error says of itself."""

from dataclasses import dataclass
from datetime import timedelta

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from chatgateway.v1 import error_code_pb2, error_spec_pb2
from chatgateway.v1.error_code_pb2 import ErrorCode

DOMAIN = "chat-gateway"
PREFIX = "ERROR_CODE_"

# Every code, in published order.
CODES = [code for code in ErrorCode.values() if code != error_code_pb2.ERROR_CODE_UNSPECIFIED]


def code_of(reason):
    """The code of an ErrorInfo's reason; one that is newer than these protos is ERROR_CODE_UNSPECIFIED."""
    return dict(ErrorCode.items()).get(PREFIX + reason, error_code_pb2.ERROR_CODE_UNSPECIFIED)


def text(code):
    """A code as JSON and the documentation spell it, as in `invalid_field`."""
    return ErrorCode.Name(code).removeprefix(PREFIX).lower()


def spec(code):
    """The facts of a code: its HTTP status, whether it may be retried, what to do about it."""
    options = ErrorCode.DESCRIPTOR.values_by_number[code].GetOptions()
    return options.Extensions[error_spec_pb2.error_spec]


@dataclass(frozen=True)
class GatewayError:
    """What the gateway says of an error."""

    code: int
    text: str  # The code's text, also of a code that is newer than these protos.
    message: str
    param: str | None  # The field at fault.
    retryable: bool  # Of this very request: an occurrence may say no where the catalog says yes.
    retry_delay: timedelta | None
    request_id: str | None


def gateway_error(error: grpc.RpcError) -> GatewayError | None:
    """Unpacks an error of the gateway; anything else, as a connection that broke, is None."""
    status = rpc_status.from_call(error)
    if status is None:
        return None
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry, request = error_details_pb2.RetryInfo(), error_details_pb2.RequestInfo()
    found = {
        type(detail) for packed in status.details for detail in (info, bad_request, retry, request) if packed.Unpack(detail)
    }
    if info.domain != DOMAIN:
        return None
    return GatewayError(
        code=code_of(info.reason),
        text=info.reason.lower(),
        message=status.message,
        param=bad_request.field_violations[0].field if bad_request.field_violations else None,
        retryable=info.metadata["retryable"] == "true",
        retry_delay=retry.retry_delay.ToTimedelta() if type(retry) in found else None,
        request_id=request.request_id or None,
    )

// The gateway's errors: the catalog as the protos state it, and what one error says of itself.

import { getOption } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { ErrorCode, ErrorCodeSchema } from "../generated/chatgateway/v1/error_code_pb.js";
import { error_spec, type ErrorSpec } from "../generated/chatgateway/v1/error_spec_pb.js";
import { BadRequestSchema, ErrorInfoSchema, RequestInfoSchema, RetryInfoSchema } from "../generated/google/rpc/error_details_pb.js";

export { ErrorCode };

const domain = "chat-gateway";

/** Every code of the catalog, in published order. */
export const errorCodes: ErrorCode[] = ErrorCodeSchema.values
  .map((value) => value.number as ErrorCode)
  .filter((code) => code !== ErrorCode.UNSPECIFIED);

/** The code of an `ErrorInfo.reason`; one that is newer than these protos is UNSPECIFIED. */
export function errorCodeOf(reason: string): ErrorCode {
  return errorCodes.find((code) => ErrorCode[code] === reason) ?? ErrorCode.UNSPECIFIED;
}

/** The code as JSON and the documentation spell it, as in `invalid_field`. */
export function codeText(code: ErrorCode): string {
  return ErrorCode[code].toLowerCase();
}

/** The facts of a code: its HTTP status, whether it may be retried, what to do about it. */
export function errorSpec(code: ErrorCode): ErrorSpec {
  return getOption(ErrorCodeSchema.value[code], error_spec);
}

/** What the gateway says of an error. */
export interface GatewayError {
  code: ErrorCode;
  /** The code's text, also of a code that is newer than these protos. */
  text: string;
  message: string;
  /** The field at fault. */
  param?: string;
  /** Whether this very request may be sent again: an occurrence may say no where the catalog says yes. */
  retryable: boolean;
  retryDelayMs?: number;
  requestId?: string;
}

/** Unpacks an error of the gateway; anything else, as a connection that broke, is undefined. */
export function gatewayError(error: unknown): GatewayError | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const info = error.findDetails(ErrorInfoSchema).find((info) => info.domain === domain);
  if (!info) return undefined;
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return {
    code: errorCodeOf(info.reason),
    text: info.reason.toLowerCase(),
    message: error.rawMessage,
    param: error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field,
    retryable: info.metadata.retryable === "true",
    retryDelayMs: delay && durationMs(delay),
    requestId: error.findDetails(RequestInfoSchema)[0]?.requestId,
  };
}

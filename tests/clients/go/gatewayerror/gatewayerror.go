// Package gatewayerror has the gateway's errors: the catalog as the protos state it, and what one error says of itself.
package gatewayerror

import (
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	gateway "chatgateway.example/client/generated/chatgateway/v1"
)

const (
	domain = "chat-gateway"
	prefix = "ERROR_CODE_"
)

// Codes gives every code of the catalog, in published order.
func Codes() []gateway.ErrorCode {
	var codes []gateway.ErrorCode
	values := gateway.ErrorCode(0).Descriptor().Values()
	for i := range values.Len() {
		if number := values.Get(i).Number(); number != 0 {
			codes = append(codes, gateway.ErrorCode(number))
		}
	}
	return codes
}

// CodeOf gives the code of an ErrorInfo's reason; one that is newer than these protos is UNSPECIFIED.
func CodeOf(reason string) gateway.ErrorCode {
	return gateway.ErrorCode(gateway.ErrorCode_value[prefix+reason])
}

// Text gives a code as JSON and the documentation spell it, as in invalid_field.
func Text(code gateway.ErrorCode) string {
	return strings.ToLower(strings.TrimPrefix(code.String(), prefix))
}

// Spec gives the facts of a code: its HTTP status, whether it may be retried, what to do about it.
func Spec(code gateway.ErrorCode) *gateway.ErrorSpec {
	value := code.Descriptor().Values().ByNumber(code.Number())
	return proto.GetExtension(value.Options(), gateway.E_ErrorSpec).(*gateway.ErrorSpec)
}

// Error is what the gateway says of an error.
type Error struct {
	Code gateway.ErrorCode
	// Text is the code's text, also of a code that is newer than these protos.
	Text    string
	Message string
	// Param is the field at fault, or empty.
	Param string
	// Retryable tells whether this very request may be sent again: an occurrence may say no where the catalog says yes.
	Retryable  bool
	RetryDelay time.Duration
	RequestID  string
}

// From unpacks an error of the gateway; anything else, as a connection that broke, is nil.
func From(err error) *Error {
	state, _ := status.FromError(err)
	found := &Error{Message: state.Message()}
	for _, detail := range state.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.GetDomain() != domain {
				return nil
			}
			found.Code, found.Text = CodeOf(detail.GetReason()), strings.ToLower(detail.GetReason())
			found.Retryable = detail.GetMetadata()["retryable"] == "true"
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				found.Param = violation.GetField()
			}
		case *errdetails.RetryInfo:
			found.RetryDelay = detail.GetRetryDelay().AsDuration()
		case *errdetails.RequestInfo:
			found.RequestID = detail.GetRequestId()
		}
	}
	if found.Text == "" {
		return nil
	}
	return found
}

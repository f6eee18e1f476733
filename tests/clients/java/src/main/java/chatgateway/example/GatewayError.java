package chatgateway.example;

import chatgateway.v1.ErrorCode;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RequestInfo;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;

/**
 * What the gateway says of an error.
 *
 * @param code the code, UNRECOGNIZED where it is newer than these protos
 * @param text the code's text, also then
 * @param message what is wrong with this request
 * @param param the field at fault
 * @param retryable whether this very request may be sent again: an occurrence may say no where the catalog says yes
 * @param retryDelay how long to wait before that
 * @param requestId which line of the gateway's log tells more
 */
public record GatewayError(
        ErrorCode code,
        String text,
        String message,
        Optional<String> param,
        boolean retryable,
        Optional<Duration> retryDelay,
        Optional<String> requestId) {

    private static final String DOMAIN = "chat-gateway";

    /** Unpacks an error of the gateway; anything else, as a connection that broke, is empty. */
    public static Optional<GatewayError> of(Throwable error) {
        Status status = StatusProto.fromThrowable(error);
        if (status == null) {
            return Optional.empty();
        }
        return detail(status, ErrorInfo.class)
                .filter(info -> info.getDomain().equals(DOMAIN))
                .map(info -> new GatewayError(
                        ErrorCatalog.codeOf(info.getReason()),
                        info.getReason().toLowerCase(Locale.ROOT),
                        status.getMessage(),
                        detail(status, BadRequest.class).map(bad -> bad.getFieldViolations(0).getField()),
                        info.getMetadataOrDefault("retryable", "").equals("true"),
                        detail(status, RetryInfo.class).map(RetryInfo::getRetryDelay).map(GatewayError::duration),
                        detail(status, RequestInfo.class).map(RequestInfo::getRequestId)));
    }

    private static <T extends Message> Optional<T> detail(Status status, Class<T> type) {
        for (Any packed : status.getDetailsList()) {
            if (packed.is(type)) {
                try {
                    return Optional.of(packed.unpack(type));
                } catch (InvalidProtocolBufferException malformed) {
                    return Optional.empty();
                }
            }
        }
        return Optional.empty();
    }

    private static Duration duration(com.google.protobuf.Duration duration) {
        return Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
    }
}

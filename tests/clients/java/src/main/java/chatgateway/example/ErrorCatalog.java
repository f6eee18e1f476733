package chatgateway.example;

import chatgateway.v1.ErrorCode;
import chatgateway.v1.ErrorSpec;
import chatgateway.v1.ErrorSpecOuterClass;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** The error catalog as the protos state it. */
public final class ErrorCatalog {
    private static final String PREFIX = "ERROR_CODE_";

    /** Every code, in published order. */
    public static final List<ErrorCode> CODES = Stream.of(ErrorCode.values())
            .filter(code -> code != ErrorCode.ERROR_CODE_UNSPECIFIED && code != ErrorCode.UNRECOGNIZED)
            .toList();

    private ErrorCatalog() {}

    /** The code of an ErrorInfo's reason; one that is newer than these protos is UNRECOGNIZED. */
    public static ErrorCode codeOf(String reason) {
        return CODES.stream()
                .filter(code -> code.name().equals(PREFIX + reason))
                .findFirst()
                .orElse(ErrorCode.UNRECOGNIZED);
    }

    /** A code as JSON and the documentation spell it, as in {@code invalid_field}. */
    public static String text(ErrorCode code) {
        return code.name().substring(PREFIX.length()).toLowerCase(Locale.ROOT);
    }

    /** The facts of a code: its HTTP status, whether it may be retried, what to do about it. */
    public static ErrorSpec spec(ErrorCode code) {
        return code.getValueDescriptor().getOptions().getExtension(ErrorSpecOuterClass.errorSpec);
    }
}

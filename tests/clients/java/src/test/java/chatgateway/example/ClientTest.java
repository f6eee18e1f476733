package chatgateway.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import chatgateway.v1.ChatServiceGrpc;
import chatgateway.v1.ErrorCode;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java client, as it was generated, against a real gateway. */
final class ClientTest {
    @TempDir
    private Path folder;

    @Test
    void theExampleSaysWhatEveryExampleSays() throws Exception {
        try (var gateway = new RunningGateway(Map.of())) {
            Ran ran = runExample(gateway);
            assertEquals(Files.readString(Path.of("../example.txt")), ran.stdout, ran.stderr);
            assertEquals(0, ran.exit);
        }
    }

    @Test
    void anErrorTellsItsCodeAndWhenToComeBack() throws Exception {
        var settings = Map.of("RATE_LIMIT_BURST", "1", "RATE_LIMIT_PER_SECOND", "0.1");
        try (var gateway = new RunningGateway(settings)) {
            Ran ran = runExample(gateway);
            assertEquals(1, ran.exit, ran.stderr);
            var found = Pattern.compile("failed: rate_limit_exceeded retry in (\\d+) ms\n").matcher(ran.stderr);
            assertTrue(found.matches(), ran.stderr);
            int delay = Integer.parseInt(found.group(1));
            assertTrue(delay > 0 && delay <= 10_000, ran.stderr);
        }
    }

    @Test
    void theConstantsAreTheCatalog() throws Exception {
        try (var gateway = new RunningGateway(Map.of())) {
            var request = HttpRequest.newBuilder(URI.create(gateway.http + "/errors")).build();
            String body = HttpClient.newHttpClient()
                    .send(request, HttpResponse.BodyHandlers.ofString())
                    .body();
            var entries = JsonParser.parseString(body).getAsJsonObject().getAsJsonArray("entries");
            List<Entry> served = StreamSupport.stream(entries.spliterator(), false)
                    .map(JsonElement::getAsJsonObject)
                    .map(Entry::served)
                    .toList();
            assertFalse(served.isEmpty());
            assertEquals(served, ErrorCatalog.CODES.stream().map(Entry::generated).toList());
        }
    }

    @Test
    void aCodeThatIsNewerThanTheClientIsNoKnownOne() {
        assertEquals(ErrorCode.UNRECOGNIZED, ErrorCatalog.codeOf("FROM_THE_FUTURE"));
        assertEquals(ErrorCode.ERROR_CODE_INVALID_FIELD, ErrorCatalog.codeOf("INVALID_FIELD"));
    }

    @Test
    void anErrorOfSomebodyElseIsNoneOfTheGateway() {
        assertTrue(GatewayError.of(new IllegalStateException()).isEmpty());
    }

    @Test
    void aStockHealthClientSeesThatItServes() throws Exception {
        try (var gateway = new RunningGateway(Map.of())) {
            var channel = Grpc.newChannelBuilder(gateway.grpc, InsecureChannelCredentials.create()).build();
            try {
                for (String service : List.of("", ChatServiceGrpc.SERVICE_NAME)) {
                    var answer = HealthGrpc.newBlockingStub(channel)
                            .withDeadlineAfter(30, TimeUnit.SECONDS)
                            .check(HealthCheckRequest.newBuilder().setService(service).build());
                    assertEquals(ServingStatus.SERVING, answer.getStatus(), service);
                }
            } finally {
                channel.shutdownNow();
            }
        }
    }

    /** How a program ended, and what it said. */
    private record Ran(int exit, String stdout, String stderr) {}

    /** Runs the example as a program of its own. */
    private Ran runExample(RunningGateway gateway) throws Exception {
        Path stdout = folder.resolve("stdout");
        Path stderr = folder.resolve("stderr");
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        String classes = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        var builder = new ProcessBuilder(java.toString(), "-cp", classes, Example.class.getName())
                .redirectOutput(stdout.toFile())
                .redirectError(stderr.toFile());
        builder.environment().clear();
        builder.environment().putAll(Map.of("GATEWAY", gateway.grpc, "TOKEN", gateway.token));
        Process process = builder.start();
        if (!process.waitFor(60, TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
        }
        return new Ran(process.exitValue(), Files.readString(stdout), Files.readString(stderr));
    }

    /** What GET /errors and the constants both know of a code. */
    private record Entry(
            String code,
            String type,
            int httpStatus,
            String grpcStatus,
            String title,
            String remediation,
            boolean retryable) {

        static Entry served(JsonObject entry) {
            return new Entry(
                    entry.get("code").getAsString(),
                    entry.get("type").getAsString(),
                    entry.get("http_status").getAsInt(),
                    entry.get("grpc_status").getAsString(),
                    entry.get("title").getAsString(),
                    entry.get("remediation").getAsString(),
                    entry.get("retryable").getAsBoolean());
        }

        static Entry generated(ErrorCode code) {
            var spec = ErrorCatalog.spec(code);
            String type = spec.getType().name().substring("ERROR_TYPE_".length());
            return new Entry(
                    ErrorCatalog.text(code),
                    type.toLowerCase(Locale.ROOT),
                    spec.getHttpStatus(),
                    spec.getGrpcCode().name(),
                    spec.getTitle(),
                    spec.getRemediation(),
                    spec.getRetryable());
        }
    }
}

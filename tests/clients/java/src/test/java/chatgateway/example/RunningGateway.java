package chatgateway.example;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A gateway with the built-in demo, ended by its process when it is closed. */
final class RunningGateway implements AutoCloseable {
    // Generous, since other work may keep the machine busy; nothing waits longer than it needs.
    private static final long START_SECONDS = 30;
    private static final long END_SECONDS = 45;
    private static final Map<String, String> DEFAULTS = Map.of(
            "HTTP_LISTEN", "127.0.0.1:0",
            "GRPC_LISTEN", "127.0.0.1:0",
            "METRICS_LISTEN", "127.0.0.1:0",
            "DATA_DIR", "data",
            "DRAIN_DELAY_SECS", "0",
            "RATE_LIMIT_PER_SECOND", "1000",
            "RATE_LIMIT_BURST", "1000");

    final String http;
    final String grpc;
    final String token;
    private final Path folder = Files.createTempDirectory("gateway-");
    private final Path log = folder.resolve("log");
    private final Process process;

    /** Starts it and waits until it serves. Its settings are environment variables, and it inherits none. */
    RunningGateway(Map<String, String> settings) throws Exception {
        String binaries = System.getenv().getOrDefault("GATEWAY_BIN_DIR", "../../../target/release");
        Path program = Path.of(binaries).toAbsolutePath().resolve("chat-gateway");
        var builder = new ProcessBuilder(program.toString()).directory(folder.toFile()).redirectError(log.toFile());
        var environment = new HashMap<>(DEFAULTS);
        environment.putAll(settings);
        builder.environment().clear();
        builder.environment().putAll(environment);
        process = builder.start();
        try {
            String greeting = CompletableFuture.supplyAsync(this::greeting).get(START_SECONDS, TimeUnit.SECONDS);
            http = shown(greeting, "HTTP");
            grpc = shown(greeting, "gRPC");
            token = shown(greeting, "token");
        } catch (Exception failure) {
            process.destroyForcibly().waitFor();
            throw new IllegalStateException("the gateway did not start: " + Files.readString(log), failure);
        }
    }

    /** Ends it in good order; it must say that all went well. */
    @Override
    public void close() throws Exception {
        process.destroy();
        if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
        }
        if (process.exitValue() != 0) {
            throw new IllegalStateException(
                    "the gateway ended with " + process.exitValue() + ": " + Files.readString(log));
        }
        try (var files = Files.walk(folder)) {
            for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    /** What it prints once it serves, to the line that tries it. */
    private String greeting() {
        var text = new StringBuilder();
        try {
            var lines = process.inputReader();
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                text.append(line).append('\n');
                if (line.strip().startsWith("curl ")) {
                    return text.toString();
                }
            }
        } catch (IOException failure) {
            throw new IllegalStateException(failure);
        }
        throw new IllegalStateException("no greeting: " + text);
    }

    private static String shown(String greeting, String name) {
        Matcher line = Pattern.compile("(?m)^ *" + name + " +(\\S+)$").matcher(greeting);
        if (!line.find()) {
            throw new IllegalStateException("no " + name + " in: " + greeting);
        }
        return line.group(1);
    }
}

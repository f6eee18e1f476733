package chatgateway.example;

import chatgateway.v1.AssistantMessage;
import chatgateway.v1.ChatCompletion;
import chatgateway.v1.ChatMessage;
import chatgateway.v1.ChatRequest;
import chatgateway.v1.ChatServiceGrpc;
import chatgateway.v1.ConversationServiceGrpc;
import chatgateway.v1.CreateChatCompletionRequest;
import chatgateway.v1.CreateTurnRequest;
import chatgateway.v1.ErrorCode;
import chatgateway.v1.GetMemoryRequest;
import chatgateway.v1.MemoryEntry;
import chatgateway.v1.MemoryServiceGrpc;
import chatgateway.v1.PutMemoryRequest;
import chatgateway.v1.Role;
import chatgateway.v1.StreamChatCompletionRequest;
import chatgateway.v1.Turn;
import io.grpc.Channel;
import io.grpc.ClientInterceptor;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.util.concurrent.TimeUnit;

/**
 * The gateway over gRPC: a chat, a stream, a conversation, memory, and an error taken apart.
 *
 * <pre>TOKEN=sk-... mvn -q compile exec:java</pre>
 */
public final class Example {
    private static final long DEADLINE_SECONDS = 30;

    private Example() {}

    public static void main(String[] arguments) {
        String address = System.getenv().getOrDefault("GATEWAY", "127.0.0.1:50051");
        ManagedChannel channel =
                Grpc.newChannelBuilder(address, InsecureChannelCredentials.create()).build();
        try {
            run(channel);
        } catch (StatusRuntimeException error) {
            GatewayError failure = GatewayError.of(error).orElseThrow(() -> error);
            String advice = failure.retryDelay()
                    .filter(delay -> failure.retryable())
                    .map(delay -> "retry in " + delay.toMillis() + " ms")
                    .orElse("do not retry");
            System.err.println("failed: " + failure.text() + " " + advice);
            System.exit(1);
        } finally {
            channel.shutdownNow();
        }
    }

    private static void run(Channel channel) {
        ClientInterceptor identity = identity(System.getenv("TOKEN"));
        var chats = ChatServiceGrpc.newBlockingStub(channel).withInterceptors(identity);
        var conversations = ConversationServiceGrpc.newBlockingStub(channel).withInterceptors(identity);
        var memory = MemoryServiceGrpc.newBlockingStub(channel).withInterceptors(identity);

        // The deadline goes along: the gateway gives up on the model server when it has passed.
        var answer = chats.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                .createChatCompletion(CreateChatCompletionRequest.newBuilder()
                        .setChat(ask("demo", "Hello"))
                        .build());
        System.out.println("chat: " + text(answer.getCompletion()));

        System.out.print("stream: ");
        chats.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                .streamChatCompletion(StreamChatCompletionRequest.newBuilder()
                        .setChat(ask("demo", "Hello"))
                        .build())
                .forEachRemaining(part -> part.getChunksList().forEach(chunk -> chunk.getChoicesList()
                        .forEach(choice -> System.out.print(choice.getDelta().getText()))));
        System.out.println();

        // The gateway keeps the conversation: each turn says only what is new.
        var first = conversations.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                .createTurn(turn("", "My name is Ann"));
        var second = conversations.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                .createTurn(turn(first.getConversationId(), "/recall"));
        System.out.println("turn: " + text(second.getCompletion()));

        memory.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                .putMemory(PutMemoryRequest.newBuilder()
                        .setVisibility("private")
                        .setKey("colour")
                        .setValue("teal")
                        .build());
        MemoryEntry entry = memory.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                .getMemory(GetMemoryRequest.newBuilder()
                        .setVisibility("private")
                        .setKey("colour")
                        .build())
                .getEntry();
        System.out.println("memory: " + entry.getKey() + " is " + entry.getValue());

        try {
            chats.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS)
                    .createChatCompletion(CreateChatCompletionRequest.newBuilder()
                            .setChat(ask("nothing", "Hello"))
                            .build());
        } catch (StatusRuntimeException error) {
            GatewayError failure = GatewayError.of(error)
                    .filter(known -> known.code() == ErrorCode.ERROR_CODE_MODEL_NOT_IN_ALLOWLIST)
                    .orElseThrow(() -> error);
            System.out.println("error: " + failure.text() + " at " + failure.param().orElse("?"));
        }
    }

    /** Who calls, and for which end user. */
    private static ClientInterceptor identity(String token) {
        Metadata metadata = new Metadata();
        metadata.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
        metadata.put(Metadata.Key.of("spass-user-id", Metadata.ASCII_STRING_MARSHALLER), "ann");
        return MetadataUtils.newAttachHeadersInterceptor(metadata);
    }

    private static ChatRequest ask(String model, String words) {
        ChatMessage message =
                ChatMessage.newBuilder().setRole(Role.ROLE_USER).setText(words).build();
        return ChatRequest.newBuilder().setModel(model).addMessages(message).build();
    }

    private static CreateTurnRequest turn(String conversationId, String words) {
        Turn turn = Turn.newBuilder()
                .setConversationId(conversationId)
                .setChat(ask("demo", words))
                .build();
        return CreateTurnRequest.newBuilder().setTurn(turn).build();
    }

    private static String text(ChatCompletion completion) {
        AssistantMessage message = completion.getChoices(0).getMessage();
        return message.getText();
    }
}

// The gateway over gRPC: a chat, a stream, a conversation, memory, and an error taken apart.
//
//	go generate && TOKEN=sk-... go run ./example
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"chatgateway.example/client/gatewayerror"
	gateway "chatgateway.example/client/generated/chatgateway/v1"
)

func main() {
	err := run(cmp.Or(os.Getenv("GATEWAY"), "127.0.0.1:50051"), os.Getenv("TOKEN"))
	if err == nil {
		return
	}
	if failure := gatewayerror.From(err); failure == nil {
		fmt.Fprintln(os.Stderr, err)
	} else if failure.Retryable {
		fmt.Fprintln(os.Stderr, "failed:", failure.Text, "retry in", failure.RetryDelay.Milliseconds(), "ms")
	} else {
		fmt.Fprintln(os.Stderr, "failed:", failure.Text, "do not retry")
	}
	os.Exit(1)
}

func run(address, token string) error {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	chats := gateway.NewChatServiceClient(connection)
	conversations := gateway.NewConversationServiceClient(connection)
	memory := gateway.NewMemoryServiceClient(connection)

	// The deadline goes along: the gateway gives up on the model server when it has passed.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	// Who calls, and for which end user.
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token, "spass-user-id", "ann")

	answer, err := chats.CreateChatCompletion(ctx, &gateway.CreateChatCompletionRequest{Chat: ask("demo", "Hello")})
	if err != nil {
		return err
	}
	fmt.Println("chat:", text(answer.GetCompletion()))

	stream, err := chats.StreamChatCompletion(ctx, &gateway.StreamChatCompletionRequest{Chat: ask("demo", "Hello")})
	if err != nil {
		return err
	}
	fmt.Print("stream: ")
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for _, chunk := range part.GetChunks() {
			for _, choice := range chunk.GetChoices() {
				fmt.Print(choice.GetDelta().GetText())
			}
		}
	}
	fmt.Println()

	// The gateway keeps the conversation: each turn says only what is new.
	turn := &gateway.Turn{Chat: ask("demo", "My name is Ann")}
	first, err := conversations.CreateTurn(ctx, &gateway.CreateTurnRequest{Turn: turn})
	if err != nil {
		return err
	}
	turn = &gateway.Turn{ConversationId: first.GetConversationId(), Chat: ask("demo", "/recall")}
	second, err := conversations.CreateTurn(ctx, &gateway.CreateTurnRequest{Turn: turn})
	if err != nil {
		return err
	}
	fmt.Println("turn:", text(second.GetCompletion()))

	value := "teal"
	_, err = memory.PutMemory(ctx, &gateway.PutMemoryRequest{Visibility: "private", Key: "colour", Value: &value})
	if err != nil {
		return err
	}
	held, err := memory.GetMemory(ctx, &gateway.GetMemoryRequest{Visibility: "private", Key: "colour"})
	if err != nil {
		return err
	}
	fmt.Println("memory:", held.GetEntry().GetKey(), "is", held.GetEntry().GetValue())

	_, err = chats.CreateChatCompletion(ctx, &gateway.CreateChatCompletionRequest{Chat: ask("nothing", "Hello")})
	failure := gatewayerror.From(err)
	if failure == nil || failure.Code != gateway.ErrorCode_ERROR_CODE_MODEL_NOT_IN_ALLOWLIST {
		return err
	}
	fmt.Println("error:", failure.Text, "at", failure.Param)
	return nil
}

func ask(model, words string) *gateway.ChatRequest {
	content := &gateway.ChatMessage_Text{Text: words}
	return &gateway.ChatRequest{
		Model:    model,
		Messages: []*gateway.ChatMessage{{Role: gateway.Role_ROLE_USER, Content: content}},
	}
}

func text(completion *gateway.ChatCompletion) string {
	for _, choice := range completion.GetChoices() {
		return choice.GetMessage().GetText()
	}
	return ""
}

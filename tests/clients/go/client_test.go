package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"chatgateway.example/client/gatewayerror"
	gateway "chatgateway.example/client/generated/chatgateway/v1"
)

// Builds the example as a user would, and runs it against a gateway.
func runExample(t *testing.T, gateway runningGateway) (stdout, stderr string, err error) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "example")
	if output, err := exec.Command("go", "build", "-o", program, "./example").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var printed, complained bytes.Buffer
	command := exec.CommandContext(ctx, program)
	command.Env = []string{"GATEWAY=" + gateway.grpc, "TOKEN=" + gateway.token}
	command.Stdout, command.Stderr = &printed, &complained
	err = command.Run()
	return printed.String(), complained.String(), err
}

func TestExampleSaysWhatEveryExampleSays(t *testing.T) {
	expected, err := os.ReadFile("../example.txt")
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err := runExample(t, startGateway(t))
	if err != nil || stdout != string(expected) {
		t.Errorf("%v: %s%s", err, stdout, stderr)
	}
}

func TestErrorTellsItsCodeAndWhenToComeBack(t *testing.T) {
	_, stderr, err := runExample(t, startGateway(t, "RATE_LIMIT_BURST=1", "RATE_LIMIT_PER_SECOND=0.1"))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("%v: %s", err, stderr)
	}
	found := regexp.MustCompile(`^failed: rate_limit_exceeded retry in (\d+) ms\n$`).FindStringSubmatch(stderr)
	if found == nil {
		t.Fatal(stderr)
	}
	if delay, err := strconv.Atoi(found[1]); err != nil || delay <= 0 || delay > 10_000 {
		t.Error(delay, err)
	}
}

// What GET /errors and the constants both know of a code.
type catalogEntry struct {
	Code        string `json:"code"`
	Type        string `json:"type"`
	HTTPStatus  uint32 `json:"http_status"`
	GRPCStatus  string `json:"grpc_status"`
	Title       string `json:"title"`
	Remediation string `json:"remediation"`
	Retryable   bool   `json:"retryable"`
}

func TestConstantsAreTheCatalog(t *testing.T) {
	answer, err := http.Get(startGateway(t).http + "/errors")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var served struct{ Entries []catalogEntry }
	if err := json.NewDecoder(answer.Body).Decode(&served); err != nil {
		t.Fatal(err)
	}
	var generated []catalogEntry
	for _, code := range gatewayerror.Codes() {
		spec := gatewayerror.Spec(code)
		kind := strings.ToLower(strings.TrimPrefix(spec.GetType().String(), "ERROR_TYPE_"))
		generated = append(generated, catalogEntry{
			gatewayerror.Text(code), kind, spec.GetHttpStatus(), spec.GetGrpcCode().String(),
			spec.GetTitle(), spec.GetRemediation(), spec.GetRetryable(),
		})
	}
	if len(generated) == 0 || !slices.Equal(generated, served.Entries) {
		t.Errorf("generated %v\nserved %v", generated, served.Entries)
	}
}

func TestCodeThatIsNewerThanTheClientIsNoKnownOne(t *testing.T) {
	for reason, code := range map[string]gateway.ErrorCode{
		"FROM_THE_FUTURE": gateway.ErrorCode_ERROR_CODE_UNSPECIFIED,
		"INVALID_FIELD":   gateway.ErrorCode_ERROR_CODE_INVALID_FIELD,
	} {
		if got := gatewayerror.CodeOf(reason); got != code {
			t.Errorf("%s is %v", reason, got)
		}
	}
}

func TestErrorOfSomebodyElseIsNoneOfTheGateway(t *testing.T) {
	if found := gatewayerror.From(errors.New("something else")); found != nil {
		t.Error(found)
	}
}

func TestStockHealthClient(t *testing.T) {
	connection, err := grpc.NewClient(startGateway(t).grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	health := healthpb.NewHealthClient(connection)
	for _, service := range []string{"", gateway.ChatService_ServiceDesc.ServiceName} {
		request := &healthpb.HealthCheckRequest{Service: service}
		checked, err := health.Check(ctx, request)
		if err != nil || checked.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("%q: %v %v", service, checked, err)
		}
		watch, err := health.Watch(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		watched, err := watch.Recv()
		if err != nil || watched.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("%q: %v %v", service, watched, err)
		}
	}
}

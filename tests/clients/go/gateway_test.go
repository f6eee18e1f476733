package client

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Generous, since other work may keep the machine busy; nothing waits longer than it needs.
const (
	startTime = 30 * time.Second
	endTime   = 45 * time.Second
)

// A gateway with the built-in demo.
type runningGateway struct {
	http, grpc, token string
}

// Starts the gateway's launcher, waits until it serves, and ends it after the test. Its settings are environment
// variables, and it inherits none.
func startGateway(t *testing.T, settings ...string) runningGateway {
	t.Helper()
	binaries, err := filepath.Abs(cmp.Or(os.Getenv("GATEWAY_BIN_DIR"), "../../../target/release"))
	if err != nil {
		t.Fatal(err)
	}
	greeting := newGreeting()
	var log bytes.Buffer
	command := exec.Command(filepath.Join(binaries, "chat-gateway"))
	command.Dir, command.Stdout, command.Stderr = t.TempDir(), greeting, &log
	command.Env = append([]string{
		"HTTP_LISTEN=127.0.0.1:0", "GRPC_LISTEN=127.0.0.1:0", "METRICS_LISTEN=127.0.0.1:0", "DATA_DIR=data",
		"DRAIN_DELAY_SECS=0", "RATE_LIMIT_PER_SECOND=1000", "RATE_LIMIT_BURST=1000",
	}, settings...)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()

	select {
	case <-greeting.complete:
	case err := <-ended:
		t.Fatalf("the gateway ended with %v: %s", err, log.String())
	case <-time.After(startTime):
		command.Process.Kill()
		<-ended
		t.Fatalf("no greeting in time: %s", log.String())
	}
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(endTime, func() { command.Process.Kill() })
		defer late.Stop()
		// It must say that all went well.
		if err := <-ended; err != nil {
			t.Errorf("the gateway ended with %v: %s", err, log.String())
		}
	})
	return runningGateway{greeting.shown("HTTP"), greeting.shown("gRPC"), greeting.shown("token")}
}

// What the gateway prints once it serves, to the end of the line that tries it.
type greeting struct {
	text     strings.Builder
	complete chan struct{}
	seen     bool
}

var lastLine = regexp.MustCompile(`(?m)^ *curl .*\n`)

func newGreeting() *greeting {
	return &greeting{complete: make(chan struct{})}
}

func (greeting *greeting) Write(more []byte) (int, error) {
	if greeting.seen {
		return len(more), nil
	}
	greeting.text.Write(more)
	if lastLine.MatchString(greeting.text.String()) {
		greeting.seen = true
		close(greeting.complete)
	}
	return len(more), nil
}

func (greeting *greeting) shown(name string) string {
	return regexp.MustCompile(`(?m)^ *` + name + ` +(\S+)$`).FindStringSubmatch(greeting.text.String())[1]
}

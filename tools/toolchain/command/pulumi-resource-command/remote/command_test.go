package remote

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"
)

func text(value string) *string { return &value }

func create(t *testing.T, inputs Inputs) (State, error) {
	t.Helper()
	response, err := (&Command{}).Create(context.Background(), infer.CreateRequest[Inputs]{Name: "n", Inputs: inputs})
	return response.Output, err
}

func TestCreateRunsTheCommandWithStdinAndKeepsWhatItPrints(t *testing.T) {
	private, public, _ := key(t)
	s := serve(t, public)
	state, err := create(t, Inputs{
		Connection: &Connection{Endpoint: endpoint(s, private, s.hostKey)},
		Create:     text("cat; echo; echo warning >&2"), Stdin: text("given"),
	})
	if err != nil || state.Stdout != "given" || state.Stderr != "warning" {
		t.Fatalf("stdout %q, stderr %q, error %v", state.Stdout, state.Stderr, err)
	}
}

func TestOnlyOneTrailingNewlineIsTrimmed(t *testing.T) {
	private, public, _ := key(t)
	s := serve(t, public)
	state, err := create(t, Inputs{
		Connection: &Connection{Endpoint: endpoint(s, private, "")}, Create: text(`printf 'a\n\n'`),
	})
	if err != nil || state.Stdout != "a\n" {
		t.Fatalf("stdout %q, error %v", state.Stdout, err)
	}
}

func TestPreviewAndAMissingCommandConnectNowhere(t *testing.T) {
	private, public, _ := key(t)
	s := serve(t, public)
	connection := &Connection{Endpoint: endpoint(s, private, "")}
	if _, err := create(t, Inputs{Connection: connection}); err != nil {
		t.Fatal(err)
	}
	_, err := (&Command{}).Create(context.Background(), infer.CreateRequest[Inputs]{
		Name: "n", DryRun: true, Inputs: Inputs{Connection: connection, Create: text("true")},
	})
	if err != nil || s.logins.Load() != 0 {
		t.Fatalf("%d logins, error %v", s.logins.Load(), err)
	}
}

func TestUpdateFallsBackToCreateAndDeleteUsesTheStoredInputs(t *testing.T) {
	private, public, _ := key(t)
	s := serve(t, public)
	mark := filepath.Join(t.TempDir(), "mark")
	inputs := Inputs{
		Connection: &Connection{Endpoint: endpoint(s, private, s.hostKey)},
		Create:     text("echo create >> " + mark), Delete: text("echo delete >> " + mark),
	}
	updates := []Inputs{inputs, inputs}
	updates[1].Update = text("echo update >> " + mark)
	for _, news := range updates {
		request := infer.UpdateRequest[Inputs, State]{Inputs: news}
		if _, err := (&Command{}).Update(context.Background(), request); err != nil {
			t.Fatal(err)
		}
	}
	request := infer.DeleteRequest[State]{State: State{Inputs: inputs}}
	if _, err := (&Command{}).Delete(context.Background(), request); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(mark); string(got) != "create\nupdate\ndelete\n" {
		t.Fatalf("ran %q", got)
	}
}

func TestFailureNamesTheCommandAndItsOutputsButNeverStdin(t *testing.T) {
	private, public, _ := key(t)
	s := serve(t, public)
	var log bytes.Buffer
	previous := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(previous) })
	_, err := create(t, Inputs{
		Connection: &Connection{Endpoint: endpoint(s, private, s.hostKey)},
		Create:     text("cat > /dev/null; echo out; echo err >&2; exit 3"), Stdin: text("CANARY"),
	})
	if err == nil {
		t.Fatal("a failed command was reported as done")
	}
	for _, part := range []string{"exited with status 3", `running "cat > /dev/null; echo out`, "out\n", "err\n"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in: %v", part, err)
		}
	}
	if strings.Contains(err.Error()+log.String(), "CANARY") {
		t.Errorf("standard input leaked: %v %s", err, log.String())
	}
}

func TestLoggingNoneLogsNothing(t *testing.T) {
	private, public, _ := key(t)
	s := serve(t, public)
	var log bytes.Buffer
	previous := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(previous) })
	for level, logged := range map[Logging]bool{LogNone: false, LogStderr: false, LogStdout: true, LogStdoutAndStderr: true} {
		log.Reset()
		_, err := create(t, Inputs{
			Connection: &Connection{Endpoint: endpoint(s, private, "")}, Create: text("echo shown"), Logging: &level,
		})
		if err != nil || strings.Contains(log.String(), "shown") != logged {
			t.Errorf("%s: log %q, error %v", level, log.String(), err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	private, public, _ := key(t)
	s := serve(t, public, "WANTED", previousStdout)
	connection := &Connection{Endpoint: endpoint(s, private, "")}
	state, err := create(t, Inputs{
		Connection: connection, Create: text(`echo "$WANTED"`), Environment: map[string]string{"WANTED": "value"},
	})
	if err != nil || state.Stdout != "value" {
		t.Fatalf("stdout %q, error %v", state.Stdout, err)
	}
	_, err = create(t, Inputs{
		Connection: connection, Create: text("true"), Environment: map[string]string{"REFUSED": "hidden"},
	})
	if err == nil || !strings.Contains(err.Error(), "REFUSED") || strings.Contains(err.Error(), "hidden") {
		t.Fatalf("error %v", err)
	}
}

func TestPreviousOutputsAreOfferedUnlessDeclined(t *testing.T) {
	private, public, _ := key(t)
	s := serve(t, public, previousStdout)
	for declined, want := range map[bool]string{false: "before", true: ""} {
		offer := !declined
		inputs := Inputs{
			Connection: &Connection{Endpoint: endpoint(s, private, "")}, Create: text(`printf '%s' "$` + previousStdout + `"`),
			AddPreviousOutputInEnv: &offer,
		}
		// Standard error's variable is refused by this server; that is a warning, not an error.
		request := infer.UpdateRequest[Inputs, State]{Inputs: inputs, State: State{Stdout: "before", Stderr: "x"}}
		response, err := (&Command{}).Update(context.Background(), request)
		if err != nil || response.Output.Stdout != want {
			t.Errorf("declined %v: stdout %q, error %v", declined, response.Output.Stdout, err)
		}
	}
}

func TestHostKeysArePinnedAtBothHops(t *testing.T) {
	private, public, _ := key(t)
	host, jump := serve(t, public), serve(t, public)
	_, other, _ := key(t)
	wrong := serve(t, other).hostKey
	for name, try := range map[string]struct{ host, jump, problem string }{
		"both right":  {host.hostKey, jump.hostKey, ""},
		"neither set": {"", "", ""},
		"wrong host":  {wrong, jump.hostKey, "host key mismatch"},
		"wrong jump":  {host.hostKey, wrong, "host key mismatch"},
		"no key":      {"nonsense", jump.hostKey, "reading the host key"},
	} {
		t.Run(name, func(t *testing.T) {
			before := host.logins.Load()
			_, err := create(t, Inputs{
				Create: text("true"),
				Connection: &Connection{
					Endpoint: endpoint(host, private, try.host),
					Proxy:    &ProxyConnection{Endpoint: endpoint(jump, private, try.jump)},
				},
			})
			if try.problem == "" && err != nil || try.problem != "" && (err == nil || !strings.Contains(err.Error(), try.problem)) {
				t.Fatalf("error %v, expected %q", err, try.problem)
			}
			if try.problem != "" && host.logins.Load() != before {
				t.Fatal("logged in in spite of the wrong key")
			}
		})
	}
}

func TestDialErrorLimitCountsRepetitions(t *testing.T) {
	private, public, _ := key(t)
	s := serve(t, public)
	_, stranger, _ := key(t)
	closed := serve(t, stranger)
	for _, limit := range []int{0, 2} {
		e := endpoint(closed, private, "")
		e.DialErrorLimit = &limit
		_, err := create(t, Inputs{Connection: &Connection{Endpoint: e}, Create: text("true")})
		want := map[int]string{0: "after 0 failed attempts", 2: "after 2 failed attempts"}[limit]
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("limit %d: error %v, expected %q", limit, err, want)
		}
	}
	if s.logins.Load() != 0 {
		t.Error("the wrong server was asked")
	}
}

func TestCancellationEndsARunningCommand(t *testing.T) {
	private, public, _ := key(t)
	s := serve(t, public)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := (&Command{}).Create(ctx, infer.CreateRequest[Inputs]{Name: "n", Inputs: Inputs{
			Connection: &Connection{Endpoint: endpoint(s, private, "")}, Create: text("sleep 20"),
		}})
		done <- err
	}()
	for s.logins.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err == nil {
		t.Fatal("a cancelled command was reported as done")
	}
}

package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	provider "github.com/pulumi/pulumi-go-provider"
	"golang.org/x/crypto/ssh"
)

// Names of the variables that offer the outputs of the previous run.
const (
	previousStdout = "PULUMI_COMMAND_STDOUT"
	previousStderr = "PULUMI_COMMAND_STDERR"
)

// run executes a command on the remote host and stores what it printed. No command is no work.
//
// A failed command's error holds the command line and both outputs, as the original's does; standard input
// appears nowhere.
func (s *State) run(ctx context.Context, command *string) error {
	if command == nil {
		return nil
	}
	client, err := s.Connection.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	// A cancelled update must not wait for a command that never ends.
	defer context.AfterFunc(ctx, client.Close)()

	session, err := client.NewSession()
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }()
	if err := s.setVariables(ctx, session); err != nil {
		return err
	}
	if s.Stdin != nil && *s.Stdin != "" {
		session.Stdin = strings.NewReader(*s.Stdin)
	}
	return s.capture(ctx, session, *command)
}

func (s *State) capture(ctx context.Context, session *ssh.Session, command string) error {
	var stdout, stderr bytes.Buffer
	both := &lockedBuffer{}
	log := &lineLogger{log: provider.GetLogger(ctx).Info}
	session.Stdout = s.tee(&stdout, both, log, s.Logging.hasStdout())
	session.Stderr = s.tee(&stderr, both, log, s.Logging.hasStderr())

	err := session.Run(command)
	log.flush()
	if err != nil {
		return fmt.Errorf("%w: running %q:\n%s", err, command, both.String())
	}
	s.Stdout = strings.TrimSuffix(stdout.String(), "\n")
	s.Stderr = strings.TrimSuffix(stderr.String(), "\n")
	return nil
}

func (*State) tee(one io.Writer, both io.Writer, log io.Writer, logged bool) io.Writer {
	if logged {
		return io.MultiWriter(one, both, log)
	}
	return io.MultiWriter(one, both)
}

// setVariables sets what the program asks for, which must work, and offers the previous outputs, which an
// ordinary SSH server refuses: that is only worth a warning.
func (s *State) setVariables(ctx context.Context, session *ssh.Session) error {
	const advice = "only works where the SSH server accepts the variable (AcceptEnv)"
	for name, value := range s.Environment {
		if err := session.Setenv(name, value); err != nil {
			return fmt.Errorf("could not set the environment variable %q, which %s: %w", name, advice, err)
		}
	}
	if s.AddPreviousOutputInEnv != nil && !*s.AddPreviousOutputInEnv {
		return nil
	}
	for name, value := range map[string]string{previousStdout: s.Stdout, previousStderr: s.Stderr} {
		if value == "" {
			continue
		}
		if err := session.Setenv(name, value); err != nil {
			provider.GetLogger(ctx).Warningf("could not set the environment variable %q, which %s", name, advice)
		}
	}
	return nil
}

// lockedBuffer collects two streams that are written from two goroutines.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

// lineLogger passes on whole lines as they come.
type lineLogger struct {
	mutex sync.Mutex
	rest  []byte
	log   func(string)
}

func (l *lineLogger) Write(data []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.rest = append(l.rest, data...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(data), nil
		}
		l.log(string(line))
		l.rest = rest
	}
}

func (l *lineLogger) flush() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if len(l.rest) > 0 {
		l.log(string(l.rest))
		l.rest = nil
	}
}

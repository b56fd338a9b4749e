package remote

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
)

// server is a small SSH server in this process: it runs commands with the local shell, accepts the variables it
// is told to, and forwards connections as a jump host does.
type server struct {
	address  net.Addr
	hostKey  string
	config   *ssh.ServerConfig
	accepted map[string]bool
	logins   atomic.Int32
}

// key makes a key pair in the forms the plugin and the server want.
func key(t *testing.T) (private string, public ssh.PublicKey, signer ssh.Signer) {
	t.Helper()
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(secret, "")
	if err != nil {
		t.Fatal(err)
	}
	if signer, err = ssh.NewSignerFromKey(secret); err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), signer.PublicKey(), signer
}

// serve starts a server that lets in whoever has the given key.
func serve(t *testing.T, allowed ssh.PublicKey, variables ...string) *server {
	t.Helper()
	_, public, signer := key(t)
	s := &server{hostKey: string(ssh.MarshalAuthorizedKey(public)), accepted: map[string]bool{}}
	for _, name := range variables {
		s.accepted[name] = true
	}
	s.config = &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
			if string(offered.Marshal()) != string(allowed.Marshal()) {
				return nil, errors.New("unknown key")
			}
			return nil, nil
		},
	}
	s.config.AddHostKey(signer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s.address = listener.Addr()
	go s.acceptAll(listener)
	return s
}

func (s *server) port() float64 { return float64(s.address.(*net.TCPAddr).Port) }

func (s *server) acceptAll(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go s.handle(conn)
	}
}

func (s *server) handle(conn net.Conn) {
	_, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		_ = conn.Close()
		return
	}
	s.logins.Add(1)
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		switch offered.ChannelType() {
		case "session":
			go s.session(offered)
		case "direct-tcpip":
			go forward(offered)
		default:
			_ = offered.Reject(ssh.UnknownChannelType, "")
		}
	}
}

func (s *server) session(offered ssh.NewChannel) {
	channel, requests, err := offered.Accept()
	if err != nil {
		return
	}
	var environment []string
	for request := range requests {
		switch request.Type {
		case "env":
			var variable struct{ Name, Value string }
			_ = ssh.Unmarshal(request.Payload, &variable)
			_ = request.Reply(s.accepted[variable.Name], nil)
			environment = append(environment, variable.Name+"="+variable.Value)
		case "exec":
			var command struct{ Line string }
			_ = ssh.Unmarshal(request.Payload, &command)
			_ = request.Reply(true, nil)
			go execute(channel, command.Line, environment)
		default:
			_ = request.Reply(false, nil)
		}
	}
}

func execute(channel ssh.Channel, line string, environment []string) {
	command := exec.Command("/bin/sh", "-c", line) //nolint:gosec // the test's own command
	command.Env = environment
	command.Stdout, command.Stderr = channel, channel.Stderr()
	input, _ := command.StdinPipe()
	go func() {
		_, _ = io.Copy(input, channel)
		_ = input.Close()
	}()
	_ = command.Run()
	status := struct{ Status uint32 }{uint32(command.ProcessState.ExitCode())} //nolint:gosec // 0 to 255
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
	_ = channel.Close()
}

func forward(offered ssh.NewChannel) {
	var target struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	_ = ssh.Unmarshal(offered.ExtraData(), &target)
	conn, err := net.Dial("tcp", net.JoinHostPort(target.Host, fmt.Sprint(target.Port)))
	if err != nil {
		_ = offered.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := offered.Accept()
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	go func() { _, _ = io.Copy(channel, conn); _ = channel.Close() }()
	_, _ = io.Copy(conn, channel)
	_ = conn.Close()
}

// endpoint says how to log in to a server of this file; one repetition keeps failing tests short.
func endpoint(s *server, private, hostKey string) Endpoint {
	host, user, port, limit := "127.0.0.1", "root", s.port(), 1
	e := Endpoint{Host: &host, User: &user, Port: &port, PrivateKey: &private, DialErrorLimit: &limit}
	if hostKey = strings.TrimSpace(hostKey); hostKey != "" {
		e.HostKey = &hostKey
	}
	return e
}

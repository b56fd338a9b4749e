package remote

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const agentSocketVariable = "SSH_AUTH_SOCK"

// Endpoint says how to log in to one SSH server.
type Endpoint struct {
	User               *string  `pulumi:"user,optional"`
	Password           *string  `pulumi:"password,optional"`
	Host               *string  `pulumi:"host"`
	Port               *float64 `pulumi:"port,optional"`
	PrivateKey         *string  `pulumi:"privateKey,optional"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
	HostKey            *string  `pulumi:"hostKey,optional"`
}

// Connection says how to reach a host, through another one where Proxy is set.
type Connection struct {
	Endpoint
	Proxy *ProxyConnection `pulumi:"proxy,optional"`
}

// ProxyConnection says how to reach the jump host.
type ProxyConnection struct {
	Endpoint
}

// Annotate describes the connection and its defaults for the schema.
func (c *Connection) Annotate(a infer.Annotator) {
	a.Describe(&c, "How to reach a host over SSH.")
	a.Describe(&c.Proxy, "The jump host to go through.")
	c.annotate(a)
}

// Annotate describes the jump host and its defaults for the schema.
func (c *ProxyConnection) Annotate(a infer.Annotator) {
	a.Describe(&c, "How to reach the jump host over SSH.")
	c.annotate(a)
}

func (e *Endpoint) annotate(a infer.Annotator) {
	a.Describe(&e.User, "The user to log in as.")
	a.SetDefault(&e.User, "root")
	a.Describe(&e.Password, "The user's password.")
	a.Describe(&e.Host, "The server's name or address.")
	a.Describe(&e.Port, "The server's port.")
	a.SetDefault(&e.Port, 22)
	a.Describe(&e.PrivateKey, "The private key to log in with; it is tried before the password.")
	a.Describe(&e.PrivateKeyPassword, "The pass phrase of the private key.")
	a.Describe(&e.AgentSocketPath, "The SSH agent's socket; by default that of SSH_AUTH_SOCK.")
	a.Describe(&e.DialErrorLimit, "How many failed attempts are repeated; -1 for no limit.")
	a.SetDefault(&e.DialErrorLimit, defaultDialErrorLimit)
	a.Describe(&e.PerDialTimeout, "Seconds an attempt may take; 0 for no limit.")
	a.SetDefault(&e.PerDialTimeout, defaultDialSeconds)
	a.Describe(&e.HostKey, "The key the server must show, as in authorized_keys. Unset, any is accepted.")
}

func (e *Endpoint) address() string {
	port := 22
	if e.Port != nil {
		port = int(*e.Port)
	}
	return net.JoinHostPort(*e.Host, strconv.Itoa(port))
}

func (e *Endpoint) timeout() time.Duration {
	seconds := defaultDialSeconds
	if e.PerDialTimeout != nil {
		seconds = *e.PerDialTimeout
	}
	return time.Duration(seconds) * time.Second
}

func (e *Endpoint) errorLimit() int {
	if e.DialErrorLimit == nil {
		return defaultDialErrorLimit
	}
	return *e.DialErrorLimit
}

// clientConfig turns the endpoint into the SSH library's terms.
func (e *Endpoint) clientConfig() (*ssh.ClientConfig, error) {
	config := &ssh.ClientConfig{User: "root", Timeout: e.timeout()}
	if e.User != nil {
		config.User = *e.User
	}
	if err := e.pinHostKey(config); err != nil {
		return nil, err
	}
	if e.PrivateKey != nil {
		signer, err := e.signer()
		if err != nil {
			return nil, fmt.Errorf("reading the private key: %w", err)
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if e.Password != nil {
		config.Auth = append(config.Auth, ssh.Password(*e.Password), ssh.KeyboardInteractive(e.answer))
	}
	return config, e.addAgent(config)
}

// pinHostKey accepts only the given key and asks the server for a key of that type.
func (e *Endpoint) pinHostKey(config *ssh.ClientConfig) error {
	if e.HostKey == nil || *e.HostKey == "" {
		config.HostKeyCallback = ssh.InsecureIgnoreHostKey() //nolint:gosec // the documented default
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*e.HostKey))
	if err != nil {
		return fmt.Errorf("reading the host key: %w", err)
	}
	config.HostKeyCallback = ssh.FixedHostKey(key)
	config.HostKeyAlgorithms = []string{key.Type()}
	if key.Type() == ssh.KeyAlgoRSA {
		// One type of key, three signature algorithms.
		config.HostKeyAlgorithms = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	return nil
}

func (e *Endpoint) signer() (ssh.Signer, error) {
	if e.PrivateKeyPassword != nil {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(*e.PrivateKey), []byte(*e.PrivateKeyPassword))
	}
	return ssh.ParsePrivateKey([]byte(*e.PrivateKey))
}

func (e *Endpoint) answer(_, _ string, questions []string, _ []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i := range answers {
		answers[i] = *e.Password
	}
	return answers, nil
}

func (e *Endpoint) addAgent(config *ssh.ClientConfig) error {
	path := os.Getenv(agentSocketVariable)
	if e.AgentSocketPath != nil {
		path = *e.AgentSocketPath
	}
	if path == "" {
		return nil
	}
	socket, err := net.Dial("unix", path)
	if err != nil {
		return fmt.Errorf("asking the SSH agent: %w", err)
	}
	config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(socket).Signers))
	return nil
}

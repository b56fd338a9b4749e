package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/retry"
	"golang.org/x/crypto/ssh"
)

const (
	defaultDialErrorLimit = 10
	defaultDialSeconds    = 15
	unlimited             = -1
)

// client is an SSH connection together with that to the jump host it goes through.
type client struct {
	*ssh.Client
	proxy *ssh.Client
}

// Close ends the connections, the inner one first.
func (c *client) Close() {
	_ = c.Client.Close()
	if c.proxy != nil {
		_ = c.proxy.Close()
	}
}

// dial connects to the host, through the jump host where there is one, and tries again as the limits allow.
func (c *Connection) dial(ctx context.Context) (*client, error) {
	config, err := c.clientConfig()
	if err != nil {
		return nil, err
	}
	if c.Proxy == nil {
		direct, err := repeat(ctx, "Dial", c.errorLimit(), func() (*ssh.Client, error) {
			return connect(ctx, (&net.Dialer{}).DialContext, c.address(), config)
		})
		if err != nil {
			return nil, err
		}
		return &client{Client: direct}, nil
	}
	through, err := c.dialThroughProxy(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return through, nil
}

func (c *Connection) dialThroughProxy(ctx context.Context, config *ssh.ClientConfig) (*client, error) {
	proxyConfig, err := c.Proxy.clientConfig()
	if err != nil {
		return nil, err
	}
	proxy, err := repeat(ctx, "Dial proxy", c.Proxy.errorLimit(), func() (*ssh.Client, error) {
		return connect(ctx, (&net.Dialer{}).DialContext, c.Proxy.address(), proxyConfig)
	})
	if err != nil {
		return nil, err
	}
	inner, err := repeat(ctx, "Dial from proxy", c.errorLimit(), func() (*ssh.Client, error) {
		return connect(ctx, proxy.DialContext, c.address(), config)
	})
	if err != nil {
		_ = proxy.Close()
		return nil, err
	}
	return &client{Client: inner, proxy: proxy}, nil
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// connect makes one attempt; the timeout covers the handshake too, which a hung server would never end.
func connect(ctx context.Context, dial dialFunc, address string, config *ssh.ClientConfig) (*ssh.Client, error) {
	if config.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, config.Timeout)
		defer cancel()
		ctx = limited
	}
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	inner, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		stop()
		_ = conn.Close()
		return nil, err
	}
	if !stop() {
		return nil, errors.Join(ctx.Err(), inner.Close())
	}
	return ssh.NewClient(inner, channels, requests), nil
}

// repeat calls attempt until it succeeds or has failed more often than the limit allows.
func repeat[T any](ctx context.Context, what string, limit int, attempt func() (T, error)) (T, error) {
	var result T
	ok, _, err := retry.Until(ctx, retry.Acceptor{
		Accept: func(try int, _ time.Duration) (bool, any, error) {
			var err error
			if result, err = attempt(); err == nil {
				return true, nil, nil
			}
			if limit != unlimited && try+1 > limit {
				return true, nil, fmt.Errorf("after %d failed attempts: %w", try, err)
			}
			provider.GetLogger(ctx).InfoStatusf("%s %d/%s failed: retrying", what, try+1, limitText(limit))
			return false, nil, nil
		},
	})
	if !ok && err == nil {
		// Until ends without an error when the context does.
		err = ctx.Err()
	}
	return result, err
}

func limitText(limit int) string {
	if limit == unlimited {
		return "inf"
	}
	return strconv.Itoa(limit)
}

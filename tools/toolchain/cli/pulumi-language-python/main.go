// pulumi-language-python is the language host for Python programs, plugins and policy packs.
//
// The publisher's own is not obtainable from the Go module proxy at the version of the CLI. Running Python is
// a small job: Pulumi's SDK has the protocol (proto/go) and the virtual environments (python/toolchain), this
// program joins them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-language-python:", err)
		os.Exit(1)
	}
}

// serve answers the engine until it goes away, a signal arrives or the server fails.
func serve(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	host := &languageHost{engineAddress: engineAddress(args), tracing: tracingEndpoint(args)}
	cancel := make(chan bool)
	if host.engineAddress != "" {
		if err := rpcutil.Healthcheck(ctx, host.engineAddress, 5*time.Minute, stop); err != nil {
			return fmt.Errorf("watching the engine: %w", err)
		}
	}
	go func() {
		<-ctx.Done()
		close(cancel)
	}()

	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, host)
			return nil
		},
		Options: rpcutil.TracingServerInterceptorOptions(nil),
	})
	if err != nil {
		return err
	}
	// The engine reads the port from the first line of standard output.
	fmt.Println(strconv.Itoa(handle.Port))
	if err := <-handle.Done; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// engineAddress is the last argument; the flags before it concern logging and tracing.
func engineAddress(args []string) string {
	if len(args) == 0 || strings.HasPrefix(args[len(args)-1], "-") {
		return ""
	}
	return args[len(args)-1]
}

func tracingEndpoint(args []string) string {
	for i, arg := range args {
		if (arg == "--tracing" || arg == "-tracing") && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

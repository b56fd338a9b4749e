// pulumi-resource-command runs commands on remote hosts over SSH: the resource command:remote:Command.
//
// The publisher's own plugin is not obtainable from the Go module proxy; the framework it is written in is.
// This plugin has the tokens, inputs, outputs, secret marks and behaviour of version 1.2.1 for that one
// resource, so that the published Python SDK works with either.
package main

import (
	"context"
	"fmt"
	"os"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"wireguard-vpn/tools/toolchain/command/pulumi-resource-command/remote"
)

// version is that of the published SDK this plugin serves; the linker sets it.
var version = "0.0.0-dev"

func main() {
	plugin := infer.Provider(infer.Options{
		Resources: []infer.InferredResource{infer.Resource(&remote.Command{})},
	})
	if err := provider.RunProvider(context.Background(), "command", version, plugin); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-command:", err)
		os.Exit(1)
	}
}

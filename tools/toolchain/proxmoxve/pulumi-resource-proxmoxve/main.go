// pulumi-resource-proxmoxve serves the Terraform provider bpg/proxmox to Pulumi, with the tokens and property
// names of the published Python SDK.
//
// The publisher's own plugin is not obtainable from the Go module proxy; its parts are: the Terraform provider
// and Pulumi's Terraform bridge. This program joins them.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
)

func main() {
	ctx := context.Background()
	provider, err := providerInfo(ctx)
	if err != nil {
		fail(err)
	}
	schema, err := packageSchema(provider)
	if err != nil {
		fail(err)
	}
	tfbridge.MainWithMuxer(ctx, packageName, provider, schema)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "pulumi-resource-proxmoxve:", err)
	os.Exit(1)
}

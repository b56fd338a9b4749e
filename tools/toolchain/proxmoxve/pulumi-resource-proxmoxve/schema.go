package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
)

// packageSchema is the Pulumi package schema of the whole provider. The bridge's own generator stores it in a
// file at build time; making it takes less than a tenth of a second, so it is made at start.
func packageSchema(provider tfbridge.ProviderInfo) ([]byte, error) {
	silent := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	spec, err := tfgen.GenerateSchema(provider, silent)
	if err != nil {
		return nil, fmt.Errorf("generating the package schema: %w", err)
	}
	return json.Marshal(spec)
}

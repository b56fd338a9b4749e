package main

import (
	"context"
	"fmt"

	"github.com/bpg/terraform-provider-proxmox/fwprovider"
	"github.com/bpg/terraform-provider-proxmox/proxmoxtf/provider"
	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/x/muxer"
	"github.com/pulumi/pulumi-terraform-bridge/v3/unstable/metadata"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// version is that of the published SDK this plugin serves; the linker sets it. The bridge panics without one.
var version = "0.0.0-dev"

const packageName = "proxmoxve"

// dispatcher is what the bridge's muxed provider offers beside the public interface: which half serves which
// resource. The bridge's own generator stores the answer in a file at build time; here it is asked at start.
type dispatcher interface {
	ResolveDispatch(*tfbridge.ProviderInfo) (muxer.DispatchTable, error)
}

// providerInfo describes the whole provider: both halves (SDKv2 and plugin framework) behind one set of tokens.
func providerInfo(ctx context.Context) (tfbridge.ProviderInfo, error) {
	info := tfbridge.ProviderInfo{
		P: pf.MuxShimWithPF(ctx,
			sdkv2.NewProvider(provider.ProxmoxVirtualEnvironment()),
			fwprovider.New(version)()),
		Name:           packageName,
		ResourcePrefix: "proxmox",
		Version:        version,
		MetadataInfo:   tfbridge.NewProviderMetadata(nil),
		Resources:      map[string]*tfbridge.ResourceInfo{},
		DataSources:    map[string]*tfbridge.DataSourceInfo{},
	}
	mapResources(&info)
	mapDataSources(&info)
	// A resource without a given name gets one from that of the Pulumi resource.
	info.SetAutonaming(255, "-")
	mux, ok := info.P.(dispatcher)
	if !ok {
		return info, fmt.Errorf("the bridge's muxed provider (%T) does not resolve its dispatch table", info.P)
	}
	table, err := mux.ResolveDispatch(&info)
	if err != nil {
		return info, fmt.Errorf("resolving which half serves which resource: %w", err)
	}
	return info, metadata.Set(info.GetMetadata(), "mux", table)
}

func mapResources(info *tfbridge.ProviderInfo) {
	info.P.ResourcesMap().Range(func(name string, tf shim.Resource) bool {
		token, ok := resourceToken(name)
		if !ok {
			info.IgnoreMappings = append(info.IgnoreMappings, name)
			return true
		}
		info.Resources[name] = resourceInfo(name, token, tf)
		return true
	})
}

func mapDataSources(info *tfbridge.ProviderInfo) {
	info.P.DataSourcesMap().Range(func(name string, _ shim.Resource) bool {
		if token, ok := functionToken(name); ok {
			info.DataSources[name] = &tfbridge.DataSourceInfo{Tok: token}
		} else {
			info.IgnoreMappings = append(info.IgnoreMappings, name)
		}
		return true
	})
}

// idNames holds the resources whose `id` the SDK calls something else than resourceId.
var idNames = map[string]string{"proxmox_sdn_controller_evpn": "sdnControllerEvpnId"}

// resourceInfo names a resource and frees the property name `id`, which Pulumi keeps to itself.
func resourceInfo(name, token string, tf shim.Resource) *tfbridge.ResourceInfo {
	info := &tfbridge.ResourceInfo{Tok: tokens.Type(token)}
	id, ok := tf.Schema().GetOk("id")
	if !ok {
		info.ComputeID = constantID
		return info
	}
	field := &tfbridge.SchemaInfo{}
	if id.Type() != shim.TypeString {
		field.Type = "string"
	}
	if id.Required() || id.Optional() {
		field.Name = "resourceId"
		if other := idNames[name]; other != "" {
			field.Name = other
		}
		info.ComputeID = idFrom(resource.PropertyKey(field.Name))
	}
	info.Fields = map[string]*tfbridge.SchemaInfo{"id": field}
	return info
}

// idFrom takes a resource's id from the property the user gave it in, whatever its type: VM ids are numbers,
// job ids text.
func idFrom(property resource.PropertyKey) tfbridge.ComputeID {
	return func(_ context.Context, state resource.PropertyMap) (resource.ID, error) {
		value := state[property]
		for value.IsSecret() {
			value = value.SecretValue().Element
		}
		switch {
		case value.IsString():
			return resource.ID(value.StringValue()), nil
		case value.IsNumber():
			return resource.ID(fmt.Sprintf("%.0f", value.NumberValue())), nil
		default:
			return "", fmt.Errorf("the new resource has no id: %s is %s", property, value.TypeString())
		}
	}
}

func constantID(context.Context, resource.PropertyMap) (resource.ID, error) {
	return "id", nil
}

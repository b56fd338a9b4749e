package main

import (
	"context"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func TestTokensFollowTheNamesOfTheTerraformProvider(t *testing.T) {
	for name, want := range map[string]string{
		"proxmox_virtual_environment_container":                       "proxmoxve:index/containerLegacy:ContainerLegacy",
		"proxmox_virtual_environment_firewall_rules":                  "proxmoxve:firewall/rulesLegacy:RulesLegacy",
		"proxmox_virtual_environment_cluster_firewall_security_group": "proxmoxve:cluster/firewall/security/groupLegacy:GroupLegacy",
		"proxmox_download_file":                                       "proxmoxve:download/file:File",
		"proxmox_backup_job":                                          "proxmoxve:backup/job:Job",
		"proxmox_vm":                                                  "proxmoxve:index/vm:Vm",
	} {
		if got, ok := resourceToken(name); !ok || got != want {
			t.Errorf("%s: %q, expected %q", name, got, want)
		}
	}
	if got, ok := resourceToken("other_thing"); ok {
		t.Errorf("a foreign name became %q", got)
	}
}

func TestIdsAreTakenFromResourceIdWhateverItsType(t *testing.T) {
	for want, value := range map[string]resource.PropertyValue{
		"wg-2090": resource.NewStringProperty("wg-2090"),
		"2090":    resource.NewNumberProperty(2090),
		"hidden":  resource.MakeSecret(resource.NewStringProperty("hidden")),
	} {
		id, err := idFrom("resourceId")(context.Background(), resource.PropertyMap{"resourceId": value})
		if err != nil || string(id) != want {
			t.Errorf("%v: id %q, error %v", value, id, err)
		}
	}
	if _, err := idFrom("resourceId")(context.Background(), resource.PropertyMap{}); err == nil {
		t.Error("a resource without an id got one")
	}
}

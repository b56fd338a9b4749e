package main

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// The provider is half-way through shortening its names: what still has the long prefix is called Legacy.
const (
	longPrefix  = "proxmox_virtual_environment_"
	shortPrefix = "proxmox_"
)

// resourceToken computes a resource's token: proxmox_download_file is proxmoxve:download/file:File.
func resourceToken(terraformName string) (string, bool) {
	module, name, ok := split(terraformName)
	if !ok {
		return "", false
	}
	return token(module, name), true
}

// functionToken computes a data source's token: proxmox_backup_jobs is proxmoxve:backup/getJobs:getJobs.
func functionToken(terraformName string) (tokens.ModuleMember, bool) {
	module, name, ok := split(terraformName)
	if !ok {
		return "", false
	}
	return tokens.ModuleMember(fmt.Sprintf("%s:%s/get%s:get%s", packageName, module, name, name)), true
}

// split divides a Terraform name into the module path and the Pascal-case name.
func split(terraformName string) (module, name string, ok bool) {
	rest, suffix := "", ""
	switch {
	case strings.HasPrefix(terraformName, longPrefix):
		rest, suffix = strings.TrimPrefix(terraformName, longPrefix), "Legacy"
	case strings.HasPrefix(terraformName, shortPrefix):
		rest = strings.TrimPrefix(terraformName, shortPrefix)
	}
	if rest == "" {
		return "", "", false
	}
	parts := strings.Split(rest, "_")
	module = strings.Join(parts[:len(parts)-1], "/")
	if module == "" {
		module = "index"
	}
	return module, changeFirst(parts[len(parts)-1], unicode.ToUpper) + suffix, true
}

func token(module, name string) string {
	return fmt.Sprintf("%s:%s/%s:%s", packageName, module, changeFirst(name, unicode.ToLower), name)
}

func changeFirst(text string, change func(rune) rune) string {
	runes := []rune(text)
	runes[0] = change(runes[0])
	return string(runes)
}

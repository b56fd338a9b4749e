package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// pluginFile is the part of a package's pulumi-plugin.json that says which plugin serves it.
type pluginFile struct {
	Resource bool   `json:"resource"`
	Name     string `json:"name"`
	Version  string `json:"version"`
	Server   string `json:"server"`
}

// GetRequiredPackages names the plugins of the Pulumi packages installed for the program.
func (h *languageHost) GetRequiredPackages(
	ctx context.Context, req *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	python, err := pythonOf(req.Info)
	if err != nil {
		return nil, err
	}
	if err := python.ValidateVenv(ctx); err != nil {
		return nil, err
	}
	directory, err := sitePackages(ctx, python)
	if err != nil {
		return nil, err
	}
	packages, err := requiredPackages(directory)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.GetRequiredPackagesResponse{Packages: packages}, nil
}

func sitePackages(ctx context.Context, python toolchain.Toolchain) (string, error) {
	virtualenv, err := python.VirtualEnvPath(ctx)
	if err != nil {
		return "", err
	}
	found, _ := filepath.Glob(filepath.Join(virtualenv, "lib", "python3*", "site-packages"))
	if virtualenv != "" && len(found) == 1 {
		return found[0], nil
	}
	cmd, err := python.Command(ctx, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
	if err != nil {
		return "", err
	}
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("asking Python for its packages: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

func requiredPackages(directory string) ([]*pulumirpc.PackageDependency, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*", "pulumi-plugin.json"))
	if err != nil {
		return nil, err
	}
	var packages []*pulumirpc.PackageDependency
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // found under the environment's own packages
		if err != nil {
			return nil, err
		}
		var plugin pluginFile
		if err := json.Unmarshal(content, &plugin); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		if !plugin.Resource || plugin.Name == "" {
			continue
		}
		packages = append(packages, &pulumirpc.PackageDependency{
			Kind: string(apitype.ResourcePlugin), Name: plugin.Name,
			Version: "v" + strings.TrimPrefix(plugin.Version, "v"), Server: plugin.Server,
		})
	}
	return packages, nil
}

// GetProgramDependencies lists the installed distributions, for `pulumi about`.
func (h *languageHost) GetProgramDependencies(
	ctx context.Context, req *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	python, err := pythonOf(req.Info)
	if err != nil {
		return nil, err
	}
	installed, err := python.ListPackages(ctx, req.TransitiveDependencies)
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for _, item := range installed {
		response.Dependencies = append(response.Dependencies,
			&pulumirpc.DependencyInfo{Name: item.Name, Version: item.Version})
	}
	return response, nil
}

// About describes the Python in use: every preview and update asks, before anything else. The SDK's own answer
// asks pip for its version too, which takes longer than everything else before the program starts.
func (h *languageHost) About(
	ctx context.Context, req *pulumirpc.AboutRequest,
) (*pulumirpc.AboutResponse, error) {
	python, err := pythonOf(req.Info)
	if err != nil {
		return nil, err
	}
	command, err := python.Command(ctx, "-c", "import sys; print(sys.executable); print(sys.version.split()[0])")
	if err != nil {
		return nil, err
	}
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("asking %s about itself: %w", command.Path, err)
	}
	executable, version, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
	return &pulumirpc.AboutResponse{Executable: executable, Version: version}, nil
}

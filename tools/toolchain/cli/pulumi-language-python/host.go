package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
	"google.golang.org/protobuf/types/known/emptypb"
)

// version is that of the SDK this host is built from; the linker sets it.
var version = "0.0.0-dev"

// executor runs a program inside the SDK; it lies beside this binary or on PATH.
const executor = "pulumi-language-python-exec"

// exitAfterMessage is the executor's exit status when it has shown the user an error already.
const exitAfterMessage = 32

type languageHost struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	engineAddress string
	tracing       string
}

func (h *languageHost) Handshake(
	_ context.Context, req *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.engineAddress = req.EngineAddress
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (h *languageHost) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version}, nil
}

// Run executes a program and waits for it.
func (h *languageHost) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	cmd, err := h.programCommand(ctx, req)
	if err != nil {
		return nil, err
	}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case errors.As(err, &exit) && exit.ExitCode() == exitAfterMessage:
		return &pulumirpc.RunResponse{Bail: true}, nil
	case errors.As(err, &exit):
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the Python program ended with %s", exit)}, nil
	default:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("could not run the Python program: %v", err)}, nil
	}
}

func (h *languageHost) programCommand(ctx context.Context, req *pulumirpc.RunRequest) (*exec.Cmd, error) {
	python, err := pythonOf(req.Info)
	if err != nil {
		return nil, err
	}
	if err := python.ValidateVenv(ctx); err != nil {
		return nil, err
	}
	script, err := executorPath()
	if err != nil {
		return nil, err
	}
	cmd, err := python.Command(ctx, append([]string{"-u", script}, h.programArguments(req)...)...)
	if err != nil {
		return nil, err
	}
	variables, err := configVariables(req)
	if err != nil {
		return nil, err
	}
	cmd.Env = append(environment(cmd), variables...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd, nil
}

func (h *languageHost) programArguments(req *pulumirpc.RunRequest) []string {
	args := []string{
		"--monitor", req.MonitorAddress,
		"--engine", h.engineAddress,
		"--project", req.Project,
		"--root_directory", req.Info.RootDirectory,
		"--stack", req.Stack,
		"--parallel", strconv.Itoa(int(req.Parallel)),
		"--dry_run", strconv.FormatBool(req.DryRun),
		"--pwd", req.Info.ProgramDirectory,
	}
	for _, optional := range []struct{ flag, value string }{
		{"--tracing", h.tracing}, {"--organization", req.Organization},
	} {
		if optional.value != "" {
			args = append(args, optional.flag, optional.value)
		}
	}
	entryPoint := req.Info.EntryPoint
	if entryPoint == "" {
		entryPoint = "."
	}
	return append(append(args, entryPoint), req.Args...)
}

// configVariables hands the stack's config over as the SDK expects it: as JSON in the environment.
func configVariables(req *pulumirpc.RunRequest) ([]string, error) {
	values, keys := req.Config, req.ConfigSecretKeys
	if values == nil {
		values = map[string]string{}
	}
	if keys == nil {
		keys = []string{}
	}
	config, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("encoding the config: %w", err)
	}
	secretKeys, err := json.Marshal(keys)
	if err != nil {
		return nil, fmt.Errorf("encoding the names of secret config keys: %w", err)
	}
	return []string{"PULUMI_CONFIG=" + string(config), "PULUMI_CONFIG_SECRET_KEYS=" + string(secretKeys)}, nil
}

// RunPlugin executes a plugin or a policy pack and streams what it prints until it ends.
func (h *languageHost) RunPlugin(
	req *pulumirpc.RunPluginRequest, server pulumirpc.LanguageRuntime_RunPluginServer,
) error {
	closer, stdout, stderr, err := rpcutil.MakeRunPluginStreams(server, false)
	if err != nil {
		return err
	}
	defer func() { _ = closer.Close() }()

	cmd, err := pluginCommand(server.Context(), req)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("running %s: %w", req.Info.ProgramDirectory, err)
	}
	return server.Send(&pulumirpc.RunPluginResponse{
		Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: int32(cmd.ProcessState.ExitCode())}, //nolint:gosec
	})
}

func pluginCommand(ctx context.Context, req *pulumirpc.RunPluginRequest) (*exec.Cmd, error) {
	python, err := pythonOf(req.Info)
	if err != nil {
		return nil, err
	}
	if err := python.ValidateVenv(ctx); err != nil {
		return nil, err
	}
	directory := req.Info.ProgramDirectory
	args, pwd := append([]string{"-u", directory}, req.Args...), req.Pwd
	if req.Kind == string(apitype.AnalyzerPlugin) {
		// A policy pack is named to Pulumi's own runner, which expects to be started inside it.
		args, pwd = append(append([]string{"-u", "-m", "pulumi.policy"}, req.Args...), directory), directory
	}
	cmd, err := python.Command(ctx, args...)
	if err != nil {
		return nil, err
	}
	cmd.Dir = pwd
	cmd.Env = append(environment(cmd), pluginEnvironment(req.Env)...)
	return cmd, nil
}

// InstallDependencies makes the virtual environment and fills it, for `pulumi install`.
func (h *languageHost) InstallDependencies(
	req *pulumirpc.InstallDependenciesRequest, server pulumirpc.LanguageRuntime_InstallDependenciesServer,
) error {
	closer, stdout, stderr, err := rpcutil.MakeInstallDependenciesStreams(server, req.IsTerminal)
	if err != nil {
		return err
	}
	defer func() { _ = closer.Close() }()
	python, err := pythonOf(req.Info)
	if err != nil {
		return err
	}
	return python.InstallDependencies(
		server.Context(), req.Info.ProgramDirectory, req.UseLanguageVersionTools, true, stdout, io.Writer(stderr))
}

func executorPath() (string, error) {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), executor)
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	return exec.LookPath(executor)
}

func pythonOf(info *pulumirpc.ProgramInfo) (toolchain.Toolchain, error) {
	options := toolchain.PythonOptions{Root: info.RootDirectory, ProgramDir: info.ProgramDirectory}
	if virtualenv, ok := info.Options.AsMap()["virtualenv"].(string); ok {
		options.Virtualenv = virtualenv
	}
	switch name := info.Options.AsMap()["toolchain"]; name {
	case nil, "auto":
		options.Toolchain = toolchain.Auto
	case "pip":
		options.Toolchain = toolchain.Pip
	case "poetry":
		options.Toolchain = toolchain.Poetry
	case "uv":
		options.Toolchain = toolchain.Uv
	default:
		return nil, fmt.Errorf("unknown runtime option toolchain %q: expected pip, poetry or uv", name)
	}
	return toolchain.ResolveToolchain(options)
}

// environment is the one of the activated virtual environment, or our own where there is none.
func environment(cmd *exec.Cmd) []string {
	if cmd.Env != nil {
		return cmd.Env
	}
	return os.Environ()
}

// pluginEnvironment drops what would undo the activation of the plugin's virtual environment: the engine
// sends its whole environment along.
func pluginEnvironment(variables []string) []string {
	var kept []string
	for _, variable := range variables {
		switch name, _, _ := strings.Cut(variable, "="); name {
		case "PATH", "VIRTUAL_ENV", "PYTHONHOME":
		default:
			kept = append(kept, variable)
		}
	}
	return kept
}

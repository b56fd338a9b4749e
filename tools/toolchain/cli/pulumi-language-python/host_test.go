package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// project makes a project directory with what looks like a virtual environment.
func project(t *testing.T) *pulumirpc.ProgramInfo {
	t.Helper()
	root := filepath.Join(t.TempDir(), "with space")
	bin := filepath.Join(root, ".venv", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "python"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	options, err := structpb.NewStruct(map[string]any{"virtualenv": ".venv"})
	if err != nil {
		t.Fatal(err)
	}
	return &pulumirpc.ProgramInfo{RootDirectory: root, ProgramDirectory: root, EntryPoint: ".", Options: options}
}

func TestProgramsRunInTheVirtualEnvironment(t *testing.T) {
	info := project(t)
	t.Setenv("PATH", fakeExecutor(t))
	host := &languageHost{engineAddress: "127.0.0.1:1"}
	cmd, err := host.programCommand(context.Background(), &pulumirpc.RunRequest{
		Info: info, Project: "p", Stack: "s", Config: map[string]string{"p:a": "b"}, ConfigSecretKeys: []string{"p:a"},
		MonitorAddress: "127.0.0.1:2", DryRun: true, Parallel: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	virtualenv := filepath.Join(info.RootDirectory, ".venv")
	if cmd.Path != filepath.Join(virtualenv, "bin", "python") {
		t.Errorf("runs %s", cmd.Path)
	}
	line := strings.Join(cmd.Args, " ")
	for _, part := range []string{"--dry_run true", "--engine 127.0.0.1:1", "--monitor 127.0.0.1:2", "--parallel 4"} {
		if !strings.Contains(line, part) {
			t.Errorf("%q is missing in %q", part, line)
		}
	}
	for _, variable := range []string{
		"VIRTUAL_ENV=" + virtualenv, `PULUMI_CONFIG={"p:a":"b"}`, `PULUMI_CONFIG_SECRET_KEYS=["p:a"]`,
	} {
		if !slices.Contains(cmd.Env, variable) {
			t.Errorf("the environment lacks %s", variable)
		}
	}
	if strings.Contains(line, `{"p:a"`) {
		t.Error("the config is readable in the process list")
	}
}

func fakeExecutor(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, executor), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	return directory
}

func TestAMissingVirtualEnvironmentIsNamed(t *testing.T) {
	info := project(t)
	if err := os.RemoveAll(filepath.Join(info.RootDirectory, ".venv")); err != nil {
		t.Fatal(err)
	}
	_, err := (&languageHost{}).programCommand(context.Background(), &pulumirpc.RunRequest{Info: info})
	if err == nil || !strings.Contains(err.Error(), ".venv") {
		t.Fatalf("error %v", err)
	}
}

func TestPolicyPacksRunInTheirDirectoryAndPluginsInTheProgram(t *testing.T) {
	info := project(t)
	env := []string{"PATH=/elsewhere", "WANTED=1"}
	for kind, want := range map[apitype.PluginKind]struct{ args, pwd string }{
		apitype.AnalyzerPlugin: {"-u -m pulumi.policy engine " + info.ProgramDirectory, info.ProgramDirectory},
		apitype.ResourcePlugin: {"-u " + info.ProgramDirectory + " engine", "/pwd"},
	} {
		cmd, err := pluginCommand(context.Background(), &pulumirpc.RunPluginRequest{
			Info: info, Kind: string(kind), Args: []string{"engine"}, Pwd: "/pwd", Env: env,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(cmd.Args[1:], " "); got != want.args || cmd.Dir != want.pwd {
			t.Errorf("%s: %q in %q", kind, got, cmd.Dir)
		}
		if slices.Contains(cmd.Env, "PATH=/elsewhere") || !slices.Contains(cmd.Env, "WANTED=1") {
			t.Errorf("%s: environment %q", kind, cmd.Env)
		}
	}
}

func TestRequiredPackagesComeFromTheInstalledOnes(t *testing.T) {
	directory := t.TempDir()
	for name, content := range map[string]string{
		"pulumi_command": `{"resource": true, "name": "command", "version": "1.2.1"}`,
		"pulumi_policy":  `{"resource": false, "name": "policy"}`,
	} {
		if err := os.Mkdir(filepath.Join(directory, name), 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(directory, name, "pulumi-plugin.json")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	packages, err := requiredPackages(directory)
	if err != nil || len(packages) != 1 || packages[0].Name != "command" || packages[0].Version != "v1.2.1" {
		t.Fatalf("packages %v, error %v", packages, err)
	}
}

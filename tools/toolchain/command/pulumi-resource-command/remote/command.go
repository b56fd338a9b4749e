// Package remote is the module `remote` of the plugin: commands over SSH.
package remote

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Command is a resource whose life-cycle steps are shell commands on a remote host.
type Command struct{}

// Inputs are what a program gives. Names and types equal those of the published SDK.
type Inputs struct {
	Connection             *Connection       `pulumi:"connection"                      provider:"secret"`
	Create                 *string           `pulumi:"create,optional"`
	Update                 *string           `pulumi:"update,optional"`
	Delete                 *string           `pulumi:"delete,optional"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	Triggers               []any             `pulumi:"triggers,optional"               provider:"replaceOnChanges"`
	Logging                *Logging          `pulumi:"logging,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

// State is what is stored: the inputs and what the last command printed.
type State struct {
	Inputs
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// Annotate describes the resource and its defaults for the schema.
func (*Command) Annotate(a infer.Annotator) {
	a.Describe(&Command{}, "A command to run on a remote host over SSH at each step of the resource's life.")
	a.SetToken("remote", "Command")
}

// Annotate describes the inputs and their defaults for the schema.
func (i *Inputs) Annotate(a infer.Annotator) {
	a.Describe(&i.Connection, "How to reach the host.")
	a.Describe(&i.Create, "The command to run on create.")
	a.Describe(&i.Update, "The command to run on update; unset, create runs again.")
	a.Describe(&i.Delete, "The command to run on delete, with the inputs last stored.")
	a.Describe(&i.Stdin, "What the command reads from standard input. It is never printed.")
	a.Describe(&i.Environment, "Variables set over SSH; the server's AcceptEnv must allow them.")
	a.Describe(&i.Triggers, "Values whose change replaces the resource.")
	a.Describe(&i.Logging, "Which of the command's outputs appear in the log. Both by default.")
	a.Describe(&i.AddPreviousOutputInEnv, "Whether to offer the outputs of the last run as variables over SSH.")
	a.SetDefault(&i.AddPreviousOutputInEnv, true)
}

// Create runs the create command.
func (*Command) Create(
	ctx context.Context, req infer.CreateRequest[Inputs],
) (infer.CreateResponse[State], error) {
	state := State{Inputs: req.Inputs}
	id, err := resource.NewUniqueHex(req.Name, 8, 0)
	if err == nil && !req.DryRun {
		err = state.run(ctx, req.Inputs.Create)
	}
	return infer.CreateResponse[State]{ID: id, Output: state}, err
}

// Update runs the update command or, where there is none, the create command.
func (*Command) Update(
	ctx context.Context, req infer.UpdateRequest[Inputs, State],
) (infer.UpdateResponse[State], error) {
	state := State{Inputs: req.Inputs, Stdout: req.State.Stdout, Stderr: req.State.Stderr}
	command := req.Inputs.Update
	if command == nil {
		command = req.Inputs.Create
	}
	var err error
	if !req.DryRun {
		err = state.run(ctx, command)
	}
	return infer.UpdateResponse[State]{Output: state}, err
}

// Delete runs the delete command against the connection last stored.
func (*Command) Delete(ctx context.Context, req infer.DeleteRequest[State]) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, req.State.run(ctx, req.State.Inputs.Delete)
}

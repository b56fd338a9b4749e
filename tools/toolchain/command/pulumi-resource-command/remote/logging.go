package remote

import "github.com/pulumi/pulumi-go-provider/infer"

// Logging says which of a command's outputs appear in the log.
type Logging string

// The values of Logging.
const (
	LogStdout          Logging = "stdout"
	LogStderr          Logging = "stderr"
	LogStdoutAndStderr Logging = "stdoutAndStderr"
	LogNone            Logging = "none"
)

// Values lists the choices for the schema.
func (Logging) Values() []infer.EnumValue[Logging] {
	return []infer.EnumValue[Logging]{
		{Value: LogStdout, Description: "Standard output only."},
		{Value: LogStderr, Description: "Standard error only."},
		{Value: LogStdoutAndStderr, Description: "Both."},
		{Value: LogNone, Description: "Neither."},
	}
}

func (l *Logging) hasStdout() bool { return l == nil || *l == LogStdout || *l == LogStdoutAndStderr }

func (l *Logging) hasStderr() bool { return l == nil || *l == LogStderr || *l == LogStdoutAndStderr }

//go:build tools

// Package language pins Pulumi's Python language host. It has a module of its own because its last
// version that the Go proxy serves needs an older SDK than the command-line tool.
package language

import _ "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"

//go:build tools

// Package cli pins the Pulumi command-line tool, for machines where it is neither installed nor to be downloaded.
package cli

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"

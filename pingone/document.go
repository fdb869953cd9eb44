package pingone

import (
	_ "embed"
	"slices"
)

//go:embed contract.yaml
var document []byte

// Document returns the operation's contract document, for package contract.
func Document() []byte { return slices.Clone(document) }

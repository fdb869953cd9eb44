package pingone

import (
	_ "embed"
	"slices"

	"mfaload/contract"
)

//go:embed contract.yaml
var document []byte

// Document returns the operation's contract document, for package contract.
func Document() []byte { return slices.Clone(document) }

// Compile compiles a contract document for the operation, as [contract.Compile]
// does. Checks capture the members that name the kind of a response.
func Compile(name string, document []byte, levels []contract.LevelChange) (*contract.Contract, error) {
	return contract.Compile(name, document, levels, "status", "code") // in the order of responseCode
}

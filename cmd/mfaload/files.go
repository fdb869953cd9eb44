package main

// The largest files that a person names on the command line, in bytes.
const (
	maxIdentity = 1 << 20 // join files too
	maxProfile  = 16 << 20
)

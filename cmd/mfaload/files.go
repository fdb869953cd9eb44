package main

// The largest files of a results folder that are read at once, in bytes. Measurements
// and journals are read bit by bit, whatever their size.
const (
	maxReport  = 128 << 20
	maxRecord  = 1 << 20 // trial.json, search.json
	maxProfile = 16 << 20
)

// The largest files that a person names on the command line, in bytes.
const (
	maxContract = 16 << 20
	maxIdentity = 1 << 20 // join files too
)

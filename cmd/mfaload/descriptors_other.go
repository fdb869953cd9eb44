//go:build !unix

package main

// mostDescriptors is not known here: the system sets no limit of its own.
func mostDescriptors() (limit uint64, known bool) { return 0, false }

//go:build !unix

package runner

// MaxFiles is not known here: the system sets no limit of its own.
func MaxFiles() (limit uint64, known bool) { return 0, false }

func openFiles() int { return 0 }

//go:build !unix

package session

import "os"

// lock can't keep others out here.
func lock(*os.File) error { return nil }

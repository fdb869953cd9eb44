//go:build !unix

package disk

import "os"

// These are not there: O_EXCL alone follows no link either, and there are no named
// pipes among the files.
const noFollow, noWait = 0, 0

// Lock can't keep others out here.
func Lock(*os.File) error { return nil }

func flock(*os.File) error { return nil }

// removeOrphan removes nothing: whose owner is dead can't be told.
func removeOrphan(string) {}

//go:build !unix

package disk

// These are not there: O_EXCL alone follows no link either, and there are no named
// pipes among the files.
const noFollow, noWait = 0, 0

//go:build !unix

package disk

// noFollow is not there: O_EXCL alone follows no link either.
const noFollow = 0

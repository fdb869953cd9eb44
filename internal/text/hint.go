package text

import (
	"fmt"
	"strings"
)

// Hint is what an error ends in: what can be done, on lines of its own below it.
func Hint(format string, args ...any) string {
	return "  " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n  ")
}

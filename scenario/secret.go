package scenario

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that no log, report or error may show. Every way of
// printing it gives "***"; only Reveal gives the text.
type Secret struct {
	// A pointer, for package fmt prints what it finds in unexported fields
	// without asking their methods.
	text *string
}

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the hidden text, for the one place that sends it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero says whether there is no text.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

func (s Secret) String() string               { return "***" }
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue("***") }

// Format covers every verb of package fmt, %x and %#v among them.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "***") }

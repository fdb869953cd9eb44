package pingone

import (
	"strconv"
	"strings"
	"sync"
)

// maxLabels bounds the labels that are remembered.
const maxLabels = 1000

// labels remembers the names of kinds of answers, so that naming one makes no
// new text.
type labels struct {
	mu    sync.RWMutex
	known map[labelKey]string
}

type labelKey struct {
	status int
	word   string
}

func (l *labels) of(status int, word string) string {
	l.mu.RLock()
	name, known := l.known[labelKey{status, word}]
	l.mu.RUnlock()
	if known {
		return name
	}
	name = label(status, word)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[labelKey]string{}
	}
	if len(l.known) < maxLabels {
		l.known[labelKey{status, strings.Clone(word)}] = name
	}
	return name
}

// label names the kind of an answer. Words that are no code are left out, so
// that labels stay few whatever a server answers.
func label(status int, word string) string {
	code := strconv.Itoa(status)
	switch {
	case word == "" && status >= 400:
		return code + " not from the service"
	case word == "":
		return code
	case len(word) > 60 || strings.IndexFunc(word, notCode) >= 0:
		return code + " other"
	}
	return code + " " + word
}

func notCode(r rune) bool {
	return !(r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_')
}

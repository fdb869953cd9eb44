// Package yamldoc reads the one YAML document of a file as programs write them:
// with byte-order marks, %YAML 1.2, and --- before or behind it.
package yamldoc

import (
	"bytes"
	"regexp"

	"gopkg.in/yaml.v3"
)

// Plain is a text without byte-order marks, and with its line %YAML 1.2 made a
// comment, so that places stay what they are: the YAML library refuses what is
// not 1.1, though it reads what 1.2 has.
func Plain(data []byte) []byte {
	for bytes.HasPrefix(data, mark) {
		data = data[len(mark):]
	}
	return directive.ReplaceAll(data, []byte("${1}#${2}"))
}

var (
	mark      = []byte("\uFEFF")
	directive = regexp.MustCompile(`^((?:[ \t]*(?:#[^\r\n]*)?\r?\n|%TAG[^\r\n]*\r?\n)*)` +
		`%(YAML[ \t]+1\.[0-9]+[ \t]*(?:#[^\r\n]*)?\r?\n)`)
)

// Next is the next document that has anything in it; io.EOF behind the last.
func Next(decoder *yaml.Decoder) (*yaml.Node, error) {
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil || !isEmpty(&document) {
			return &document, err
		}
	}
}

func isEmpty(document *yaml.Node) bool {
	return len(document.Content) == 0 || document.Content[0].Kind == yaml.ScalarNode &&
		document.Content[0].Value == ""
}

package form

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/yaml.v3"
)

// jsonDocument reads a file of JSON. The YAML library takes most of it, but not
// the escapes \/ and \ud83d\ude00, which JSON has and YAML 1.1 has not. It
// returns nil for what is no JSON: that is YAML then, and its problems are told as such.
func jsonDocument(data []byte) *yaml.Node {
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return nil
	}
	j := &jsonReader{data: data, line: 1, column: 1,
		// Names that are there twice are told with their places.
		d: jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true))}
	root := j.value()
	if root == nil {
		return nil
	}
	if rest := bytes.TrimSpace(data[j.last:]); len(rest) > 0 && j.nodes <= maxTokens {
		return nil // something stands behind it
	}
	return root
}

// maxTokens is how many keys and values are read: of more, more than maxNodes are
// values.
const maxTokens = 2*maxNodes + 2

// jsonReader turns JSON into the nodes of the YAML library, with their places.
type jsonReader struct {
	data         []byte
	d            *jsontext.Decoder
	nodes        int // keys and values
	last         int // the offset at which the last token ended
	at           int // the offset that line and column are of
	line, column int
}

// value reads a value; nil where it is none. What is beyond the limit of values
// is left out: the limit is told later.
func (j *jsonReader) value() *yaml.Node {
	token, err := j.d.ReadToken()
	if err != nil {
		return nil
	}
	begin, end := j.last, int(j.d.InputOffset())
	j.last = end
	n := &yaml.Node{Kind: yaml.ScalarNode}
	kind := token.Kind()
	switch kind {
	case '{', '[':
		n.Style = yaml.FlowStyle
		j.place(n, end-1)
	case '"':
		n.Style, n.Tag, n.Value = yaml.DoubleQuotedStyle, "!!str", token.String()
		// Between two tokens are spaces, ':' and ','.
		j.place(n, begin+bytes.IndexByte(j.data[begin:end], '"'))

	default:
		n.Value = token.String()
		j.place(n, end-len(n.Value))
	}
	j.nodes++
	switch kind {
	case '{':
		n.Kind = yaml.MappingNode
	case '[':
		n.Kind = yaml.SequenceNode
	case '}', ']':
		return nil
	default:
		return n
	}
	for kind := j.d.PeekKind(); kind != '}' && kind != ']'; kind = j.d.PeekKind() {
		if j.nodes > maxTokens {
			return n
		}
		item := j.value()
		if item == nil {
			return nil
		}
		n.Content = append(n.Content, item)
	}
	if _, err := j.d.ReadToken(); err != nil {
		return nil
	}
	j.last = int(j.d.InputOffset())
	return n
}

// place notes where a node is. Offsets only go up.
func (j *jsonReader) place(n *yaml.Node, offset int) {
	for j.at < offset {
		r, size := utf8.DecodeRune(j.data[j.at:])
		j.at += size
		switch {
		case r == '\n':
			j.line, j.column = j.line+1, 1
		case r == '\r' && (j.at >= len(j.data) || j.data[j.at] != '\n'):
			j.line, j.column = j.line+1, 1
		default:
			j.column++
		}
	}
	n.Line, n.Column = j.line, j.column
}

package contract

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// compiler turns a document into a contract.
type compiler struct {
	*document
	contract *Contract
	schemas  map[string]*schema // by pointer; nil while one is being compiled
	byName   map[string]*rule
	nodes    map[*rule]*yaml.Node // of x-rules
	carried  map[*rule]bool       // named by a schema or a response
	slots    map[string]int
}

func newCompiler(d *document) *compiler {
	return &compiler{
		document: d,
		contract: &Contract{maxDepth: maxDepthOfText, names: map[string]bool{}},
		schemas:  map[string]*schema{},
		byName:   map[string]*rule{},
		nodes:    map[*rule]*yaml.Node{},
		carried:  map[*rule]bool{},
		slots:    map[string]int{},
	}
}

func (k *compiler) compile() (*Contract, error) {
	if v := get(k.root, "openapi"); v == nil || !strings.HasPrefix(v.Value, "3.1") {
		k.fail(k.root, "the document must begin with openapi: 3.1.0: only OpenAPI 3.1 is supported")
		return nil, k.err()
	}
	operation := k.operation()
	list := get(k.root, "x-rules")
	k.listRules(list)
	if operation != nil {
		if n := k.member(operation, "responses"); n != nil {
			k.responses(n)
		}
	}
	if err := k.err(); err != nil {
		return nil, err // rules refer to the responses
	}
	k.places()
	k.readRules()
	if err := k.err(); err != nil {
		return nil, err
	}
	k.contract.schemas = k.schemas
	return k.contract, k.validators()
}

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// operation finds the document's one operation.
func (k *compiler) operation() (found *yaml.Node) {
	paths := k.member(k.root, "paths")
	if paths == nil {
		return nil
	}
	count := 0
	for _, item := range entries(paths) {
		for _, method := range methods {
			if n := get(item, method); n != nil {
				found = n
				count++
			}
		}
	}
	if count != 1 {
		k.fail(paths, "a contract describes one operation, this document has %d: leave one", count)
		return nil
	}
	return found
}

// validators compiles the schemas for the schema library, which may load
// nothing from anywhere.
func (k *compiler) validators() error {
	lib := jsonschema.NewCompiler()
	lib.DefaultDraft(jsonschema.Draft2020)
	lib.UseLoader(noLoader{})
	lib.AssertFormat()
	if err := lib.AddResource(schemaBase, k.plain); err != nil {
		return fmt.Errorf("%s: prepare the schemas: %s: mend them", k.name, oneLine(err))
	}
	all := &k.contract.responses
	for status := 100; status <= 599; status++ {
		resp := all.of(status)
		if resp == nil || resp.schema == nil || resp.validator != nil {
			continue
		}
		v, err := lib.Compile(schemaBase + resp.schema.pointer)
		if err != nil {
			return fmt.Errorf("%s: compile the schema %s: %s: mend it", k.name, resp.schema.pointer, oneLine(err))
		}
		resp.validator = v
	}
	return nil
}

// oneLine is the text of the schema library's errors, which print a tree.
func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "") + "…"
	}
	return text
}

// schemaBase is the address under which the schema library knows the document.
const schemaBase = "contract:///document"

type noLoader struct{}

func (noLoader) Load(string) (any, error) {
	return nil, errors.New("references outside the document are not followed")
}

// encodeFragment writes a step of a JSON pointer in a URL's fragment as the
// schema library does.
func encodeFragment(step string) string {
	return url.PathEscape(escapePointer.Replace(step))
}

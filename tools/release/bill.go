package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// bill writes what a program was made from, and looks at what was written.
func (r *maker) bill(binary, name string) error {
	if _, err := r.run([]string{"GOFLAGS=-trimpath"}, "tool", "-modfile=tools/go.mod", "cyclonedx-gomod",
		"bin", "-json", "-licenses", "-noserial", "-notimestamp",
		"-std", "-version", r.version, "-output", name, binary); err != nil {
		return err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	bom := new(cdx.BOM)
	if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(bom); err != nil {
		return fmt.Errorf("read the bill of materials: %w", err)
	}
	// The tool's own checksums differ by the machine that it was built on.
	for i := range *bom.Metadata.Tools.Tools {
		(*bom.Metadata.Tools.Tools)[i].Hashes = nil
	}
	if err := complete(bom, binary, r.version); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).Encode(
		bom); err != nil {
		return fmt.Errorf("write the bill of materials: %w", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
	if err != nil {
		return fmt.Errorf("read the bill of materials: %w", err)
	}
	if err := r.schema.Validate(document); err != nil {
		return fmt.Errorf("the bill of materials breaks its schema: %w", err)
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// complete wants the version, every module that the program says it was linked
// from, and a licence for each.
func complete(bom *cdx.BOM, binary, version string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	if got := bom.Metadata.Component.Version; got != version {
		return fmt.Errorf("the bill of materials is of version %q, the program %q", got, version)
	}
	listed := map[string]cdx.Component{}
	for _, c := range *bom.Components {
		listed[c.Name+" "+c.Version] = c
	}
	for _, m := range info.Deps {
		c, found := listed[m.Path+" "+m.Version]
		if !found {
			return fmt.Errorf("the bill of materials lacks %s %s", m.Path, m.Version)
		}
		if c.Licenses == nil && (c.Evidence == nil || c.Evidence.Licenses == nil) {
			return fmt.Errorf("the bill of materials has no licence of %s %s", m.Path, m.Version)
		}
	}
	std := "std " + strings.TrimSpace(info.GoVersion)
	if _, found := listed[std]; !found {
		return fmt.Errorf("the bill of materials lacks %s", std)
	}
	return nil
}

// billSchema compiles CycloneDX's schema, which its library carries.
func (r *maker) billSchema() (*jsonschema.Schema, error) {
	dir, err := r.run(nil, "list", "-C", "tools", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go")
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	for file, name := range map[string]string{"bom-1.6.schema.json": "bom-1.6.schema.json",
		"spdx.schema.json": "spdx.schema.json", "jsf-0.82.schemax.json": "jsf-0.82.schema.json"} {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "schema", file))
		if err != nil {
			return nil, err
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if err := compiler.AddResource("http://cyclonedx.org/schema/"+name, document); err != nil {
			return nil, err
		}
	}
	return compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
}

package scenario

// Key is a key of a file, as the page that lists them has it.
type Key struct {
	// Path leads to it from the top: users[].expect.status, where [] is any item
	// of a list and * any name that the user chooses.
	Path string
	// Want is what to write.
	Want string
	// Required keys can't be left out. Default is what counts for others; empty
	// is nothing.
	Required bool
	Default  string
	// Doc says what the key is for.
	Doc string
	// Mapping says that the value has keys of its own.
	Mapping bool
}

// Keys returns the keys of scenario files, in the order of the tables that they
// are read by.
func Keys() []Key { return top(scenarioForm.keys) }

// SimulatorKeys returns the keys of a file for the simulator on its own.
func SimulatorKeys() []Key { return top(simulatorFileForm.keys) }

// top takes the dot from the front of the paths.
func top(keys []Key) []Key {
	keys = under("", keys)
	for i := range keys {
		keys[i].Path = keys[i].Path[1:]
	}
	return keys
}

// keysOf are the keys of a mapping, each before those within it.
func keysOf[T any](fields []field[T]) (keys []Key) {
	for _, f := range fields {
		k := Key{Path: "." + f.name, Want: f.want, Required: f.required, Default: f.fallback, Doc: f.doc, Mapping: len(f.keys) > 0}
		if k.Default == "{}" {
			k.Default = ""
		}
		keys = append(append(keys, k), under(k.Path, f.keys)...)
	}
	return keys
}

// under are keys seen from further up.
func under(path string, keys []Key) []Key {
	seen := make([]Key, len(keys))
	for i, k := range keys {
		k.Path = path + k.Path
		seen[i] = k
	}
	return seen
}

package form

import "testing"

func TestHideNumber(t *testing.T) {
	for text, want := range map[string]string{
		"wilhelmina@example.com":               "w***@***",
		"Wilhelmina <w.canary@example.com>, x": "Wilhelmina <w***@***>, x",
		"+49 151 2345-6789":                    "***",
		"4915123456789":                        "***",
		"call +14135550150 x":                  "call *** x",
		"788d4931-6936-43f2-82ff-178f5762298":  "788d4931-6936-43f2-82ff-178f5762298",
		"12:30":                                "12:30",
		"100/s":                                "100/s",
	} {
		if got := HideNumber(text); got != want {
			t.Errorf("HideNumber(%q) = %q, want %q", text, got, want)
		}
	}
}

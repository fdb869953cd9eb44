package contract

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// number returns a JSON number that the schema library computes with in little
// time and memory: it is exact, so a few bytes such as 1e999999999 could keep
// it busy for minutes. Numbers beyond 32 bytes or three digits of exponent are
// rounded to double precision; what is out of its range becomes ±1e400, or
// 1e-400 where it is nearly zero.
func number(text string) json.Number {
	mantissa, exponent := text, ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], strings.TrimLeft(text[i+1:], "+-")
	}
	if len(text) <= 32 && len(exponent) <= 3 {
		return json.Number(text)
	}
	f, _ := strconv.ParseFloat(text, 64) // ±Inf where out of range
	switch {
	case math.IsInf(f, 1):
		return "1e400"
	case math.IsInf(f, -1):
		return "-1e400"
	case f == 0 && strings.ContainsAny(mantissa, "123456789"):
		return "1e-400"
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
}

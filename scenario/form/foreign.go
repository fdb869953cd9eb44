package form

import "bytes"

// foreign are the beginnings of files that people pass for text.
var foreign = []struct{ start, text, remedy string }{
	{"\x1f\x8b", "the file is compressed with gzip", "unpack it first, with gunzip"},
	{"BZh91AY", "the file is compressed with bzip2", "unpack it first, with bunzip2"},
	{"\xfd7zXZ\x00", "the file is compressed with xz", "unpack it first, with unxz"},
	{"\x28\xb5\x2f\xfd", "the file is compressed with zstd", "unpack it first, with unzstd"},
	{"PK\x03\x04", "the file is a spreadsheet (.xlsx) or a zip archive",
		"save the sheet as CSV UTF-8, or unpack the archive"},
	{"\xd0\xcf\x11\xe0", "the file is a spreadsheet (.xls)", "save the sheet as CSV UTF-8"},
	{"PAR1", "the file is Parquet", "export it as CSV or NDJSON"},
	{"%PDF-", "the file is a PDF", "export the text"},
	{"\xff\xfe\x00\x00", "the file is UTF-32", "save it as UTF-8"},
	{"\x00\x00\xfe\xff", "the file is UTF-32", "save it as UTF-8"},
	{"\xff\xfe", "the file is UTF-16", "save it as UTF-8"},
	{"\xfe\xff", "the file is UTF-16", "save it as UTF-8"},
	{"{\\rtf", "the file is a text of a word processor (RTF)", "save it as plain text"},
	{"<!", "the file is HTML or XML", "download or export the text itself"},
	{"<?", "the file is HTML or XML", "download or export the text itself"},
	{"<html", "the file is HTML or XML", "download or export the text itself"},
	{"-----BEGIN ", "the file is a key or a certificate (PEM)", "name another file"},
}

// Foreign says what a file is whose first bytes are no text that mfaload reads, and
// what to do about it; two empty texts of any other.
func Foreign(start []byte) (text, remedy string) {
	start = bytes.TrimLeft(start, " \t\r\n")
	for _, f := range foreign {
		if bytes.HasPrefix(start, []byte(f.start)) {
			return f.text, f.remedy
		}
	}
	if len(start) >= 4 && (start[1] == 0 && start[3] == 0 || start[0] == 0 && start[2] == 0) {
		return "the file is UTF-16 without a byte-order mark", "save it as UTF-8"
	}
	return "", ""
}

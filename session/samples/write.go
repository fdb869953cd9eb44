package samples

import (
	"bufio"
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"mfaload/internal/disk"
	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/measure/journal"
)

// Incomplete says that rows are missing.
type Incomplete struct {
	// Unread counts the bytes at the ends of journals that can't be read.
	Unread int64
	// Shards counts the shards of the runs that are in no journal.
	Shards int
}

func (e *Incomplete) Error() string {
	var parts []string
	if e.Unread > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes at the end of the journal can't be read: the last "+
			"requests are missing", e.Unread))
	}
	if e.Shards > 0 {
		parts = append(parts, fmt.Sprintf("the requests of %s are missing: name the folders of all shards",
			number.Plural(e.Shards, "shard")))
	}
	return strings.Join(parts, "; ")
}

// Write writes the requests of journals, those of several journals by intended time. It holds one
// second of each journal. An [Incomplete] comes after all that could be read.
func (f *Format) Write(w io.Writer, journals ...io.Reader) error {
	if f.zipped {
		zip, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		return errors.Join(f.write(zip, journals), zip.Close())
	}
	return f.write(w, journals)
}

func (f *Format) write(w io.Writer, journals []io.Reader) error {
	sources := make([]*rowSource, len(journals))
	for i, in := range journals {
		sources[i] = open(in)
		defer sources[i].stop()
	}
	if err := checkTwins(sources); err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 1<<20)
	_, _ = out.WriteString(f.head)
	var row RequestRow
	var line []byte
	for s := range merged(sources) {
		row.fill(s.about, s.head, &s.clock)
		line = f.row(line[:0], &row)
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	incomplete := Incomplete{Shards: missingShards(sources)}
	for _, s := range sources {
		if s.err != nil {
			return s.err
		}
		incomplete.Unread += s.unread
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if incomplete != (Incomplete{}) {
		return &incomplete
	}
	return nil
}

// rowSource is a journal that is read request by request. Head is the next one, nil at the end, and is
// gone with the next call of next.
type rowSource struct {
	about  *measure.Measurement
	head   *measure.Observation
	due    time.Time // of head
	clock  rowClock
	pull   func() (*measure.Observation, bool)
	stop   func()
	unread int64
	err    error
}

var errEnough = errors.New("enough")

func open(in io.Reader) *rowSource {
	s := &rowSource{}
	s.pull, s.stop = iter.Pull(func(yield func(*measure.Observation) bool) {
		s.unread, s.err = journal.Observations(in, func(about *measure.Measurement,
			o *measure.Observation) error {
			s.about = about
			if !yield(o) {
				return errEnough
			}
			return nil
		})
	})
	s.next()
	return s
}

func (s *rowSource) next() {
	if s.head, _ = s.pull(); s.head != nil {
		s.clock.started = s.about.Started
		s.due = s.about.Started.Add(s.head.Intended)
	}
}

// merged yields the sources again and again, each time the one whose head was due first.
func merged(sources []*rowSource) iter.Seq[*rowSource] {
	atEnd := func(s *rowSource) bool { return s.head == nil }
	rest := rowSourceHeap(slices.DeleteFunc(slices.Clone(sources), atEnd))
	heap.Init(&rest)
	return func(yield func(*rowSource) bool) {
		for len(rest) > 0 {
			s := rest[0]
			if !yield(s) {
				return
			}
			if s.next(); s.head == nil {
				heap.Pop(&rest)
			} else {
				heap.Fix(&rest, 0)
			}
		}
	}
}

type rowSourceHeap []*rowSource

func (h rowSourceHeap) Len() int           { return len(h) }
func (h rowSourceHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h rowSourceHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *rowSourceHeap) Push(s any)        { *h = append(*h, s.(*rowSource)) }

func (h *rowSourceHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// checkTwins refuses a shard that is in two journals, whose rows would be there twice.
func checkTwins(sources []*rowSource) error {
	seen := map[measure.Shard]bool{}
	for _, s := range sources {
		if s.about == nil || s.about.Shard == nil {
			continue
		}
		if seen[*s.about.Shard] {
			return fmt.Errorf("shard %s of the run %s is in two of the journals\n%s", s.about.Shard,
				s.about.Shard.Run, text.Hint("name the folder of each shard once"))
		}
		seen[*s.about.Shard] = true
	}
	return nil
}

// missingShards counts the shards of the sources' runs that no source is of.
func missingShards(sources []*rowSource) (missing int) {
	runs := map[string]int{}
	for _, s := range sources {
		if s.about != nil && s.about.Shard != nil {
			runs[s.about.Shard.Run] = cmp.Or(runs[s.about.Shard.Run], s.about.Shard.Count) - 1
		}
	}
	for _, n := range runs {
		missing += n
	}
	return missing
}

// WriteFile is [Format.Write] to a file, in one step: of a failure nothing is left. Files are
// the journals' names.
func (f *Format) WriteFile(path string, files ...string) error {
	var incomplete *Incomplete
	err := disk.ReplaceWith(path, func(w io.Writer) error {
		err := f.WriteAll(w, files...)
		if errors.As(err, &incomplete) {
			return nil
		}
		return err
	}, 0o600)
	if err == nil && incomplete != nil {
		return incomplete
	}
	return err
}

// WriteAll is [Format.Write] of journals in files. A file that is named twice is read once.
func (f *Format) WriteAll(w io.Writer, files ...string) error {
	var journals []io.Reader
	var known []os.FileInfo
	for _, name := range files {
		file, err := disk.OpenRegular(name)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(known, func(k os.FileInfo) bool { return os.SameFile(k, info) }) {
			continue
		}
		known, journals = append(known, info), append(journals, file)
	}
	return f.Write(w, journals...)
}

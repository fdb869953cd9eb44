package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"time"
)

// mode is what a file of an archive may do: programs run, all are readable.
func mode(f file) os.FileMode {
	if strings.HasPrefix(path.Base(f.name), "mfaload") && !strings.Contains(f.name, "/") {
		return 0o755
	}
	return 0o644
}

// tarball packs files under a folder. Owner, times and order are always the same.
func tarball(name, folder string, files []file, stamp time.Time) error {
	return packed(name, func(out io.Writer) error {
		zw, err := gzip.NewWriterLevel(out, gzip.BestCompression)
		if err != nil {
			return err
		}
		tw := tar.NewWriter(zw)
		for _, f := range files {
			data, err := os.ReadFile(f.from)
			if err != nil {
				return err
			}
			header := &tar.Header{Name: path.Join(folder, f.name), Mode: int64(mode(f)),
				Size: int64(len(data)), ModTime: stamp, Format: tar.FormatUSTAR}
			if err := tw.WriteHeader(header); err != nil {
				return err
			}
			if _, err := tw.Write(data); err != nil {
				return err
			}
		}
		return errors.Join(tw.Close(), zw.Close())
	})
}

// zipped is tarball for Windows.
func zipped(name, folder string, files []file, stamp time.Time) error {
	return packed(name, func(out io.Writer) error {
		zw := zip.NewWriter(out)
		for _, f := range files {
			data, err := os.ReadFile(f.from)
			if err != nil {
				return err
			}
			header := &zip.FileHeader{Name: path.Join(folder, f.name), Method: zip.Deflate, Modified: stamp}
			header.SetMode(mode(f))
			w, err := zw.CreateHeader(header)
			if err != nil {
				return err
			}
			if _, err := w.Write(data); err != nil {
				return err
			}
		}
		return zw.Close()
	})
}

func packed(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

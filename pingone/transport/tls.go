package transport

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"mfaload/internal/disk"
	"mfaload/scenario"
)

// tlsConfig is how the target's host is named and trusted.
func tlsConfig(host string, s *scenario.Target) (*tls.Config, error) {
	c := &tls.Config{
		ServerName: host, MinVersion: tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(64),
	}
	if s.ServerName != "" {
		c.ServerName = s.ServerName
	}
	var err error
	if c.RootCAs, err = authorities(s.CAFile); err != nil {
		return nil, err
	}
	if files := s.ClientCertificate; files.Cert != "" {
		own, err := disk.KeyPair(files.Cert, files.Key)
		if err != nil {
			return nil, fmt.Errorf("read target.clientCertificate: %w: write the paths of PEM files that "+
				"belong "+
				"together, the key not encrypted", disk.Cause(err))
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}

// authorities are the system's certificate authorities and those of a file; nil
// for just the system's.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	text, err := disk.Read(file, disk.MaxCredentials)
	if err != nil {
		return nil, fmt.Errorf("read target.caFile: %w: write the path of a PEM file", disk.Cause(err))
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read target.caFile: %s holds no certificate: write the path of a PEM file, "+
			"with -----BEGIN CERTIFICATE-----", file)
	}
	return pool, nil
}

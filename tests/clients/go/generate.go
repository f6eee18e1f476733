// Package client is a Go client of the gateway, generated from its protos: `go generate` makes it anew.
package client

//go:generate ../node/node_modules/.bin/buf generate

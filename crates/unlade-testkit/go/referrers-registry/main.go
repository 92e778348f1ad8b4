// Command referrers-registry is a registry that answers the referrers API, for unlade's tests.
//
// Debian's docker-registry and distribution v3 do not have that API; go-containerregistry's small registry has it, as
// a package without a command that would turn it on.
package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "the address and port to listen on")
	flag.Parse()
	server := http.Server{
		Addr:              *listen,
		ReadHeaderTimeout: 30 * time.Second,
		Handler: registry.New(
			registry.WithReferrersSupport(true),
			registry.Logger(log.New(io.Discard, "", 0)),
		),
	}
	log.Fatal(server.ListenAndServe())
}

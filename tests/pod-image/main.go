// The pause image of the cluster with a node, which also runs as a small workload: `/pod serve :8080`.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		go serve(os.Args[2])
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	<-stop
}

func serve(address string) {
	fmt.Println("serving on", address)
	answer := func(response http.ResponseWriter, _ *http.Request) { fmt.Fprintln(response, "ok") }
	log.Fatal(http.ListenAndServe(address, http.HandlerFunc(answer)))
}

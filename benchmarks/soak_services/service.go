// A service in Go: `service PORT WAY`; ways are plain, memory (2 KiB of each request) and goroutines (one of
// each fiftieth). Its page of metrics has the names of client_golang.
package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"sync"
)

var (
	lock     sync.Mutex
	kept     [][]byte
	requests int
	sink     []byte
)

func work(answer http.ResponseWriter, _ *http.Request) {
	lock.Lock()
	defer lock.Unlock()
	requests++
	for n := 0; n < 100; n++ {
		sink = make([]byte, 1000)
	}
	switch {
	case os.Args[2] == "memory":
		kept = append(kept, make([]byte, 2048))
	case os.Args[2] == "goroutines" && requests%50 == 0:
		go func() { <-make(chan struct{}) }()
	}
	fmt.Fprint(answer, "ok")
}

func metrics(answer http.ResponseWriter, _ *http.Request) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	fmt.Fprintf(answer, "# TYPE go_goroutines gauge\ngo_goroutines %d\n", runtime.NumGoroutine())
	fmt.Fprintf(answer, "# TYPE go_memstats_heap_alloc_bytes gauge\ngo_memstats_heap_alloc_bytes %d\n", memory.HeapAlloc)
	fmt.Fprintf(answer, "# TYPE go_memstats_heap_inuse_bytes gauge\ngo_memstats_heap_inuse_bytes %d\n", memory.HeapInuse)
	fmt.Fprintf(answer, "# TYPE go_memstats_heap_objects gauge\ngo_memstats_heap_objects %d\n", memory.HeapObjects)
}

func main() {
	http.HandleFunc("/", work)
	http.HandleFunc("/metrics", metrics)
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}

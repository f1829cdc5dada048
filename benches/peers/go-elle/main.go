// Judges transactions on lists in schism's format with go-elle.
//
//	go-elle RUNS TIMEOUT_SECONDS FILE...
//
// Prints one line of JSON for each file: the verdict, how long reading took, and each run. Peer.py builds it beside
// go-elle's own packages.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/grail/anti-pattern-graph-checker-single/go-elle/core"
	listappend "github.com/grail/anti-pattern-graph-checker-single/go-elle/list_append"
	"github.com/grail/anti-pattern-graph-checker-single/go-elle/txn"
)

type event struct {
	Schism  string            `json:"schism"`
	Time    int64             `json:"time"`
	Process int               `json:"process"`
	Type    string            `json:"type"`
	Value   []json.RawMessage `json:"value"`
}

func main() {
	if len(os.Args) < 4 {
		fail(fmt.Errorf("go-elle RUNS TIMEOUT_SECONDS FILE..."))
	}
	runs, err := strconv.Atoi(os.Args[1])
	fail(err)
	seconds, err := strconv.ParseFloat(os.Args[2], 64)
	fail(err)
	for _, file := range os.Args[3:] {
		judge(file, runs, time.Duration(seconds*float64(time.Second)))
	}
}

func judge(file string, runs int, timeout time.Duration) {
	begin := time.Now()
	history := read(file)
	reading := time.Since(begin).Seconds()
	times := []float64{}
	verdict := "unknown"
	for i := 0; i < runs; i++ {
		watch := time.AfterFunc(timeout, func() {
			tell(file, "unknown", reading, []float64{timeout.Seconds()})
			os.Exit(0)
		})
		begin = time.Now()
		result := listappend.Check(txn.Opts{}, history)
		times = append(times, time.Since(begin).Seconds())
		watch.Stop()
		switch {
		case result.IsUnknown:
			verdict = "unknown"
		case result.Valid:
			verdict = "valid"
		default:
			verdict = "invalid"
		}
	}
	tell(file, verdict, reading, times)
}

func tell(file, verdict string, read float64, times []float64) {
	line, err := json.Marshal(map[string]any{"file": file, "verdict": verdict, "read_s": read, "times_s": times})
	fail(err)
	fmt.Println(string(line))
}

func read(file string) core.History {
	opened, err := os.Open(file)
	fail(err)
	defer opened.Close()
	lines := bufio.NewScanner(opened)
	lines.Buffer(nil, 1<<26)
	var history core.History
	for lines.Scan() {
		var line event
		fail(json.Unmarshal(lines.Bytes(), &line))
		if line.Schism != "" {
			continue
		}
		steps := make([]core.Mop, 0, len(line.Value))
		for _, step := range line.Value {
			steps = append(steps, parse(step))
		}
		history = append(history, core.Op{
			Index:   core.NewOptInt(len(history)),
			Process: core.NewOptInt(line.Process),
			Time:    time.Unix(0, line.Time),
			Type:    core.OpType(line.Type),
			Value:   &steps,
		})
	}
	fail(lines.Err())
	return history
}

func parse(step json.RawMessage) core.Mop {
	var parts [3]json.RawMessage
	fail(json.Unmarshal(step, &parts))
	key := string(parts[1])
	if string(parts[0]) == `"append"` {
		var element int
		fail(json.Unmarshal(parts[2], &element))
		return core.Append(key, element)
	}
	var list []int
	fail(json.Unmarshal(parts[2], &list))
	return core.Read(key, list)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

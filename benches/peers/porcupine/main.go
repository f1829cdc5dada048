// Judges histories of registers, and of texts that are appended to, in schism's format with Porcupine.
//
//	porcupine RUNS TIMEOUT_SECONDS FILE...
//
// Prints one line of JSON for each file: the verdict, and how long each run took. Reading the file is not timed, and
// neither is the conversion into Porcupine's operations.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

type event struct {
	Schism  string          `json:"schism"`
	Time    int64           `json:"time"`
	Process json.RawMessage `json:"process"`
	Type    string          `json:"type"`
	F       string          `json:"f"`
	Key     json.RawMessage `json:"key"`
	Value   json.RawMessage `json:"value"`
}

type action uint8

const (
	read action = iota
	write
	cas
	get
	put
	add
)

// Values are numbered; 0 is nil.
type input struct {
	action   action
	key      string
	old, new int
	text     string
}

type output struct {
	value   int
	text    string
	refused bool
	unknown bool
}

// One part for each key.
func partition(history []porcupine.Operation) [][]porcupine.Operation {
	places := make(map[string]int)
	var parts [][]porcupine.Operation
	for _, op := range history {
		key := op.Input.(input).key
		place, there := places[key]
		if !there {
			place = len(parts)
			places[key] = place
			parts = append(parts, nil)
		}
		parts[place] = append(parts[place], op)
	}
	return parts
}

// A text, empty at first.
var texts = porcupine.Model{
	Partition: partition,
	Init:      func() interface{} { return "" },
	Step: func(state, in, out interface{}) (bool, interface{}) {
		held, call, answer := state.(string), in.(input), out.(output)
		switch call.action {
		case get:
			return answer.unknown || answer.text == held, held
		case put:
			return true, call.text
		default:
			return true, held + call.text
		}
	},
	Hash: func(state interface{}) uint64 {
		sum := fnv.New64a()
		sum.Write([]byte(state.(string)))
		return sum.Sum64()
	},
}

var registers = porcupine.Model{
	Partition: partition,
	Init:      func() interface{} { return 0 },
	Step: func(state, in, out interface{}) (bool, interface{}) {
		held, call, answer := state.(int), in.(input), out.(output)
		switch call.action {
		case read:
			return answer.unknown || answer.value == held, held
		case write:
			return true, call.new
		default:
			if call.old == held {
				return answer.unknown || !answer.refused, call.new
			}
			return answer.unknown || answer.refused, held
		}
	},
	Hash: func(state interface{}) uint64 { return uint64(state.(int)) },
}

type numbers map[string]int

func (n numbers) of(value json.RawMessage) int {
	text := string(value)
	if text == "" || text == "null" {
		return 0
	}
	number, there := n[text]
	if !there {
		number = len(n) + 1
		n[text] = number
	}
	return number
}

func (n numbers) input(e *event) (input, bool) {
	in := input{key: string(e.Key)}
	switch e.F {
	case "read":
		in.action = read
	case "write":
		in.action, in.new = write, n.of(e.Value)
	case "cas":
		var pair []json.RawMessage
		if json.Unmarshal(e.Value, &pair) != nil || len(pair) != 2 {
			return in, false
		}
		in.action, in.old, in.new = cas, n.of(pair[0]), n.of(pair[1])
	case "get":
		in.action = get
	case "put", "append":
		in.action = put
		if e.F == "append" {
			in.action = add
		}
		if json.Unmarshal(e.Value, &in.text) != nil {
			return in, false
		}
	default:
		return in, false
	}
	return in, true
}

func load(path string) ([]porcupine.Operation, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	known := make(numbers)
	open := make(map[string]porcupine.Operation)
	var operations []porcupine.Operation
	var order []string
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), 1<<30)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, err
		}
		if e.Schism != "" {
			continue
		}
		who := string(e.Process)
		if e.Type == "invoke" {
			in, ok := known.input(&e)
			if !ok {
				return nil, fmt.Errorf("%s: no register: %s", path, lines.Text())
			}
			client, _ := strconv.Atoi(who)
			open[who] = porcupine.Operation{ClientId: client, Input: in, Call: e.Time}
			order = append(order, who)
			continue
		}
		op, there := open[who]
		if !there || e.Type == "info" {
			continue
		}
		delete(open, who)
		if e.Type == "fail" {
			continue
		}
		out := output{refused: string(e.Value) == "false"}
		if op.Input.(input).action == read {
			out.value = known.of(e.Value)
		}
		if op.Input.(input).action == get && json.Unmarshal(e.Value, &out.text) != nil {
			return nil, fmt.Errorf("%s: no text: %s", path, lines.Text())
		}
		op.Output, op.Return = out, e.Time
		operations = append(operations, op)
	}
	for _, who := range order {
		op, there := open[who]
		if !there {
			continue
		}
		delete(open, who)
		op.Output, op.Return = output{unknown: true}, math.MaxInt64
		operations = append(operations, op)
	}
	return operations, lines.Err()
}

func main() {
	runs, _ := strconv.Atoi(os.Args[1])
	seconds, _ := strconv.ParseFloat(os.Args[2], 64)
	for _, path := range os.Args[3:] {
		operations, err := load(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		model := registers
		if len(operations) > 0 && operations[0].Input.(input).action >= get {
			model = texts
		}
		verdict := ""
		times := []float64{}
		for run := 0; run < runs; run++ {
			begin := time.Now()
			found := porcupine.CheckOperationsTimeout(model, operations, time.Duration(seconds*float64(time.Second)))
			times = append(times, time.Since(begin).Seconds())
			verdict = map[porcupine.CheckResult]string{
				porcupine.Ok:      "valid",
				porcupine.Illegal: "invalid",
				porcupine.Unknown: "unknown",
			}[found]
			if verdict == "unknown" {
				break
			}
		}
		line, _ := json.Marshal(map[string]interface{}{"file": path, "verdict": verdict, "times_s": times})
		fmt.Println(string(line))
	}
}

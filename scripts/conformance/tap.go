// Package tap prints the Test Anything Protocol. The validation programs import it by the name of a package that Debian
// does not have; this is what they use of it.
package tap

import (
	"encoding/json"
	"fmt"
	"strings"
)

// T counts the checks of one program.
type T struct {
	count *int
	note  string
}

// New starts counting.
func New() *T { return &T{count: new(int)} }

// Todo is the same count, for checks that may fail.
func (t *T) Todo() *T { return &T{count: t.count, note: " # TODO"} }

// Header comes first; planned is 0 when the plan comes last.
func (t *T) Header(planned int) {
	fmt.Println("TAP version 13")
	if planned > 0 {
		fmt.Printf("1..%d\n", planned)
	}
}

// AutoPlan says how many checks there were.
func (t *T) AutoPlan() { fmt.Printf("1..%d\n", *t.count) }

// Ok is one check.
func (t *T) Ok(passed bool, description string) {
	*t.count++
	word := "ok"
	if !passed {
		word = "not ok"
	}
	fmt.Printf("%s %d - %s%s\n", word, *t.count, description, t.note)
}

// Pass is a check that holds.
func (t *T) Pass(description string) { t.Ok(true, description) }

// Fail is one that does not.
func (t *T) Fail(description string) { t.Ok(false, description) }

// Skip leaves checks out.
func (t *T) Skip(count int, description string) {
	for ; count > 0; count-- {
		*t.count++
		fmt.Printf("ok %d # SKIP %s\n", *t.count, description)
	}
}

// Diagnostic is a remark on the check before.
func (t *T) Diagnostic(text string) {
	fmt.Println("# " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n# "))
}

// Diagnosticf is the same, formatted.
func (t *T) Diagnosticf(format string, values ...interface{}) { t.Diagnostic(fmt.Sprintf(format, values...)) }

// YAML is a longer remark; JSON is YAML too.
func (t *T) YAML(value interface{}) error {
	text, err := json.MarshalIndent(value, "  ", "  ")
	if err != nil {
		return err
	}
	fmt.Printf("  ---\n  %s\n  ...\n", text)
	return nil
}

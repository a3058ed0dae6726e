package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"bwmon/notify"
	"bwmon/traffic"

	"golang.org/x/term"
)

const ctlPrompt = "bwmon> "

// prompt takes words until exit or the end of the input. From a terminal, lines can be
// edited, called back and completed; what fails is said, and the next is asked for.
// From elsewhere it goes on, too, and fails in the end.
func (c *ctl) prompt(ctx context.Context) error {
	in, ok := c.p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) || !c.p.screen {
		return c.script(ctx)
	}
	if _, err := c.daemon.things(ctx); err != nil { // nobody should type to learn that
		return err
	}
	fmt.Fprintln(c.p.stdout, `"help" says what there is, Tab completes, "exit" leaves.`)
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, c.p.stderr}, ctlPrompt)
	t.AutoCompleteCallback = func(line string, at int, key rune) (string, int, bool) {
		if key != '\t' {
			return line, at, false
		}
		return c.completeLine(ctx, line, at)
	}
	for ctx.Err() == nil {
		if err := c.p.stdout.Flush(); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
		line, err := askLine(ctx, in, t)
		if errors.Is(err, io.EOF) { // Ctrl-D or Ctrl-C
			fmt.Fprintln(c.p.stdout)
			return nil
		}
		if err != nil {
			return err
		}
		err = c.say(ctx, line)
		if errors.Is(err, errExit) {
			return nil
		}
		if err != nil {
			fmt.Fprintf(c.p.stdout, "%s\n", cleanLines(err))
		}
	}
	return nil
}

// askLine reads a line at the prompt, or returns io.EOF where there are no more and when
// ctx is cancelled. Only while it reads is the terminal raw: what is said in the meantime
// can be interrupted.
func askLine(ctx context.Context, in *os.File, t *term.Terminal) (line string, err error) {
	old, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return "", fmt.Errorf("prepare the terminal: %w", err)
	}
	defer func() { _ = term.Restore(int(in.Fd()), old) }()
	if width, height, err := term.GetSize(int(in.Fd())); err == nil {
		_ = t.SetSize(width, height)
	}
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() { // is left behind when ctx ends, and the program with it
		line, err := t.ReadLine()
		read <- answer{line, err}
	}()
	select {
	case a := <-read:
		if a.err != nil && !errors.Is(a.err, io.EOF) && !errors.Is(a.err, term.ErrPasteIndicator) {
			return "", fmt.Errorf("read what is typed: %w", a.err)
		}
		if errors.Is(a.err, term.ErrPasteIndicator) {
			a.err = nil
		}
		return a.line, a.err
	case <-ctx.Done():
		return "", io.EOF
	}
}

// cleanLines is an error in which anything may stand, for a terminal.
func cleanLines(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		lines = append(lines, traffic.CleanText(strings.TrimRight(line, "\n"), 2000))
	}
	return strings.Join(lines, "\n")
}

// script takes a word a line, until exit, the end of the input or ctx is cancelled.
func (c *ctl) script(ctx context.Context) error {
	read := make(chan string)
	ended := make(chan error, 1)
	go func() { // is left behind when ctx ends, and the program with it
		lines := bufio.NewScanner(c.p.stdin)
		for lines.Scan() {
			select {
			case read <- lines.Text():
			case <-ctx.Done():
				return
			}
		}
		ended <- lines.Err()
	}()
	var failed error
	for n := 1; ; n++ {
		var line string
		select {
		case line = <-read:
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("read commands: %w", err)
			}
			return failed
		case <-ctx.Done():
			return failed
		}
		err := c.say(ctx, line)
		if errors.Is(err, errExit) {
			return failed
		}
		if isAbsent(err) {
			return err
		}
		if err != nil {
			c.p.complain(fmt.Sprintf("bwmon: line %d: ", n), err)
			failed = errSaid
		}
	}
}

// say does what one line says.
func (c *ctl) say(ctx context.Context, line string) error {
	words, err := notify.SplitWords(line)
	if err != nil || len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return err
	}
	name, args := words[0], words[1:]
	switch name {
	case "exit", "quit":
		return errExit
	case "help", "?":
		c.help()
		return nil
	}
	i := slices.IndexFunc(ctlVerbs(), func(v ctlVerb) bool { return v.name == name })
	if i < 0 {
		return fmt.Errorf("there is no %s%s: \"help\" says what there is", quoted(name), didYouMean(name, ctlWords()))
	}
	v := ctlVerbs()[i]
	c.save = false
	args = slices.DeleteFunc(args, func(a string) bool {
		save := v.save && a == "--save"
		c.save = c.save || save
		return save
	})
	switch {
	case v.args == "" && len(args) > 0:
		return fmt.Errorf("%s takes nothing more", v.name)
	case strings.HasPrefix(v.args, "ID") && len(args) == 0:
		return fmt.Errorf("%s what? Write %s %s", v.name, v.name, v.args)
	}
	return v.run(c, ctx, args)
}

// ctlWords are those that a line may begin with.
func ctlWords() []string {
	var words []string
	for _, v := range ctlVerbs() {
		words = append(words, v.name)
	}
	return append(words, "help", "exit")
}

func (c *ctl) help() {
	g := newGrid("COMMAND", "WHAT IT DOES")
	for _, v := range ctlVerbs() {
		use := strings.TrimSpace(v.name + " " + v.args)
		if v.save {
			use += " [--save]"
		}
		g.add(use, v.short)
	}
	g.add("help", "Say this")
	g.add("exit", "Leave")
	g.print(c.p.stdout)
}

// completeLine completes the word before the cursor as far as there is one way only.
func (c *ctl) completeLine(ctx context.Context, line string, at int) (string, int, bool) {
	before, after := line[:at], line[at:]
	start, begun := lastWord(before)
	words, err := notify.SplitWords(before[:start])
	if err != nil {
		return line, at, false
	}
	var list []string
	if len(words) == 0 {
		for _, w := range ctlWords() {
			if strings.HasPrefix(w, begun) {
				list = append(list, w)
			}
		}
	} else if i := slices.IndexFunc(ctlVerbs(), func(v ctlVerb) bool { return v.name == words[0] && v.things }); i >= 0 {
		list = c.complete(ctx, ctlVerbs()[i], begun)
		list = slices.DeleteFunc(list, func(id string) bool { return slices.Contains(words[1:], id) })
	}
	if len(list) == 0 {
		return line, at, false
	}
	same := list[0]
	for _, w := range list[1:] {
		for !strings.HasPrefix(w, same) {
			_, size := utf8.DecodeLastRuneInString(same)
			same = same[:len(same)-size]
		}
	}
	word := same
	if strings.ContainsAny(same, " \t'\"\\") { // a name of a sensor, say
		word = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(same)
		if len(list) == 1 {
			word += `"`
		}
	}
	if len(list) == 1 {
		word += " "
	}
	before = before[:start] + word
	return before + after, len(before), true
}

// lastWord finds the word that a line ends in, as a shell would split it: where it
// begins, and what of it there is without quotes.
func lastWord(line string) (start int, begun string) {
	var word strings.Builder
	var quote byte
	for i := 0; i < len(line); i++ {
		switch b := line[i]; {
		case quote == 0 && (b == ' ' || b == '\t'):
			start = i + 1
			word.Reset()
		case quote == 0 && (b == '\'' || b == '"'):
			quote = b
		case b == quote:
			quote = 0
		case b == '\\' && quote != '\'' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		default:
			word.WriteByte(b)
		}
	}
	return start, word.String()
}

package dist

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// stagesOf reads a Containerfile as docker build does.
func stagesOf(text []byte) ([]instructions.Stage, []instructions.ArgCommand, error) {
	file, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	return instructions.Parse(file.AST, nil)
}

// TestContainerfile: it is understood, and ends in an image of one program that runs as
// nobody in particular.
func TestContainerfile(t *testing.T) {
	text, err := os.ReadFile("container/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	stages, args, err := stagesOf(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(stages) != 2 || stages[0].Name != "build" || stages[0].BaseName != "${GO_IMAGE}" || stages[1].BaseName != "scratch" {
		t.Fatalf("stages: %+v", stages)
	}
	module, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	want := "golang:" + string(regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(module)[1]) + "-"
	if len(args) != 1 || args[0].Args[0].Key != "GO_IMAGE" || !strings.Contains(*args[0].Args[0].Value, want) {
		t.Errorf("it builds with %v, and go.mod asks for %s", args, want)
	}
	var user, program string
	var copied []string
	for _, command := range stages[1].Commands {
		switch c := command.(type) {
		case *instructions.CopyCommand:
			if c.From != "build" {
				t.Errorf("%s: it copies from %q", c, c.From)
			}
			copied = append(copied, c.DestPath)
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EntrypointCommand:
			if c.PrependShell {
				t.Errorf("%s: there is no shell", c)
			}
			program = c.CmdLine[0]
		case *instructions.CmdCommand:
			if c.PrependShell {
				t.Errorf("%s: there is no shell", c)
			}
			knowsArgs(t, c.CmdLine)
		case *instructions.RunCommand:
			t.Errorf("%s: there is nothing to run it with", c)
		}
	}
	if !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) {
		t.Errorf("it runs as %q: want numbers, and not root's", user)
	}
	if program != "/usr/bin/bwmon" || !slices.Contains(copied, "/usr") || !slices.Contains(copied, "/var/lib/bwmon") {
		t.Errorf("it runs %s of %v", program, copied)
	}
	if !bytes.Contains(text, []byte("-o /out"+program+" ")) {
		t.Errorf("%s is not what is built", program)
	}
}

func TestContainerfileProblems(t *testing.T) {
	for _, text := range []string{
		"", "FROM\n", "FROM a\nCOPPY b c\n", "FROM a\nCOPY b\n", "RUN a\n", "FROM a\nCOPY --form=b c d\n", "FROM a AS b AS c\n",
	} {
		if _, _, err := stagesOf([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

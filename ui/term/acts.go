package term

import (
	"context"
	"os"
	"strings"
)

func doBindings() []binding {
	return inSection(sectionDo, append([]binding{
		{name: "export", keys: []string{"e"}, hint: "export", args: "csv|json [DIRECTORY]",
			help:     "write the rows that are shown into a new file",
			do:       (*UI).chooseExport,
			run:      (*UI).runExport,
			complete: func(*UI, []string) []string { return []string{"csv", "json"} }},
		{name: "copy", keys: []string{"y"},
			help: "copy the selected row into the clipboard, through the terminal",
			do:   (*UI).copyRow},
		{name: "signal", keys: []string{"k"}, hint: "signal", args: "[SIGNAL]",
			useful:   func(u *UI) bool { return u.opts.Signal != nil && len(u.processes()) > 0 },
			help:     "send a signal to a process of the selected row; it asks first",
			do:       func(u *UI) { u.startSignal(signalChoices()[0]) },
			run:      (*UI).runSignal,
			complete: func(*UI, []string) []string { return signalNames() }},
	}, thingBindings()...))
}

func (u *UI) chooseExport() {
	u.ask(choice{question: "export " + plural(len(u.page().base().order), "row") + " as:", options: []option{
		{'c', "CSV", func(u *UI) { u.export("csv", "") }},
		{'j', "JSON", func(u *UI) { u.export("json", "") }},
	}})
}

func (u *UI) runExport(args string) error {
	format, dir, _ := strings.Cut(args, " ")
	if _, err := oneOf("export", format, []string{"csv", "json"}); err != nil {
		return err
	}
	u.export(format, strings.TrimSpace(dir))
	return nil
}

// export writes the rows that pass the filter, in their order, and the columns
// that are not switched off, whether there is room for them or not.
func (u *UI) export(format, dir string) {
	if u.shown == nil {
		u.said = "there is nothing to export yet"
		return
	}
	p := u.page()
	l := p.base()
	var header []string
	var cols []int
	for i := range l.shapes {
		if s := &l.shapes[i]; !s.off && !p.graph(i) {
			header = append(header, s.name)
			cols = append(cols, i)
		}
	}
	rows := make([][]exportCell, len(l.order))
	cells := make([]exportCell, 0, len(rows)*len(cols)) // one array for all rows
	for at := range rows {
		from := len(cells)
		for _, col := range cols {
			cells = append(cells, p.exact(at, col))
		}
		rows[at] = cells[from:len(cells):len(cells)]
	}
	view, at := u.views[u.current].title, u.shown.At.In(u.opts.Location)
	u.said = "writing " + plural(len(rows), "row") + "…"
	u.errands.run(func(context.Context) func(*UI) {
		path, err := exportTable(dir, view, format, at, header, rows, os.Getenv)
		return func(u *UI) {
			if err != nil {
				u.said = err.Error()
				return
			}
			u.said = plural(len(rows), "row") + " written to " + path
		}
	})
}

// copyRow puts the selected row into the clipboard: the columns on screen, each
// as it was measured, with tabs between them.
func (u *UI) copyRow() {
	p := u.page()
	l := p.base()
	if len(l.order) == 0 || u.shown == nil {
		u.said = "no row is selected"
		return
	}
	var cells []string
	for _, s := range l.slots {
		if !p.graph(s.col) {
			c := p.exact(l.sel, s.col)
			text := c.csv()
			if c.sort == exportText {
				text = c.text // nobody runs it as a formula
			}
			cells = append(cells, text)
		}
	}
	u.copied = strings.Join(cells, "\t")
	u.said = "copied: " + cells[0]
	if note := clipboardNote(os.Getenv); note != "" {
		u.said += " (" + note + ")"
	}
}

package term

import "slices"

// KeyHelp is one key or command, for the manual.
type KeyHelp struct {
	Name    string   // of the command, and in the configuration
	Keys    []string // unless the configuration says otherwise, as they are written there
	Args    string   // what the command takes; "" for nothing
	Section string
	Help    string
}

// KeyTable lists all keys and commands in the order of the help. It is made of
// the list that the surface itself goes by.
func KeyTable() []KeyHelp {
	var out []KeyHelp
	for _, b := range newBindings(newViews(newKinds())) {
		if b.mode == modeTable {
			out = append(out, KeyHelp{Name: b.name, Keys: append(slices.Clone(b.keys), b.always...), Args: b.args, Section: sections[b.section], Help: b.help})
		}
	}
	return out
}

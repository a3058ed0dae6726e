package term

import (
	"maps"
	"slices"
)

// settings is how everything is seen now, to be remembered.
func (u *UI) settings() settings {
	s := settings{
		View: u.views[u.current].name, Group: groupings[u.group].name,
		Units: unitNames[u.units], Amounts: amountNames[u.amounts], Window: u.window,
		HideIdle: u.hideIdle, Machine: u.machine, ReverseDNS: !u.namesOff, Details: detailsNames[u.details],
		Tables: maps.Clone(u.before.Tables), // those of views this version has not
	}
	if s.Tables == nil {
		s.Tables = make(map[string]tableSettings)
	}
	for _, v := range u.views {
		l := v.stack[0].base()
		s.Tables[l.name] = tableSettings{
			Sort: l.shapes[l.sorting.col].name, Ascending: l.sorting.ascending,
			Shown: slices.Clone(u.columns[l.name]),
		}
	}
	return s
}

// apply sees everything as settings say. What they say that is not there is
// left as it is.
func (u *UI) apply(s settings) {
	if i := u.viewNamed(s.View); i >= 0 {
		u.current = i
	}
	if i := slices.Index(groupingNames(), s.Group); i >= 0 {
		u.group = grouping(i)
		u.views[0].stack = []page{u.kinds.groupedPage(u.group)}
	}
	if i := slices.Index(unitNames[:], s.Units); i >= 0 {
		u.units = units(i)
	}
	if i := slices.Index(amountNames[:], s.Amounts); i >= 0 {
		u.amounts = amountsShown(i)
	}
	if slices.Contains(windows[:], s.Window) {
		u.window = s.Window
	}
	u.hideIdle, u.machine = s.HideIdle, s.Machine
	if u.namesOff = !s.ReverseDNS; u.names != nil {
		u.names.enable(!u.namesOff)
	}
	if i := slices.Index(detailsNames[:], s.Details); i >= 0 {
		u.details = detailsWish(i)
	}
	u.columns = nil
	for _, v := range u.views {
		l := v.stack[0].base()
		t, ok := s.Tables[l.name]
		if !ok {
			continue
		}
		if i := slices.IndexFunc(l.shapes, func(s shape) bool { return s.name == t.Sort }); i >= 0 {
			*l.sorting = sorting{col: i, ascending: t.Ascending}
		}
		if len(t.Shown) > 0 {
			if names, err := l.pick(nil, t.Shown); err == nil {
				u.setColumns(l.name, names)
			}
		}
	}
	u.enter()
}

// recall applies what was remembered, and keeps what is wrong with it to be
// said.
func (u *UI) recall() {
	u.configured = u.settings()
	u.before = u.configured
	if u.opts.SettingsPath == "" {
		return
	}
	s, err := loadSettings(u.opts.SettingsPath, u.configured)
	if err != nil {
		u.said = err.Error()
	}
	u.before = s
	u.apply(s)
}

// remember writes the settings, if there is anything new in them.
func (u *UI) remember() error {
	if u.opts.SettingsPath == "" {
		return nil
	}
	now := u.settings()
	if sameSettings(now, u.before) {
		return nil
	}
	if err := saveSettings(u.opts.SettingsPath, now); err != nil {
		return err
	}
	u.before = now
	return nil
}

func sameSettings(a, b settings) bool {
	at, bt := a.Tables, b.Tables
	a.Tables, b.Tables = nil, nil
	same := func(x, y tableSettings) bool {
		return x.Sort == y.Sort && x.Ascending == y.Ascending && slices.Equal(x.Hidden, y.Hidden) && slices.Equal(x.Shown, y.Shown)
	}
	return a.View == b.View && a.Group == b.Group && a.Units == b.Units && a.Amounts == b.Amounts && a.Window == b.Window &&
		a.HideIdle == b.HideIdle && a.Machine == b.Machine && a.ReverseDNS == b.ReverseDNS && a.Details == b.Details && maps.EqualFunc(at, bt, same)
}

// reset sees everything as the configuration says, and remembers nothing else.
func (u *UI) reset() {
	u.apply(u.configured)
	u.said = "as the configuration has it"
}

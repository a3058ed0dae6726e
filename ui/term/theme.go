package term

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gdamore/tcell/v2"
)

// Theme is how the surface is coloured. The terminal's own background is kept
// in all of them, and no meaning is carried by colour alone.
type Theme struct {
	// Name is auto, dark, light or mono; "" is auto. auto takes those of the
	// terminal's sixteen colours that can be read on black and on white; dark
	// and light are for backgrounds that are; mono has no colours.
	Name string
	// Colors replaces the colours of single parts: "red", "#ff8700",
	// "white on navy", "default". Terminals with fewer colours show the nearest.
	Colors map[string]string
}

// Check says what is wrong with a theme.
func (t Theme) Check() error {
	_, err := t.styles(false)
	return err
}

// styleRole is a part of the surface with a style of its own.
type styleRole uint8

const (
	stylePlain styleRole = iota
	styleBold
	styleDim
	styleTitle
	styleSorted
	styleSelected
	styleAlarm
	styleWarn
	styleFlag
	styleSpark
	styleRx
	styleTx
	styleMeter
	styleKey
	styleActive
	stylePassive
	styleTabKey
	styleChip
	styleHeading
	styleFilter
)

// themeRoles is the only list of parts: the name in the configuration, what it
// is besides coloured, and its colours in the themes; "" is the terminal's.
var themeRoles = [...]struct {
	name              string
	attrs             tcell.AttrMask
	underline         bool
	auto, dark, light string
}{
	stylePlain:    {name: "plain"},
	styleBold:     {name: "bold", attrs: tcell.AttrBold},
	styleDim:      {name: "dim", attrs: tcell.AttrDim, dark: "#a3adb9", light: "#545e69"},
	styleTitle:    {name: "title", underline: true, dark: "#b8c4d6", light: "#3b4a5e"},
	styleSorted:   {name: "sorted", attrs: tcell.AttrBold, underline: true, dark: "#f4f7fb", light: "#10151c"},
	styleSelected: {name: "selected", attrs: tcell.AttrReverse},
	styleAlarm:    {name: "alarm", attrs: tcell.AttrBold, auto: "maroon", dark: "#ff8f87", light: "#a51d16"},
	styleWarn:     {name: "warn", attrs: tcell.AttrBold, dark: "#f0c060", light: "#6b4700"},
	styleFlag:     {name: "flag", attrs: tcell.AttrBold | tcell.AttrReverse, dark: "#f0c060", light: "#6b4700"},
	styleSpark:    {name: "spark", auto: "teal", dark: "#7fd0cc", light: "#005f61"},
	styleRx:       {name: "rx", auto: "teal", dark: "#7fd0cc", light: "#005f61"},
	styleTx:       {name: "tx", auto: "purple", dark: "#d9a9ee", light: "#713893"},
	styleMeter:    {name: "meter", auto: "teal", dark: "#8fcf9f", light: "#17603a"},
	styleKey:      {name: "key", attrs: tcell.AttrBold, dark: "#93c4ff", light: "#174fa3"},
	styleActive:   {name: "active", attrs: tcell.AttrBold | tcell.AttrReverse, dark: "#93c4ff", light: "#174fa3"},
	stylePassive:  {name: "passive", dark: "#b4bcc7", light: "#4a535e"},
	styleTabKey:   {name: "tab_key", attrs: tcell.AttrDim, dark: "#a3adb9", light: "#545e69"},
	styleChip:     {name: "chip", attrs: tcell.AttrBold, dark: "#e8d28a", light: "#5c4a00"},
	styleHeading:  {name: "heading", attrs: tcell.AttrBold, dark: "#a9c7ff", light: "#1a468f"},
	styleFilter:   {name: "filter", attrs: tcell.AttrBold, dark: "#e8d28a", light: "#5c4a00"},
}

func (r styleRole) String() string { return themeRoles[r].name }

// styles is the style of every role. noColor, as the environment's NO_COLOR
// (https://no-color.org), leaves all colours out.
func (t Theme) styles(noColor bool) (map[styleRole]tcell.Style, error) {
	themes := []string{"auto", "dark", "light", "mono"}
	name := t.Name
	if name == "" {
		name = themes[0]
	}
	if !slices.Contains(themes, name) {
		return nil, fmt.Errorf("no theme %q%s: %s", clean(name), didYouMean(name, themes), strings.Join(themes, ", "))
	}
	out := make(map[styleRole]tcell.Style, len(themeRoles))
	for i := range themeRoles {
		out[styleRole(i)] = themeStyle(styleRole(i), name)
	}
	parts := themeParts()
	for _, part := range slices.Sorted(maps.Keys(t.Colors)) {
		i := slices.Index(parts, part)
		if i < 0 {
			return nil, fmt.Errorf("colours: no part %q%s: %s", clean(part), didYouMean(part, parts), strings.Join(parts, ", "))
		}
		style, err := recolor(out[styleRole(i)], t.Colors[part])
		if err != nil {
			return nil, fmt.Errorf("colours: %s: %w", part, err)
		}
		out[styleRole(i)] = style
	}
	if noColor {
		for i := range themeRoles {
			out[styleRole(i)] = themeStyle(styleRole(i), "mono")
		}
	}
	return out, nil
}

// themeStyle is a role's style in a theme.
func themeStyle(role styleRole, theme string) tcell.Style {
	r := &themeRoles[role]
	color := ""
	switch theme {
	case "auto":
		color = r.auto
	case "dark":
		color = r.dark
	case "light":
		color = r.light
	}
	attrs := r.attrs
	if color != "" {
		attrs &^= tcell.AttrDim // the colour is dim enough
	}
	style := tcell.StyleDefault.Attributes(attrs).Underline(r.underline)
	if color != "" {
		style = style.Foreground(tcell.GetColor(color))
	}
	return style
}

func themeParts() []string {
	var out []string
	for _, r := range themeRoles {
		out = append(out, r.name)
	}
	return out
}

// recolor is style in the colours text says, "red" or "white on navy"; what
// else it is, it stays.
func recolor(style tcell.Style, text string) (tcell.Style, error) {
	words := strings.Fields(strings.ToLower(text))
	if len(words) != 1 && (len(words) != 3 || words[1] != "on") {
		return style, fmt.Errorf(`want a colour like "red" or "#ff8700", or "white on navy", got %q`, clean(text))
	}
	color, err := parseColor(words[0])
	if err != nil {
		return style, err
	}
	style = style.Foreground(color)
	if len(words) == 3 {
		if color, err = parseColor(words[2]); err != nil {
			return style, err
		}
		style = style.Background(color)
	}
	return style, nil
}

// parseColor reads a W3C name, "#rrggbb" or "default", the terminal's own.
func parseColor(s string) (tcell.Color, error) {
	if s == "default" {
		return tcell.ColorDefault, nil
	}
	if c, ok := tcell.ColorNames[s]; ok {
		return c, nil
	}
	if hex, ok := strings.CutPrefix(s, "#"); ok && len(hex) == 6 {
		if v, err := strconv.ParseUint(hex, 16, 24); err == nil {
			return tcell.NewHexColor(int32(v)), nil
		}
	}
	names := slices.Sorted(maps.Keys(tcell.ColorNames))
	return 0, fmt.Errorf(`no colour %q%s: write a name, "#rrggbb" or "default"`, clean(s), didYouMean(s, names))
}

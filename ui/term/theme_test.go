package term

import (
	"math"
	"strings"
	"testing"

	"github.com/gdamore/tcell/v2"
)

// luminance and contrast are WCAG 2.2's, "relative luminance" and "contrast
// ratio".
func luminance(c tcell.Color) float64 {
	r, g, b := c.RGB()
	linear := func(v int32) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}

func contrast(a, b tcell.Color) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrastFormula(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#777777", "#ffffff", 4.48}, {"#ff0000", "#ffffff", 4.0}, {"#123456", "#123456", 1}} {
		if got := contrast(tcell.GetColor(tt.a), tcell.GetColor(tt.b)); math.Abs(got-tt.want) > 0.01 {
			t.Errorf("contrast of %s and %s: %.2f, want %.2f", tt.a, tt.b, got, tt.want)
		}
	}
}

// TestThemesCanBeRead: on black or white as on what is nearly that, in true
// colour and in the nearest of 256, and well enough in the nearest of sixteen.
func TestThemesCanBeRead(t *testing.T) {
	var ansi, cube []tcell.Color // 256 colours without the sixteen that terminals redefine
	for i := range 256 {
		if i < 16 {
			ansi = append(ansi, tcell.PaletteColor(i))
		} else {
			cube = append(cube, tcell.PaletteColor(i))
		}
	}
	for _, tt := range []struct {
		theme       string
		backgrounds []string
	}{
		{"dark", []string{"#000000", "#1e1e1e", "#282c34", "#2e3440"}},
		{"light", []string{"#ffffff", "#fafafa", "#eff1f5", "#eee8d5"}},
	} {
		styles, err := Theme{Name: tt.theme}.styles(false)
		if err != nil {
			t.Fatal(err)
		}
		for role, style := range styles {
			fg, bg, attrs := style.Decompose()
			if bg != tcell.ColorDefault {
				t.Errorf("%s: %s has a background of its own", tt.theme, role)
			}
			if fg == tcell.ColorDefault {
				continue
			}
			if attrs&tcell.AttrDim != 0 {
				t.Errorf("%s: %s is coloured and dim: its contrast is the terminal's", tt.theme, role)
			}
			for i, name := range tt.backgrounds {
				back := tcell.GetColor(name)
				if c := contrast(fg, back); c < 4.5 {
					t.Errorf("%s: %s has a contrast of %.2f on %s", tt.theme, role, c, name)
				}
				if c := contrast(tcell.FindColor(fg, cube), back); i == 0 && c < 4.5 {
					t.Errorf("%s: %s in 256 colours has a contrast of %.2f on %s", tt.theme, role, c, name)
				}
				if c := contrast(tcell.FindColor(fg, ansi), back); i == 0 && c < 3 {
					t.Errorf("%s: %s in 16 colours has a contrast of %.2f on %s", tt.theme, role, c, name)
				}
			}
		}
	}
}

// TestAutoThemeIsTheTerminals: it has none but the sixteen colours that follow
// what the user has chosen.
func TestAutoThemeIsTheTerminals(t *testing.T) {
	styles, err := Theme{}.styles(false)
	if err != nil {
		t.Fatal(err)
	}
	colored := 0
	for role, style := range styles {
		fg, _, _ := style.Decompose()
		if fg == tcell.ColorDefault {
			continue
		}
		colored++
		if fg < tcell.PaletteColor(0) || fg > tcell.PaletteColor(15) {
			t.Errorf("%s is %v", role, fg)
		}
	}
	if colored == 0 {
		t.Error("nothing is coloured")
	}
}

// TestThemesSaySoWithoutColour: what has a meaning is bold, underlined or
// reversed in every theme, and the selection like nothing else that is.
func TestThemesSaySoWithoutColour(t *testing.T) {
	meaning := []styleRole{styleTitle, styleSorted, styleSelected, styleAlarm, styleWarn, styleFlag, styleKey, styleActive, styleChip, styleHeading, styleFilter}
	for _, name := range []string{"auto", "dark", "light", "mono"} {
		styles, err := Theme{Name: name}.styles(false)
		if err != nil {
			t.Fatal(err)
		}
		for _, role := range meaning {
			bare := styles[role].Foreground(tcell.ColorDefault)
			if bare == tcell.StyleDefault {
				t.Errorf("%s: %s is nothing but coloured", name, role)
			}
			if role != styleSelected && bare == styles[styleSelected] {
				t.Errorf("%s: %s looks like the selection", name, role)
			}
		}
		for i := range themeRoles {
			if _, ok := styles[styleRole(i)]; !ok || themeRoles[i].name == "" {
				t.Errorf("%s: role %d has no style or no name", name, i)
			}
		}
	}
}

func TestNoColorWins(t *testing.T) {
	for _, theme := range []Theme{{}, {Name: "dark"}, {Name: "light", Colors: map[string]string{"alarm": "red on yellow", "rx": "#123456"}}} {
		styles, err := theme.styles(true)
		if err != nil {
			t.Fatal(err)
		}
		for role, style := range styles {
			if fg, bg, _ := style.Decompose(); fg != tcell.ColorDefault || bg != tcell.ColorDefault {
				t.Errorf("%+v: %s is coloured", theme, role)
			}
		}
	}
}

func TestThemeColors(t *testing.T) {
	theme := Theme{Name: "dark", Colors: map[string]string{"alarm": "Red", "rx": " #FF8700 ", "tab_key": "white  on  navy", "title": "default", "meter": "default on #000000"}}
	styles, err := theme.styles(false)
	if err != nil {
		t.Fatal(err)
	}
	plain := tcell.StyleDefault
	for role, want := range map[styleRole]tcell.Style{
		styleAlarm:  plain.Bold(true).Foreground(tcell.ColorRed),
		styleRx:     plain.Foreground(tcell.NewHexColor(0xff8700)),
		styleTabKey: plain.Foreground(tcell.ColorWhite).Background(tcell.ColorNavy),
		styleTitle:  plain.Underline(true),
		styleMeter:  plain.Background(tcell.NewHexColor(0)),
	} {
		if styles[role] != want {
			t.Errorf("%s: %+v, want %+v", role, styles[role], want)
		}
	}
}

func TestThemeErrors(t *testing.T) {
	parts := strings.Join(themeParts(), ", ")
	for _, tt := range []struct {
		theme Theme
		want  string
	}{
		{Theme{Name: "drak"}, `no theme "drak" (did you mean "dark"?): auto, dark, light, mono`},
		{Theme{Name: "neon\x1b"}, `no theme "neon\\x1b": auto, dark, light, mono`},
		{Theme{Colors: map[string]string{"alarms": "red"}}, `colours: no part "alarms" (did you mean "alarm"?): ` + parts},
		{Theme{Colors: map[string]string{"rx": "maroom"}}, `colours: rx: no colour "maroom" (did you mean "maroon"?): write a name, "#rrggbb" or "default"`},
		{Theme{Colors: map[string]string{"rx": "#12345"}}, `colours: rx: no colour "#12345": write a name, "#rrggbb" or "default"`},
		{Theme{Colors: map[string]string{"rx": "#-12345"}}, `colours: rx: no colour "#-12345": write a name, "#rrggbb" or "default"`},
		{Theme{Colors: map[string]string{"rx": ""}}, `colours: rx: want a colour like "red" or "#ff8700", or "white on navy", got ""`},
		{Theme{Colors: map[string]string{"rx": "red over blue"}}, `colours: rx: want a colour like "red" or "#ff8700", or "white on navy", got "red over blue"`},
		{Theme{Colors: map[string]string{"rx": "red on nowhere"}}, `colours: rx: no colour "nowhere": write a name, "#rrggbb" or "default"`},
	} {
		for _, noColor := range []bool{false, true} { // NO_COLOR hides no mistake
			if _, err := tt.theme.styles(noColor); err == nil || err.Error() != tt.want {
				t.Errorf("%+v: %v\nwant %s", tt.theme, err, tt.want)
			}
		}
		if tt.theme.Check() == nil {
			t.Errorf("%+v: Check finds nothing", tt.theme)
		}
	}
	if err := (Theme{Name: "light"}).Check(); err != nil {
		t.Error(err)
	}
}

package process

import (
	"os"
	"strconv"
	"strings"
	"time"

	"bwmon/traffic"
)

// users names the users of a passwd(5) file, which it reads again when it has
// changed. It is read directly because the program is built without the C
// library's resolver; users of LDAP and the like are shown by number.
type users struct {
	path  string
	names map[uint32]string
	read  time.Time // the file's modification time when it was read
}

func newUsers(path string) *users { return &users{path: path} }

// name is the clean name of uid, or its number.
func (u *users) name(uid uint32) string {
	if info, err := os.Stat(u.path); err == nil && !info.ModTime().Equal(u.read) {
		if b, err := os.ReadFile(u.path); err == nil {
			u.names, u.read = parsePasswd(string(b)), info.ModTime()
		}
	}
	if name, ok := u.names[uid]; ok {
		return name
	}
	return strconv.FormatUint(uint64(uid), 10)
}

// parsePasswd reads name:password:uid:… lines. The first name of a uid counts,
// as it does for getpwuid(3).
func parsePasswd(text string) map[uint32]string {
	names := make(map[uint32]string)
	for line := range strings.Lines(text) {
		f := strings.SplitN(line, ":", 4)
		if len(f) < 4 || f[0] == "" || strings.HasPrefix(f[0], "#") {
			continue
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			continue
		}
		if _, known := names[uint32(uid)]; !known {
			names[uint32(uid)] = traffic.CleanText(f[0], traffic.MaxWord)
		}
	}
	return names
}

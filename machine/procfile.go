package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// procFile is a file of procfs, sysfs or a cgroup that is read again and again: it
// stays open, and each reading makes its text anew. One goroutine uses it.
type procFile struct {
	path string
	fd   int // -1: not open
	// short: the kernel gives the whole text at once where there is room for it, as it
	// does for files of one figure or cgroup, so the end need not be asked for.
	short bool
	// inode is that of the file that was opened last: another one of that name, such as
	// that of a cgroup made anew, has another.
	inode uint64
	buf   []byte
}

// maxProcFile bounds what is read of one file. 1 MiB of /proc/diskstats is some 8,000
// devices.
const maxProcFile = 8 << 20

func newProcFile(path string) *procFile { return &procFile{path: path, fd: -1} }

// read returns the whole text, which is good until the next reading. It opens the file
// where it is not open, and closes it after an error, so that what comes back is found
// again. Of a file that is too large it returns whole lines from its beginning, with
// io.ErrShortBuffer.
func (f *procFile) read() ([]byte, error) {
	if f.fd < 0 {
		fd, err := unix.Open(f.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", f.path, err)
		}
		f.fd = fd
		var stat unix.Stat_t
		if err := unix.Fstat(fd, &stat); err == nil {
			f.inode = stat.Ino
		}
	}
	if f.buf == nil {
		f.buf = make([]byte, 4096)
	}
	for n := 0; ; {
		got, err := unix.Pread(f.fd, f.buf[n:], int64(n))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			f.close()
			return nil, fmt.Errorf("read %s: %w", f.path, err)
		case got == 0:
			return f.buf[:n], nil
		}
		if n += got; n < len(f.buf) {
			if f.short {
				return f.buf[:n], nil
			}
			continue
		}
		if n >= maxProcFile {
			f.close()
			lines := f.buf[:bytes.LastIndexByte(f.buf[:n], '\n')+1]
			return lines, fmt.Errorf("read %s: %w", f.path, io.ErrShortBuffer)
		}
		f.buf = append(f.buf, make([]byte, len(f.buf))...)
	}
}

// changed tells whether /proc/PID/mountinfo has changed since it was asked last, which
// costs less than reading it (proc_pid_mounts(5)); always true of files on other file
// systems, of which the kernel does not say.
func (f *procFile) changed() bool {
	if f.fd < 0 {
		return true
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(f.fd, &fs); err != nil || fs.Type != unix.PROC_SUPER_MAGIC {
		return true
	}
	poll := []unix.PollFd{{Fd: int32(f.fd), Events: unix.POLLPRI}}
	_, err := unix.Poll(poll, 0)
	return err != nil || poll[0].Revents != 0
}

func (f *procFile) close() {
	if f.fd >= 0 {
		unix.Close(f.fd)
		f.fd = -1
	}
}

// fields walks the words of one line, which spaces and tabs divide.
type fields struct{ rest []byte }

// next is the next word, empty after the last.
func (f *fields) next() []byte {
	i := 0
	for i < len(f.rest) && (f.rest[i] == ' ' || f.rest[i] == '\t') {
		i++
	}
	begin := i
	for i < len(f.rest) && f.rest[i] != ' ' && f.rest[i] != '\t' {
		i++
	}
	word := f.rest[begin:i]
	f.rest = f.rest[i:]
	return word
}

// nextLine cuts the first line off text.
func nextLine(text []byte) (line, rest []byte) {
	for i, c := range text {
		if c == '\n' {
			return text[:i], text[i+1:]
		}
	}
	return text, nil
}

// decimal is the number that a word is, all of it digits, and whether it is one that
// fits.
func decimal(word []byte) (uint64, bool) {
	var n uint64
	for _, c := range word {
		d := uint64(c - '0')
		if c < '0' || c > '9' || n > (1<<64-1-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(word) > 0
}

// grown is what a counter that only grows counted after then. Each is judged by itself:
// where one fell its device may be another one of the same name, or the driver has lost
// count of that one alone. What fell to half or less began anew; what fell by less has
// stepped back, as a sum over processors may.
func grown(now, then uint64) uint64 {
	switch {
	case now >= then:
		return now - then
	case now <= then/2:
		return now
	}
	return 0
}

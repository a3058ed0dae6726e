package machine

import (
	"encoding/binary"
	"math"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// speedReader asks drivers for their link speed, in the network namespace of
// the thread that made it. (The files below /sys/class/net are those of the
// namespace sysfs was mounted in.)
type speedReader struct {
	fd  int
	buf [linkSettingsSize]byte
}

// The layout of struct ethtool_link_settings in linux/ethtool.h: cmd, speed,
// twelve single bytes of which the eighth is link_mode_masks_nwords, reserved
// words, then three bitmaps of that many words. 127 is the most a
// signed byte can ask for.
const (
	settingsSpeed    = 4
	settingsWords    = 15
	linkSettingsSize = 48 + 3*127*4
)

func newSpeedReader() (*speedReader, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &speedReader{fd: fd}, nil
}

func (r *speedReader) close() { unix.Close(r.fd) }

// bits is the speed of the named interface in bits per second, 0 where it has
// none or does not tell.
func (r *speedReader) bits(name string) uint64 {
	clear(r.buf[:])
	binary.NativeEndian.PutUint32(r.buf[:], unix.ETHTOOL_GLINKSETTINGS)
	// The first answer is only how many words the bitmaps have, negative.
	if !r.ioctl(name) {
		return 0
	}
	words := int8(r.buf[settingsWords])
	if words >= 0 {
		return 0
	}
	clear(r.buf[:])
	binary.NativeEndian.PutUint32(r.buf[:], unix.ETHTOOL_GLINKSETTINGS)
	r.buf[settingsWords] = byte(-words)
	if !r.ioctl(name) {
		return 0
	}
	mbits := binary.NativeEndian.Uint32(r.buf[settingsSpeed:])
	if mbits == math.MaxUint32 { // SPEED_UNKNOWN
		return 0
	}
	return uint64(mbits) * 1_000_000
}

// settingsRequest is struct ifreq of linux/if.h with its union (24 bytes on
// 64-bit machines, 16 on others) holding a pointer.
type settingsRequest struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

func (r *speedReader) ioctl(name string) bool {
	if len(name) >= unix.IFNAMSIZ {
		return false
	}
	req := settingsRequest{data: unsafe.Pointer(&r.buf)}
	copy(req.name[:], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(r.fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	runtime.KeepAlive(r)
	return errno == 0
}

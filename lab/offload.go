package lab

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolValue is struct ethtool_value of linux/ethtool.h.
type ethtoolValue struct{ cmd, data uint32 }

// ifreqPointer is struct ifreq of linux/if.h with its union holding a pointer.
type ifreqPointer struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// noOffload turns off what lets packets longer than the MTU onto the link.
func (h *Host) noOffload(name string) {
	h.lab.t.Helper()
	// Checksums come last: without them the kernel drops the others anyway,
	// and a driver may then refuse the explicit request.
	features := []uint32{
		unix.ETHTOOL_STSO, unix.ETHTOOL_SGSO, unix.ETHTOOL_SGRO, unix.ETHTOOL_SSG, unix.ETHTOOL_STXCSUM,
	}
	err := h.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, f := range features {
			if err := ethtoolSet(fd, name, f, 0); err != nil {
				return fmt.Errorf("ethtool command %#x: %w", f, err)
			}
		}
		return nil
	})
	if err != nil {
		h.lab.t.Fatalf("turn off offloads of %s on %s: %v", name, h.Name, err)
	}
}

func ethtoolSet(fd int, name string, cmd, data uint32) error {
	value := &ethtoolValue{cmd: cmd, data: data}
	req := &ifreqPointer{data: unsafe.Pointer(value)}
	copy(req.name[:unix.IFNAMSIZ-1], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(req)))
	runtime.KeepAlive(value)
	if errno != 0 {
		return errno
	}
	return nil
}
